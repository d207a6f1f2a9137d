//! Stopping, as a value that is passed in: the first signal asks for it, tests ask for it themselves.

use std::time::Instant;

use tokio::sync::watch;

/// Asks everything that holds its [`Stop`] to finish.
#[derive(Debug)]
pub struct Stopper(watch::Sender<Option<Instant>>);

/// Says whether to finish, and waits for it.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Option<Instant>>);

/// A stopper and what it stops.
#[must_use]
pub fn channel() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(None);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// From now on, [`Stop::asked`] is true.
    pub fn stop(&self) {
        self.0.send_if_modified(|asked| {
            let first = asked.is_none();
            *asked = asked.or_else(|| Some(Instant::now()));
            first
        });
    }
}

impl Stop {
    /// Whether to finish.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.asked_at().is_some()
    }

    /// Since when.
    #[must_use]
    pub fn asked_at(&self) -> Option<Instant> {
        *self.0.borrow()
    }

    /// Completes when it is time to finish; also when the stopper is gone, for nobody could ask any more.
    pub async fn wait(&mut self) {
        // An error means that the stopper is gone.
        let _ = self.0.wait_for(Option::is_some).await;
    }
}
