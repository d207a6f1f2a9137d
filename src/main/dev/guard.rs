//! Cleans up behind `outboxd dev` in an existing database, however that ends.
//!
//! A process of its own, in a process group of its own, deaf to signals that can be ignored. It waits for the end of its
//! standard input, which the kernel brings about when `dev` is gone, and then removes the subscription. It does so at an
//! orderly end too: one way, always taken, is one that works.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use outboxd::conninfo::Conninfo;
use outboxd::dev;
use outboxd::store::{Leftovers, OpenError, Trouble, Workbench, removal};

use super::ground;
use super::screen::complain;
use crate::signals;

/// How long it is tried to get in, and the pause between two tries: a minute, which a restart of the server takes.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(500);

/// How long one waits for the lock without a word.
const TOLD_AFTER: Duration = Duration::from_secs(2);

/// After how many refusals, of the statement or of the login, it is given up: the next will be no different.
const REFUSALS: u32 = 5;

/// What it says when it stands, and before it waits.
const READY: &str = "ready";
const WAITING: &str = "waiting for ";

/// The other process, seen from `dev`.
pub(super) struct Guard {
    process: Child,
    /// While it is open, nothing is cleaned up.
    line: Option<ChildStdin>,
    /// What it says.
    answers: BufReader<ChildStdout>,
}

impl Guard {
    /// Starts it for what begins with `name` in the database at `url`. That goes over the pipe: it may hold a password, and
    /// everybody can read arguments.
    pub(super) fn start(url: &str, name: &str) -> Result<Self> {
        let program = std::env::current_exe().context("where this program is cannot be found out")?;
        let mut command = Command::new(program);
        // Where we are, as the connection string may name files from there.
        command.arg("dev-guard").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().context("the process that cleans up cannot be started")?;
        let answers = process.stdout.take().context("the process that cleans up has no output")?;
        let mut line = process.stdin.take();
        if let Some(line) = &mut line {
            writeln!(line, "{}\n{name}", url.replace('\n', " "))
                .context("the process that cleans up has ended")?;
        }
        let mut guard = Self { process, line, answers: BufReader::new(answers) };
        // From here on it is deaf, has been in the database, and waits.
        let mut said = String::new();
        guard.answers.read_line(&mut said)?;
        if said.trim() != READY {
            guard.line = None;
            guard.answers.read_to_string(&mut said)?;
            let ended = guard.process.wait()?;
            bail!("the process that cleans up cannot do so: {}", or_else(&said, ended));
        }
        Ok(guard)
    }

    /// Has it clean up, and tells what it did; blocks until then.
    pub(super) fn clean_up(&mut self) -> Result<String> {
        self.line = None;
        let mut said = String::new();
        loop {
            said.clear();
            if self.answers.read_line(&mut said)? == 0 || !said.starts_with(WAITING) {
                break;
            }
            complain(said.trim());
        }
        self.answers.read_to_string(&mut said)?;
        let ended = self.process.wait()?;
        if !ended.success() {
            bail!("{}", or_else(&said, ended));
        }
        Ok(said.trim().to_owned())
    }
}

/// What it said, or how it ended where it said nothing.
fn or_else(said: &str, ended: ExitStatus) -> String {
    match said.trim() {
        "" => format!(
            "the process that cleans up ended without a word ({ended}); the next `outboxd dev` there does it"
        ),
        said => said.to_owned(),
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.line.is_some() {
            // The problem that led here is the one to be told; what is left over, the next start removes.
            let _ = self.clean_up();
        }
    }
}

/// `outboxd dev-guard`. It tells `dev`, since nobody reads its standard error.
pub(crate) async fn stand() -> Result<ExitCode> {
    signals::ignore()?;
    let (said, code) = match watch().await {
        Ok(done) => (done, ExitCode::SUCCESS),
        Err(problem) => (format!("{problem:#}"), ExitCode::FAILURE),
    };
    // Nobody reads it when `dev` is gone already.
    let _ = answer(&said);
    Ok(code)
}

/// Stands by until `dev` is gone, then cleans up; says what was done.
async fn watch() -> Result<String> {
    let told = tokio::task::spawn_blocking(|| {
        let (mut url, mut name) = (String::new(), String::new());
        let mut input = std::io::stdin().lock();
        input.read_line(&mut url)?;
        input.read_line(&mut name)?;
        std::io::Result::Ok((url, name))
    });
    let (url, name) = told.await??;
    let name = name.trim();
    if name.is_empty() {
        bail!("this is run by `outboxd dev`");
    }
    let info = ground::existing(url.trim())?;
    // While there is somebody to tell that it cannot be done.
    drop(Workbench::open(&info).await?);
    let _ = answer(READY);
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()))
        .await??;
    clean_up(&info, name).await
}

/// Removes what is there of `name`, and says what that was. Waits a minute for a server that is away, not for one that
/// refuses.
async fn clean_up(info: &Conninfo, name: &str) -> Result<String> {
    let began = Instant::now();
    let (mut refusals, mut told) = (0, false);
    let why = loop {
        let why = match clear(info, name).await {
            Ok(Some(done)) => return Ok(done),
            // Also `dev` itself, whose last statement may still run.
            Ok(None) => {
                if !told && began.elapsed() > TOLD_AFTER {
                    told = true;
                    let _ = answer(&format!(
                        "{WAITING}whoever else develops at {}; Ctrl-C does not wait",
                        info.describe()
                    ));
                }
                "somebody else develops there".to_owned()
            }
            Err(problem) => {
                let refused = is_refusal(&problem);
                refusals = if refused { refusals + 1 } else { 0 };
                if !refused && !told {
                    told = true;
                    let _ = answer(&format!(
                        "{WAITING}the database at {}; Ctrl-C does not wait",
                        info.describe()
                    ));
                }
                problem.to_string()
            }
        };
        if refusals == REFUSALS || began.elapsed() > PATIENCE {
            break why;
        }
        tokio::time::sleep(PAUSE).await;
    };
    let by_hand = removal(name);
    bail!(
        "subscription of {name} could not be removed: {why}; the next `outboxd dev` there tries again, and so may you: \
         {by_hand}"
    )
}

/// Whether the server said no, rather than nothing.
fn is_refusal(problem: &OpenError) -> bool {
    match problem {
        OpenError::Connect(problem) => !problem.is_transient(),
        OpenError::Setup(problem) => matches!(problem.trouble(), Trouble::Refused | Trouble::Data),
    }
}

/// What went; `None` while somebody holds the lock.
async fn clear(info: &Conninfo, name: &str) -> Result<Option<String>, OpenError> {
    let workbench = Workbench::open(info).await?;
    if !workbench.hold().await? {
        return Ok(None);
    }
    if !workbench.is_installed().await? {
        return Ok(Some(format!(
            "schema outbox is gone, and dev's subscription with it, from {}",
            info.describe()
        )));
    }
    let (_, deliveries) = workbench.clear(Leftovers::Of(name)).await?;
    Ok(Some(dev::removed(name, deliveries, &info.describe())))
}

/// A line for `dev`.
fn answer(text: &str) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{text}").and_then(|()| output.flush())
}
