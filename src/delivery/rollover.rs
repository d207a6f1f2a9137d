//! Which certificate a subscriber is shown while there are two: the current one and its successor.
//!
//! Nobody tells us when a subscriber begins to take the successor, and a POST must not be what finds out. So a handshake asks,
//! in the background, per destination; POSTs go on with the current one until it was taken. One that is refused is shown again
//! after a while. A POST falls back on the other certificate in the same attempt when its own was refused, which happens before
//! anything of it is read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::info;

use super::dial::Dialler;
use super::endpoint::{Destination, Key};
use super::failure::Failure;
use super::handshake::handshake;
use crate::identity;

/// After the successor was refused.
const REFUSED_PAUSE: Duration = Duration::from_mins(10);
/// After there was no answer to the question.
const UNKNOWN_PAUSE: Duration = Duration::from_mins(1);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// A handshake is under way.
    Asking,
    /// A handshake went well.
    Taken,
    /// A request was answered, too.
    Proven,
    /// Not to be asked again before.
    Refused(Instant),
    /// Nothing is known; not to be asked again before.
    Unknown(Instant),
}

/// What is known of who takes which successor.
pub(super) struct Rollover {
    dialler: Arc<Dialler>,
    /// By destinations with the successor for identity.
    verdicts: Mutex<HashMap<Key, Verdict>>,
}

/// What to connect with, and what else may be tried when that certificate is refused.
pub(super) struct Choice {
    pub(super) first: Destination,
    pub(super) second: Option<Destination>,
}

impl Rollover {
    /// Asks over `dialler`.
    pub(super) fn new(dialler: Arc<Dialler>) -> Self {
        Self { dialler, verdicts: Mutex::default() }
    }

    /// Chooses, and asks in the background where nothing is known.
    pub(super) fn choose(self: &Arc<Self>, destination: &Destination) -> Choice {
        let current = || destination.clone();
        let now = identity::now();
        let identity = destination.tls.as_ref();
        let next = identity.and_then(|identity| identity.next.clone()).filter(|next| next.holds(now));
        let Some(next) = next else { return Choice { first: current(), second: None } };
        let next = Destination { tls: Some(next), ..current() };
        if !identity.is_none_or(|identity| identity.holds(now)) {
            // Nobody takes one that has ended.
            return Choice { first: next, second: None };
        }
        match self.look(&next) {
            Verdict::Taken | Verdict::Proven => Choice { first: next, second: Some(current()) },
            Verdict::Refused(_) => Choice { first: current(), second: None },
            Verdict::Asking | Verdict::Unknown(_) => Choice { first: current(), second: Some(next) },
        }
    }

    /// What is known, after starting to find out what is not.
    fn look(self: &Arc<Self>, next: &Destination) -> Verdict {
        let mut verdicts = self.lock();
        let known = verdicts.get(&next.key()).copied();
        let known = known.filter(|known| match known {
            Verdict::Refused(until) | Verdict::Unknown(until) => Instant::now() < *until,
            _ => true,
        });
        known.unwrap_or_else(|| {
            verdicts.insert(next.key(), Verdict::Asking);
            let (rollover, next) = (Arc::clone(self), next.clone());
            tokio::spawn(async move {
                let asked = handshake(&next, &rollover.dialler).await;
                rollover.learn(&next, asked.as_ref().map(drop), Verdict::Taken);
            });
            Verdict::Asking
        })
    }

    /// What a request came to that was sent with `destination`'s certificate.
    pub(super) fn sent(&self, destination: &Destination, result: Result<(), &Failure>) {
        if destination.tls.as_ref().is_some_and(|identity| identity.is_next) {
            self.learn(destination, result, Verdict::Proven);
        }
    }

    fn learn(&self, next: &Destination, result: Result<(), &Failure>, good: Verdict) {
        let known = self.lock().get(&next.key()).copied();
        let verdict = match result {
            Ok(()) if known == Some(Verdict::Proven) => Verdict::Proven,
            Ok(()) => good,
            Err(failure) if failure.refuses_us() => Verdict::Refused(Instant::now() + REFUSED_PAUSE),
            // Under TLS 1.3 a reset may overtake the alert, so that a refusal looks like this.
            Err(failure) if failure.word == "connection_lost" && known == Some(Verdict::Taken) => {
                Verdict::Refused(Instant::now() + REFUSED_PAUSE)
            }
            Err(_) if known == Some(Verdict::Asking) => Verdict::Unknown(Instant::now() + UNKNOWN_PAUSE),
            Err(_) => return,
        };
        self.lock().insert(next.key(), verdict);
        let identity = next.tls.as_ref().map(|identity| identity.name.as_str()).unwrap_or_default();
        let destination = next.name();
        let took = |verdict| matches!(verdict, Verdict::Taken | Verdict::Proven);
        match verdict {
            Verdict::Taken | Verdict::Proven if !known.is_some_and(took) => {
                info!(identity, destination, "the next certificate is taken, and used from now on");
            }
            Verdict::Refused(_) if !matches!(known, Some(Verdict::Refused(_))) => {
                info!(identity, destination, "the next certificate is refused; the current one stays in use");
            }
            _ => {}
        }
    }

    /// Forgets everything: certificates were read again.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Verdict>> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
