//! Which subscriptions may have more POSTs now. Numbers only: no clock, no I/O.

use std::collections::{HashMap, HashSet};

use crate::model::Claim;
use crate::store::Wanted;

/// POSTs under way, in all and per subscription.
#[derive(Debug)]
pub(super) struct Scheduler {
    in_flight_max: usize,
    in_flight: usize,
    /// POSTs under way of each subscription that has any.
    running: HashMap<i64, usize>,
    /// Subscriptions that had no slot left after the last claim: there may be more due for them.
    full: HashSet<i64>,
    start_after: i64,
}

impl Scheduler {
    pub(super) fn new(in_flight_max: usize) -> Self {
        Self { in_flight_max, in_flight: 0, running: HashMap::new(), full: HashSet::new(), start_after: 0 }
    }

    /// Slots left in all.
    pub(super) fn free(&self) -> usize {
        self.in_flight_max.saturating_sub(self.in_flight)
    }

    /// Whether there may be due deliveries that this relay has no slot for.
    pub(super) fn holds_back(&self) -> bool {
        self.free() == 0 || !self.full.is_empty()
    }

    /// What to ask `outbox.claim()` for.
    pub(super) fn wanted(&self) -> Wanted {
        let small = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        Wanted {
            free: small(self.free()),
            busy: self.running.iter().map(|(id, running)| (*id, small(*running))).collect(),
            start_after: self.start_after,
        }
    }

    /// Takes note of a claim's answer: when it filled all slots, the next one goes on where it stopped, so that the
    /// subscriptions behind it get their turn.
    pub(super) fn claimed(&mut self, wanted: &Wanted, claims: &[Claim]) {
        self.start_after = if claims.len() < usize::try_from(wanted.free).unwrap_or(0) {
            0
        } else {
            let after = claims.iter().map(|claim| claim.subscription).filter(|id| *id > wanted.start_after);
            // Ids behind the start come first; when none are left, those from the beginning have been served.
            after.max().or_else(|| claims.iter().map(|claim| claim.subscription).max()).unwrap_or(0)
        };
    }

    /// A POST begins.
    pub(super) fn started(&mut self, subscription: i64, limit: usize) {
        self.in_flight += 1;
        let running = self.running.entry(subscription).or_default();
        *running += 1;
        if *running >= limit {
            self.full.insert(subscription);
        }
    }

    /// A POST has ended. True when that makes room for what was held back, so that it is worth claiming at once.
    pub(super) fn finished(&mut self, subscription: i64) -> bool {
        let was_full = self.free() == 0;
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(running) = self.running.get_mut(&subscription) {
            *running = running.saturating_sub(1);
            if *running == 0 {
                self.running.remove(&subscription);
            }
        }
        self.full.remove(&subscription) || was_full
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn claim(subscription: i64) -> Claim {
        Claim {
            delivery: 0,
            attempt: 1,
            retry_base: 0,
            subscription,
            version: 1,
            event_slot: 0,
            event_id: 0,
            batch: None,
            message: None,
            occurred_at: None,
            claimed_at: 0.0,
            asked: Instant::now(),
            received: Instant::now(),
        }
    }

    #[test]
    fn what_is_under_way_is_told() {
        let mut scheduler = Scheduler::new(10);
        scheduler.started(7, 2);
        assert_eq!(scheduler.wanted().busy, [(7, 1)]);
        scheduler.started(7, 2);
        assert_eq!(scheduler.wanted().busy, [(7, 2)]);
        assert_eq!(scheduler.wanted().free, 8);
    }

    #[test]
    fn room_is_news_only_to_what_was_held_back() {
        let mut scheduler = Scheduler::new(10);
        scheduler.started(1, 5);
        assert!(!scheduler.finished(1), "a slot more changes nothing for one that had slots");
        scheduler.started(1, 1);
        assert!(scheduler.finished(1));
        assert!(scheduler.wanted().busy.is_empty(), "an idle subscription costs nothing");
    }

    #[test]
    fn a_full_relay_claims_as_soon_as_anything_ends() {
        let mut scheduler = Scheduler::new(2);
        scheduler.started(1, 5);
        scheduler.started(2, 5);
        assert_eq!(scheduler.free(), 0);
        assert!(scheduler.finished(2));
    }

    #[test]
    fn full_claims_go_round() {
        let mut scheduler = Scheduler::new(2);
        let wanted = scheduler.wanted();
        scheduler.claimed(&wanted, &[claim(3), claim(3)]);
        assert_eq!(scheduler.wanted().start_after, 3);
        let wanted = scheduler.wanted();
        scheduler.claimed(&wanted, &[claim(5), claim(1)]);
        assert_eq!(scheduler.wanted().start_after, 5, "1 was reached by wrapping around");
        let wanted = scheduler.wanted();
        scheduler.claimed(&wanted, &[claim(1), claim(2)]);
        assert_eq!(scheduler.wanted().start_after, 2);
        let wanted = scheduler.wanted();
        scheduler.claimed(&wanted, &[claim(9)]);
        assert_eq!(scheduler.wanted().start_after, 0, "nothing was left behind");
    }
}
