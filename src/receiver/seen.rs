//! Which webhook-ids have come before, and how often.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};

/// More are forgotten, the oldest first.
const IDS_MAX: usize = 100_000;

/// Counts webhook-ids. Hashes stand for them, under a key that nobody outside knows: an id may be long.
#[derive(Default)]
pub(super) struct Seen {
    hasher: RandomState,
    times: HashMap<u64, u32>,
    order: VecDeque<u64>,
}

impl Seen {
    /// Notes an id and returns how many times it has come now.
    pub(super) fn note(&mut self, id: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(id);
        let times = self.times.entry(hash).or_default();
        *times = times.saturating_add(1);
        let times = *times;
        if times == 1 {
            self.order.push_back(hash);
            if self.order.len() > IDS_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.times.remove(&oldest);
            }
        }
        times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_counted_and_the_oldest_forgotten() {
        let mut seen = Seen::default();
        assert_eq!([b"a", b"b", b"a", b"a"].map(|id| seen.note(id)), [1, 1, 2, 3]);
        for n in 0..IDS_MAX {
            seen.note(&n.to_be_bytes());
        }
        assert_eq!((seen.order.len(), seen.times.len()), (IDS_MAX, IDS_MAX));
        assert_eq!(seen.note(b"a"), 1);
    }
}
