//! Too much for a reader becomes one line a second.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::told::{age, counted};

const SECOND: Duration = Duration::from_secs(1);

/// So many lines in a second, and not many more.
pub(crate) struct Budget {
    lines: usize,
    since: Instant,
    spent: usize,
}

impl Budget {
    pub(crate) fn new(lines: usize) -> Self {
        Self { lines, since: Instant::now(), spent: 0 }
    }

    /// Whether something of so many lines may be told singly: as long as not all is spent, so that nothing is too long.
    pub(crate) fn spend(&mut self, lines: usize) -> bool {
        if self.since.elapsed() > SECOND {
            *self = Self::new(self.lines);
        }
        let enough = self.spent < self.lines;
        self.spent += lines;
        enough
    }
}

/// What was not told singly since the last line.
pub(crate) struct Tally {
    since: Instant,
    transactions: usize,
    rolled_back: usize,
    failures: usize,
    /// Event types and how often they arrived.
    posts: BTreeMap<String, usize>,
    youngest_ms: f64,
    oldest_ms: f64,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            since: Instant::now(),
            transactions: 0,
            rolled_back: 0,
            failures: 0,
            posts: BTreeMap::new(),
            youngest_ms: f64::INFINITY,
            oldest_ms: 0.0,
        }
    }

    pub(crate) fn transaction(&mut self, rolled_back: bool) {
        self.transactions += 1;
        self.rolled_back += usize::from(rolled_back);
    }

    pub(crate) fn post(&mut self, kind: &str, age_ms: f64) {
        *self.posts.entry(kind.to_owned()).or_default() += 1;
        self.youngest_ms = self.youngest_ms.min(age_ms);
        self.oldest_ms = self.oldest_ms.max(age_ms);
    }

    pub(crate) fn failure(&mut self) {
        self.failures += 1;
    }

    /// What there is to be said, once a second has passed since it was last asked.
    pub(crate) fn due(&mut self) -> Vec<String> {
        if self.since.elapsed() < SECOND {
            return Vec::new();
        }
        let done = std::mem::replace(self, Self::new());
        let mut parts = Vec::new();
        if done.transactions > 0 {
            parts.push(counted(done.transactions, "transaction"));
        }
        if done.rolled_back > 0 {
            parts.push(format!("{} of them rolled back", done.rolled_back));
        }
        if done.failures > 0 {
            parts.push(counted(done.failures, "failed attempt"));
        }
        let posts: usize = done.posts.values().sum();
        if posts > 0 {
            let ages = format!("{} to {}", age(done.youngest_ms), age(done.oldest_ms));
            parts.push(format!("{}, all verified, after {ages}", counted(posts, "POST")));
        }
        let kinds: Vec<_> = done.posts.iter().map(|(kind, n)| format!("{n} × {kind}")).collect();
        let sum = (!parts.is_empty()).then(|| format!("… and {}", parts.join(", ")));
        sum.into_iter().chain((!kinds.is_empty()).then(|| format!("  {}", kinds.join(", ")))).collect()
    }
}
