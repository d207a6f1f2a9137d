//! Standard output, which may take nothing for a long time, and may be gone.

use std::io::Write as _;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::mpsc::{self, Permit, Sender};
use tokio::sync::oneshot::{self, Receiver};
use tokio::time::timeout;

/// How long the last lines are waited for.
const LAST: Duration = Duration::from_secs(1);

/// Lines on standard output. A thread of its own writes them: it may hang there without anybody waiting for it.
pub(super) struct Screen {
    lines: Sender<String>,
    /// Ends with the thread.
    over: Receiver<()>,
}

impl Screen {
    /// Starts the thread.
    pub(super) fn open() -> Result<Self> {
        let (lines, mut waiting) = mpsc::channel::<String>(1);
        let (alive, over) = oneshot::channel();
        let write = move || {
            let _alive = alive;
            while let Some(line) = waiting.blocking_recv() {
                // Whatever the reason, nobody reads any more.
                if let Err(problem) = writeln!(std::io::stdout().lock(), "{line}") {
                    if problem.kind() != std::io::ErrorKind::BrokenPipe {
                        complain(&format!("outboxd: cannot write to standard output: {problem}"));
                    }
                    return;
                }
            }
        };
        thread::Builder::new().name("screen".to_owned()).spawn(write).context("no thread can be started")?;
        Ok(Self { lines, over })
    }

    /// A line, as soon as there is room for it; nothing when nobody reads any more.
    pub(super) async fn say(&self, line: String) {
        let _ = self.lines.send(line).await;
    }

    /// Waits for room for a line.
    pub(super) async fn room(&self) -> Option<Permit<'_, String>> {
        self.lines.reserve().await.ok()
    }

    /// Completes when nobody reads any more.
    pub(super) async fn gone(&self) {
        self.lines.closed().await;
    }

    /// The last line, if there is one, and all before it, if they are read now.
    pub(super) async fn end(self, line: Option<String>) {
        let Self { lines, over } = self;
        let last = async {
            if let Some(line) = line {
                let _ = lines.send(line).await;
            }
            drop(lines);
            let _ = over.await;
        };
        let _ = timeout(LAST, last).await;
    }
}

/// A line on standard error, if anybody reads that.
pub(super) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
