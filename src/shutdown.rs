//! Stopping, as a value that is passed in: the first signal asks for it, tests ask for it themselves.

use tokio::sync::watch;

/// Asks everything that holds its [`Stop`] to finish.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Says whether to finish, and waits for it.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

/// A stopper and what it stops.
#[must_use]
pub fn channel() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// From now on, [`Stop::asked`] is true.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Whether to finish.
    #[must_use]
    pub fn asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes when it is time to finish; also when the stopper is gone, for nobody could ask any more.
    pub async fn wait(&mut self) {
        // An error means that the stopper is gone.
        let _ = self.0.wait_for(|asked| *asked).await;
    }
}
