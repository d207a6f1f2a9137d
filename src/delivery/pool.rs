//! Connections kept alive between POSTs, one set per destination and TLS identity.
//!
//! A TLS handshake with client certificates costs far more than the POST after it, and native-tls resumes no sessions, so
//! an idle connection is worth keeping. Ours rather than hyper-util's legacy client because a request must be told apart
//! that was never written (`not_sent`) from one that may have arrived (`unknown`), also when the deadline strikes, and
//! because that client's pool knows host and port but not the certificate.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::connect::Connection;
use super::dial::Dialler;
use super::endpoint::{Destination, Key};
use super::oauth::Tokens;
use super::peers::Peers;
use super::rollover::Rollover;
use super::shared::Shared;

/// Below the idle limit of common servers and load balancers (60 s and more), so that we close first.
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// More idle connections to one destination than this are closed.
const IDLE_MAX: usize = 256;

/// Idle connections, newest last, what opens others, and what else one POST leaves for the next.
pub struct Pool {
    pub(super) dialler: Arc<Dialler>,
    idle: Mutex<HashMap<Key, Vec<(Connection, Instant)>>>,
    /// Those that several requests are under way on at a time.
    pub(super) shared: Shared,
    /// Who takes the successor of a certificate.
    pub(super) rollover: Arc<Rollover>,
    /// Tokens for subscribers who want one.
    pub(super) tokens: Tokens,
    peers: Peers,
}

impl Pool {
    /// Without a connection yet; `dialler` opens them.
    #[must_use]
    pub fn new(dialler: Dialler) -> Self {
        let dialler = Arc::new(dialler);
        Self {
            rollover: Arc::new(Rollover::new(Arc::clone(&dialler))),
            dialler,
            idle: Mutex::default(),
            shared: Shared::default(),
            tokens: Tokens::default(),
            peers: Peers::default(),
        }
    }

    /// An idle connection to `destination` that still looks open, if there is one: the one used last.
    pub(super) fn take(&self, destination: &Destination) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.get_mut(&destination.key())?;
        while let Some((connection, since)) = waiting.pop() {
            if connection.sender.is_ready() && since.elapsed() < IDLE_LIMIT {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose last response was read to its end.
    pub(super) fn put(&self, destination: &Destination, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.entry(destination.key()).or_default();
        if waiting.len() < IDLE_MAX && !connection.sender.is_closed() {
            waiting.push((connection, Instant::now()));
        }
    }

    /// Closes all idle connections: what they were opened with is out of date. So are tokens, and who took which certificate.
    pub fn clear(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.shared.clear();
        self.rollover.clear();
        self.tokens.clear();
    }

    /// The certificates that subscribers have shown.
    #[must_use]
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Closes what has been idle for too long; to be called every few seconds.
    pub fn sweep(&self) {
        self.shared.sweep(IDLE_LIMIT);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|_, waiting| {
            waiting
                .retain(|(connection, since)| !connection.sender.is_closed() && since.elapsed() < IDLE_LIMIT);
            !waiting.is_empty()
        });
    }
}
