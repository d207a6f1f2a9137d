//! The certificates that subscribers have shown: whose run out is worth knowing before it happens.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::endpoint::Destination;
use crate::pem::Facts;

/// More destinations than this are not kept in mind.
const KEPT_MAX: usize = 1000;
/// Who was not connected to for so long is forgotten.
const AGE_MAX: Duration = Duration::from_hours(24);

/// The last certificate of each destination.
#[derive(Default)]
pub struct Peers {
    seen: Mutex<BTreeMap<String, (Facts, Instant)>>,
    news: Notify,
}

impl Peers {
    pub(super) fn note(&self, destination: &Destination, facts: &Facts) {
        let name = destination.name();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = seen.get(&name).map(|(before, _)| before);
        let is_new = before != Some(facts);
        if before.is_none() && seen.len() >= KEPT_MAX {
            return;
        }
        seen.insert(name, (facts.clone(), Instant::now()));
        drop(seen);
        if is_new {
            self.news.notify_one();
        }
    }

    /// All of them, by host and port.
    #[must_use]
    pub fn all(&self) -> Vec<(String, Facts)> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, (_, at)| at.elapsed() < AGE_MAX);
        seen.iter().map(|(name, (facts, _))| (name.clone(), facts.clone())).collect()
    }

    /// Completes when one was seen that was not seen before.
    pub async fn news(&self) {
        self.news.notified().await;
    }
}
