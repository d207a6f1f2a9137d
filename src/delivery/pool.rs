//! Connections kept alive between POSTs, one set per destination and TLS identity.
//!
//! A TLS handshake with client certificates costs far more than the POST after it, and native-tls resumes no sessions, so
//! an idle connection is worth keeping. Ours rather than hyper-util's legacy client because a request must be told apart
//! that was never written (`not_sent`) from one that may have arrived (`unknown`), also when the deadline strikes, and
//! because that client's pool knows host and port but not the certificate.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::connect::Sender;
use super::endpoint::{Destination, Key};
use super::shared::Shared;

/// Below the idle limit of common servers and load balancers (60 s and more), so that we close first.
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// More idle connections to one destination than this are closed.
const IDLE_MAX: usize = 256;

/// Idle connections, newest last.
#[derive(Default)]
pub struct Pool {
    idle: Mutex<HashMap<Key, Vec<(Sender, Instant)>>>,
    /// Those that are not idle only because nobody uses them.
    pub(super) shared: Shared,
}

impl Pool {
    /// An idle connection to `destination` that still looks open, if there is one: the one used last.
    pub(super) fn take(&self, destination: &Destination) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.get_mut(&destination.key())?;
        while let Some((sender, since)) = waiting.pop() {
            if sender.is_ready() && since.elapsed() < IDLE_LIMIT {
                return Some(sender);
            }
        }
        None
    }

    /// Keeps a connection whose last response was read to its end.
    pub(super) fn put(&self, destination: &Destination, sender: Sender) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.entry(destination.key()).or_default();
        if waiting.len() < IDLE_MAX && !sender.is_closed() {
            waiting.push((sender, Instant::now()));
        }
    }

    /// Closes all idle connections: what they were opened with is out of date.
    pub fn clear(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.shared.clear();
    }

    /// Closes what has been idle for too long; to be called every few seconds.
    pub fn sweep(&self) {
        self.shared.sweep(IDLE_LIMIT);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|_, waiting| {
            waiting.retain(|(sender, since)| !sender.is_closed() && since.elapsed() < IDLE_LIMIT);
            !waiting.is_empty()
        });
    }
}
