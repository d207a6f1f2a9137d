//! Who makes the directory and the server, and takes both away again however we end.
//!
//! A shell in a process group of its own, deaf to a terminal's signals. It runs one command after the other, as we tell
//! it over a pipe; and the end of that pipe, which the kernel brings about however we end, is the order to stop the
//! server and remove the directory. Since everything that makes something is run by the guard itself, nothing is ever
//! in the making behind its back: when we are killed during `initdb`, it sees the end of `initdb` and then ours.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Account, Surroundings, ThrowawayError};

/// `$1` is `pg_ctl`, `$2` the directory, which must not be there yet. Commands come as one word per line and an empty line;
/// the answer is the exit code. `put` writes a file, whose lines come with a sign in front, since an empty word is none; it
/// is a function, so that no secret is ever among the arguments of a process. Where a server was, whoever it was that
/// ended it, its orphans may write for a moment.
const SCRIPT: &str = r#"
trap '' HUP INT TERM QUIT PIPE
umask 077
mkdir "$2" || { echo 1; exit; }
mkdir "$2/data" "$2/s"; echo $?
pg_ctl=$1 base=$2
lines() { for line do printf '%s\n' "${line#?}"; done; }
put() (
  set -C
  how=$1 file=$base/$2
  shift 2
  case $how in
    new) lines "$@" >"$file" ;;
    behind) lines "$@" >>"$file" ;;
    before) { lines "$@" && cat "$file"; } >"$file.new" && mv "$file.new" "$file" ;;
  esac
)
set --
while IFS= read -r word; do
  if test -n "$word"; then set -- "$@" "$word"; continue; fi
  "$@" </dev/null >"$base/said" 2>&1; echo $?
  set --
done
cd /
if test -f "$base/data/postmaster.pid"; then
  "$pg_ctl" stop -D "$base/data" -m immediate -t 20 ||
    { "$pg_ctl" status -D "$base/data" && kill -9 "$(head -n 1 "$base/data/postmaster.pid")"; }
fi >/dev/null 2>&1
for pause in 0 1 1 3 5; do sleep $pause; rm -rf "$base"; test -e "$base" || exit 0; done
exit 1
"#;

/// How long the directory, or a file in it, may take.
const MAKING: Duration = Duration::from_secs(20);

/// How long the guard may take to stop the server and remove its directory before we go without it.
const CLEANING: Duration = Duration::from_mins(1);

/// The shell, as long as it is needed.
#[derive(Debug)]
pub(super) struct Guard {
    base: PathBuf,
    line: Mutex<Line>,
}

#[derive(Debug)]
struct Line {
    shell: Child,
    /// `None` once it was told to clean up.
    orders: Option<ChildStdin>,
    answers: Receiver<String>,
}

/// Where lines go in a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Put {
    /// Into a new one, which must not be there yet.
    New,
    /// To the end of one.
    Behind,
    /// To the beginning of one.
    Before,
}

/// What a command came to.
#[derive(Debug)]
pub(super) struct Said {
    /// Whether its exit code was 0.
    pub(super) success: bool,
    /// What it printed, to both streams.
    pub(super) text: String,
}

impl Guard {
    /// Starts the shell, which makes the directory `base` with `data` and `s` in it, all of them private.
    pub(super) fn start(
        surroundings: &Surroundings,
        account: Option<Account>,
        pg_ctl: &Path,
        base: &Path,
    ) -> Result<Self, ThrowawayError> {
        let mut command = surroundings.command("/bin/sh");
        command.args(["-c", SCRIPT, "outboxd-guard"]).arg(pg_ctl).arg(base).current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        if let Some(account) = account {
            account.run(&mut command);
        }
        let failed = |source| ThrowawayError::Program { program: "/bin/sh".into(), source };
        let mut shell = command.spawn().map_err(failed)?;
        let (orders, printed) = (shell.stdin.take(), shell.stdout.take());
        let (sender, answers) = channel();
        // Ends with the shell.
        std::thread::spawn(move || {
            for answer in
                printed.into_iter().flat_map(|pipe| BufReader::new(pipe).lines()).map_while(Result::ok)
            {
                if sender.send(answer).is_err() {
                    break;
                }
            }
        });
        let guard = Self { base: base.to_owned(), line: Mutex::new(Line { shell, orders, answers }) };
        let made = guard.line().answers.recv_timeout(MAKING);
        match made.as_deref() {
            Ok("0") => Ok(guard),
            _ => Err(ThrowawayError::Directory(base.to_owned())),
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a program to its end, as the account that owns the directory.
    pub(super) fn run(&self, words: &[&OsStr], within: Duration) -> Result<Said, ThrowawayError> {
        let program = || words.first().map(PathBuf::from).unwrap_or_default();
        if words.iter().any(|word| word.is_empty() || word.as_bytes().contains(&b'\n')) {
            return Err(ThrowawayError::Word(program()));
        }
        let mut order = words.join(OsStr::new("\n"));
        order.push("\n\n");
        let mut line = self.line();
        let orders = line.orders.as_mut().ok_or(ThrowawayError::GuardGone)?;
        orders
            .write_all(order.as_bytes())
            .and_then(|()| orders.flush())
            .map_err(|_| ThrowawayError::GuardGone)?;
        match line.answers.recv_timeout(within) {
            Ok(code) => {
                let printed = std::fs::read(self.base.join("said")).unwrap_or_default();
                Ok(Said { success: code == "0", text: String::from_utf8_lossy(&printed).into_owned() })
            }
            Err(RecvTimeoutError::Disconnected) => Err(ThrowawayError::GuardGone),
            Err(RecvTimeoutError::Timeout) => {
                // Its answer would be taken for that of the next command: no more commands.
                line.orders = None;
                Err(ThrowawayError::Slow { program: program(), after: within })
            }
        }
    }

    /// Writes a file in the directory as the account that owns it: we may be root, and must not follow its links.
    pub(super) fn put(&self, how: Put, name: &str, text: &str) -> Result<Said, ThrowawayError> {
        let how = match how {
            Put::New => "new",
            Put::Behind => "behind",
            Put::Before => "before",
        };
        let lines: Vec<String> = text.lines().map(|line| format!("|{line}")).collect();
        let words = ["put", how, name].into_iter().chain(lines.iter().map(String::as_str));
        self.run(&words.map(OsStr::new).collect::<Vec<_>>(), MAKING)
    }

    /// Makes a directory in it.
    pub(super) fn make(&self, path: &Path) -> Result<Said, ThrowawayError> {
        self.run(&[OsStr::new("mkdir"), path.as_os_str()], MAKING)
    }

    /// Has everything taken away. True when it is gone.
    pub(super) fn clean_up(&self) -> bool {
        let mut line = self.line();
        line.orders = None;
        // Answers to commands that were given up on may come before the end.
        let ended = loop {
            match line.answers.recv_timeout(CLEANING) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break true,
                Err(RecvTimeoutError::Timeout) => break false,
            }
        };
        if ended {
            // Not its code: another round of ours may have come first. What counts is below.
            let _ = line.shell.wait();
        }
        !self.base.exists()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.clean_up();
    }
}
