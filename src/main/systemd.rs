//! What a service manager is told (`Type=notify`, or `notify-reload`). Without one nothing is sent.
//!
//! READY means: the options are right, and the relay has claimed for the first time or waits for its database, whose
//! absence STATUS then tells. A unit that failed to start for want of a database would be started again for nothing, and
//! whatever is ordered after it with it. WATCHDOG is sent only while `/livez` would say so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use outboxd::health::Health;
use sd_notify::NotifyState;
use tokio::sync::oneshot;
use tracing::warn;

/// Between two looks before it is ready, and after.
const LOOKS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// How long the last messages may hold up the exit.
const FAREWELL: Duration = Duration::from_millis(500);

/// Messages that may wait for a service manager that does not read; more are dropped.
const WAITING_MAX: usize = 64;

/// Talks to the service manager. Clones are the same.
#[derive(Clone)]
pub(crate) struct Systemd(Arc<Told>);

struct Told {
    /// To the thread that talks: a service manager that does not read blocks it, and nothing else.
    messages: Option<SyncSender<Message>>,
    ready: AtomicBool,
    stopping: AtomicBool,
    status: Mutex<String>,
}

enum Message {
    Tell(String),
    /// Answered when all before it has been told.
    Flush(oneshot::Sender<()>),
}

impl Systemd {
    /// Silent when the environment names no socket.
    pub(crate) fn new() -> Self {
        let listens = std::env::var_os("NOTIFY_SOCKET").is_some_and(|socket| !socket.is_empty());
        let messages = listens.then(talk);
        let (ready, stopping) = (AtomicBool::new(false), AtomicBool::new(false));
        Self(Arc::new(Told { messages, ready, stopping, status: Mutex::default() }))
    }

    /// Tells how the relay is doing, until the process ends.
    pub(crate) async fn attend(self, health: Health) {
        if self.0.messages.is_none() {
            return;
        }
        let watchdog = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero());
        let mut fed = tokio::time::Instant::now();
        loop {
            let ready = self.0.ready.load(Ordering::SeqCst) || self.try_ready(&health);
            self.status(&health);
            let mut pause = if ready { LOOKS.1 } else { LOOKS.0 };
            if let Some(limit) = watchdog {
                pause = pause.min(limit / 8);
                if fed.elapsed() >= limit / 2 && health.lifeless().is_empty() {
                    self.send(&[NotifyState::Watchdog]);
                    fed = tokio::time::Instant::now();
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn try_ready(&self, health: &Health) -> bool {
        let ready = health.has_started();
        if ready {
            self.0.ready.store(true, Ordering::SeqCst);
            self.send(&[NotifyState::Ready]);
        }
        ready
    }

    /// STATUS, when it is another than before.
    fn status(&self, health: &Health) {
        let now = match health.unready().into_iter().next() {
            _ if self.0.stopping.load(Ordering::SeqCst) => return,
            None => "delivering".to_owned(),
            // The numbers in it change all the time: what it is about does not.
            Some(reason) => format!("not ready: {reason}"),
        };
        let about = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
        let mut last = self.0.status.lock().unwrap_or_else(PoisonError::into_inner);
        if about(&last) != about(&now) {
            self.send(&[NotifyState::Status(&now)]);
            *last = now;
        }
    }

    /// A reload begins.
    pub(crate) fn reloading(&self) {
        if self.0.ready.load(Ordering::SeqCst)
            && let Ok(moment) = NotifyState::monotonic_usec_now()
        {
            self.send(&[NotifyState::Reloading, moment]);
        }
    }

    /// A reload has ended, one way or the other.
    pub(crate) fn reloaded(&self) {
        if self.0.ready.load(Ordering::SeqCst) {
            self.send(&[NotifyState::Ready]);
        }
    }

    /// A stop begins.
    pub(crate) fn stopping(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
        self.send(&[NotifyState::Stopping, NotifyState::Status("stopping: finishing what is under way")]);
    }

    fn send(&self, states: &[NotifyState<'_>]) {
        let Some(messages) = &self.0.messages else { return };
        let lines: Vec<_> = states.iter().map(ToString::to_string).collect();
        // Full: whoever does not read 64 messages does not miss one more.
        let _ = messages.try_send(Message::Tell(lines.join("\n")));
    }

    /// Waits until all has been told, but not for long: the process is about to end, and the thread that talks with it.
    pub(crate) async fn flush(&self) {
        let Some(messages) = &self.0.messages else { return };
        let (told, done) = oneshot::channel();
        if messages.try_send(Message::Flush(told)).is_ok() {
            let _ = tokio::time::timeout(FAREWELL, done).await;
        }
    }
}

/// Starts the thread that talks; it ends with the process.
fn talk() -> SyncSender<Message> {
    let (sender, messages) = sync_channel::<Message>(WAITING_MAX);
    std::thread::spawn(move || {
        let mut failed = false;
        for message in messages {
            let message = match message {
                Message::Tell(message) => message,
                Message::Flush(told) => {
                    // Nobody waits any more.
                    let _ = told.send(());
                    continue;
                }
            };
            let result = sd_notify::notify(&[NotifyState::Custom(&message)]);
            if let (Err(problem), false) = (&result, failed) {
                warn!("the service manager cannot be told {message:?}: {problem}");
            }
            failed = result.is_err();
        }
    });
    sender
}
