//! The `outboxd` binary as an operator meets it: arguments, environment, lines, signals, exit code.

use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::{lock, process};

/// How long a command that is expected to end may take.
const RUN_TIMEOUT: Duration = Duration::from_mins(1);

/// How long a killed process may take to be gone.
const KILL_GRACE: Duration = Duration::from_secs(5);

/// Where the binary is.
#[derive(Clone, Debug)]
pub struct Outboxd {
    binary: PathBuf,
}

/// What a finished run left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The exit code; 128 and the signal's number when a signal ended it.
    pub code: i32,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
}

impl Outboxd {
    /// A handle on this binary; nothing runs yet.
    pub fn new(binary: &Path) -> Self {
        Self { binary: binary.to_owned() }
    }

    /// Runs the binary to its end. Panics when that takes longer than a minute.
    pub fn run(&self, args: &[&str], env: &[(&str, &str)]) -> Output {
        self.run_within(args, env, RUN_TIMEOUT)
    }

    /// Runs the binary to its end. Panics, with what it printed, when that takes longer.
    pub fn run_within(&self, args: &[&str], env: &[(&str, &str)], within: Duration) -> Output {
        let output = process::run(self.command(args, env), Vec::new(), within);
        Output {
            code: code_of(output.status),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Starts the binary and returns at once.
    pub fn spawn(&self, args: &[&str], env: &[(&str, &str)]) -> RelayProcess {
        RelayProcess::start(self.command(args, env), Stdio::null()).0
    }

    /// As [`Outboxd::spawn`], with a standard input to write to; it ends when it is dropped.
    pub fn spawn_with_input(&self, args: &[&str], env: &[(&str, &str)]) -> (RelayProcess, ChildStdin) {
        RelayProcess::with_input(self.command(args, env))
    }

    /// As [`Outboxd::spawn`], in this folder.
    pub fn spawn_in(&self, folder: &Path, args: &[&str], env: &[(&str, &str)]) -> RelayProcess {
        let mut command = self.command(args, env);
        command.current_dir(folder);
        RelayProcess::start(command, Stdio::null()).0
    }

    fn command(&self, args: &[&str], env: &[(&str, &str)]) -> Command {
        let mut command = Command::new(&self.binary);
        process::clean_environment(&mut command);
        // What `outboxd dev` starts is of the release that is being tested.
        if let Some(programs) = std::env::var_os("OUTBOXD_TEST_PG_BIN") {
            command.env("OUTBOXD_PG_BIN", programs);
        }
        // A tenth of a second of each start is the reading of authorities that no subscriber here has its certificate from.
        command.env("SSL_CERT_FILE", "/dev/null");
        // Subscribers are on this machine; what a test says of it itself comes after.
        command.env("OUTBOXD_ALLOW_ADDRESS", "127.0.0.0/8");
        command.args(args).envs(env.iter().copied());
        command
    }
}

/// A running process. It is killed when this value is dropped.
pub struct RelayProcess {
    pid: u32,
    watched: Arc<Watched>,
}

#[derive(Default)]
struct Watched {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<String>,
    /// How many of the two streams have ended.
    ended: u8,
    exit: Option<ExitStatus>,
}

impl State {
    /// Nothing can follow: the process is gone and all it wrote is here.
    fn is_over(&self) -> bool {
        self.exit.is_some() && self.ended == 2
    }
}

impl RelayProcess {
    /// Starts any command, with a standard input to write to.
    pub fn with_input(command: Command) -> (Self, ChildStdin) {
        let (process, input) = Self::start(command, Stdio::piped());
        (process, input.expect("stdin is a pipe"))
    }

    fn start(mut command: Command, stdin: Stdio) -> (Self, Option<ChildStdin>) {
        let shown = format!("{command:?}");
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {shown}: {error}"));
        let (pid, input) = (child.id(), child.stdin.take());
        let watched = Arc::new(Watched::default());
        collect(child.stdout.take().expect("stdout is a pipe"), &watched);
        collect(child.stderr.take().expect("stderr is a pipe"), &watched);
        let reaper = Arc::clone(&watched);
        thread::spawn(move || {
            let status = child.wait().expect("our own child can be waited for");
            reaper.update(|state| state.exit = Some(status));
        });
        (Self { pid, watched }, input)
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Everything printed so far, both streams in the order of arrival.
    pub fn lines(&self) -> Vec<String> {
        lock(&self.watched.state).lines.clone()
    }

    /// How many lines were printed so far: a place for [`RelayProcess::wait_for_line_from`].
    pub fn mark(&self) -> usize {
        lock(&self.watched.state).lines.len()
    }

    /// Waits for a line with this text among all lines ever printed, and returns it. Panics with
    /// the lines when it does not come in time or the process ends without it.
    #[track_caller]
    pub fn wait_for_line(&self, text: &str, within: Duration) -> String {
        self.wait_for_line_from(0, text, within)
    }

    /// As [`RelayProcess::wait_for_line`], among the lines printed after a [`RelayProcess::mark`].
    #[track_caller]
    pub fn wait_for_line_from(&self, mark: usize, text: &str, within: Duration) -> String {
        let find = |state: &State| state.lines.iter().skip(mark).find(|line| line.contains(text)).cloned();
        let found = self.watched.wait(within, |state| find(state).is_some() || state.is_over(), find);
        found.unwrap_or_else(|| {
            let state = lock(&self.watched.state);
            let lines = state.lines.join("\n");
            panic!("no line with {text:?} within {within:?}; exit {:?}; lines:\n{lines}", state.exit)
        })
    }

    /// Sends a signal, named as `kill` names it: `TERM`, `INT`, `HUP`, `STOP`, `CONT`, `KILL`.
    pub fn signal(&self, name: &str) {
        // Not to a process that is gone: its number may belong to another one by now.
        let alive = lock(&self.watched.state).exit.is_none();
        assert!(alive && process::kill(self.pid, name), "process {} takes no SIG{name}", self.pid);
    }

    /// Whether it still runs.
    pub fn is_running(&self) -> bool {
        lock(&self.watched.state).exit.is_none()
    }

    /// Whether it ends in time.
    pub fn ends_within(&self, within: Duration) -> bool {
        self.watched.wait(within, State::is_over, State::is_over)
    }

    /// Waits for the end and returns the exit code (128 and the signal's number when a signal ended
    /// it); [`RelayProcess::lines`] is complete then. Panics with the lines when it does not end.
    #[track_caller]
    pub fn wait(&self, within: Duration) -> i32 {
        let exit = self.watched.wait(within, State::is_over, |state| state.exit);
        let Some(status) = exit else {
            panic!("still running after {within:?}; lines:\n{}", self.lines().join("\n"));
        };
        code_of(status)
    }
}

impl Drop for RelayProcess {
    fn drop(&mut self) {
        if self.is_running() {
            process::kill(self.pid, "KILL");
            self.watched.wait(KILL_GRACE, |state| state.exit.is_some(), |_| ());
        }
    }
}

impl Watched {
    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut lock(&self.state));
        self.changed.notify_all();
    }

    /// Waits until something is so, or for the time given, and looks.
    fn wait<T>(&self, within: Duration, done: impl Fn(&State) -> bool, look: impl Fn(&State) -> T) -> T {
        let waited = self.changed.wait_timeout_while(lock(&self.state), within, |state| !done(state));
        look(&waited.unwrap_or_else(PoisonError::into_inner).0)
    }
}

/// Collects a stream's lines in a thread that ends with the stream.
fn collect(stream: impl Read + Send + 'static, watched: &Arc<Watched>) {
    let watched = Arc::clone(watched);
    thread::spawn(move || {
        for bytes in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&bytes).into_owned();
            watched.update(|state| state.lines.push(line));
        }
        watched.update(|state| state.ended += 1);
    });
}

fn code_of(status: ExitStatus) -> i32 {
    status.code().or_else(|| Some(128 + status.signal()?)).expect("an ended process has a code or a signal")
}
