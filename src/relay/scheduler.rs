//! Which subscriptions may have more POSTs now. Numbers only: no clock, no I/O.
//!
//! Slots are what subscriptions could take from each other, and they are taken by POSTs that take long. So those that are
//! slow ([`Pace::Slow`]) never have more than half of the slots together, those of which nothing is known yet a quarter, both
//! three quarters, however many they are and whatever their concurrency; and no subscription has more than half. What is left
//! is for those that answer quickly, whose slots come back by themselves.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::limits::{Limit, Pace, Went};
use crate::model::Claim;
use crate::store::{Busy, Wanted};

/// POSTs at a time of a subscription of which nothing is known, where there are slots enough.
const SHARE_MAX: usize = 4;
/// Beyond so many subscriptions those that would get on without are forgotten.
const KEPT_MAX: usize = 10_000;

/// Whom a claim is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Everybody but the slow ones: quick ones, and those that nothing is known of.
    Open,
    /// Quick ones alone: those that nothing is known of have all they may.
    Quick,
    /// The slow ones.
    Slow,
}

/// POSTs under way, in all and per subscription, and how many each may have.
#[derive(Debug)]
pub(super) struct Scheduler {
    in_flight_max: usize,
    in_flight: usize,
    /// POSTs under way of each subscription that has any.
    running: HashMap<i64, usize>,
    limits: HashMap<i64, Limit>,
    /// POSTs under way by the pace of their subscription.
    by_pace: [usize; 3],
    /// Those that may have less than one of which nothing is known: slow, or something went wrong.
    restricted: HashSet<i64>,
    /// Subscriptions that had no slot left after the last claim: there may be more due for them.
    full: HashSet<i64>,
    /// Where the last full claim of each lane stopped.
    start_after: [i64; 3],
    /// The last claim for quick ones took all it could: so it is the turn of the slow ones.
    slow_first: bool,
}

/// How many slots may be taken now, by whom.
struct Budgets {
    slow: usize,
    unknown: usize,
}

impl Scheduler {
    pub(super) fn new(in_flight_max: usize) -> Self {
        Self {
            in_flight_max,
            in_flight: 0,
            running: HashMap::new(),
            limits: HashMap::new(),
            by_pace: [0; 3],
            restricted: HashSet::new(),
            full: HashSet::new(),
            start_after: [0; 3],
            slow_first: false,
        }
    }

    /// Slots left in all.
    pub(super) fn free(&self) -> usize {
        self.in_flight_max.saturating_sub(self.in_flight)
    }

    /// Whether there may be due deliveries that this relay has no slot for.
    pub(super) fn holds_back(&self) -> bool {
        self.free() == 0 || !self.full.is_empty() || self.is_closed()
    }

    /// Subscriptions that get nothing from a claim whatever is due for them; not those that nothing is known of.
    pub(super) fn limited(&self) -> Vec<i64> {
        let slow_is_closed = self.budgets().slow == 0;
        let slow = self.restricted.iter().filter(|id| slow_is_closed && self.pace(**id) == Pace::Slow);
        self.full.iter().chain(slow).copied().collect()
    }

    /// The claims to be made, in this order.
    pub(super) fn lanes(&self) -> [Lane; 2] {
        let quick = if self.budgets().unknown < self.worthwhile() { Lane::Quick } else { Lane::Open };
        if self.slow_first { [Lane::Slow, quick] } else { [quick, Lane::Slow] }
    }

    /// What to ask `outbox.claim()` for; `None` when there is nothing to ask for.
    pub(super) fn wanted(&self, lane: Lane) -> Option<Wanted> {
        let budgets = self.budgets();
        let free = self.free().min(match lane {
            Lane::Open => budgets.unknown,
            Lane::Quick => self.in_flight_max,
            Lane::Slow => budgets.slow,
        });
        let busy: Vec<Busy> = match lane {
            Lane::Open => {
                self.running.keys().chain(self.idle_restricted()).map(|id| self.open(*id)).collect()
            }
            Lane::Quick => self.with_room(Pace::Quick, self.limits.keys()),
            Lane::Slow => self.with_room(Pace::Slow, self.restricted.iter()),
        };
        if free == 0 || lane != Lane::Open && busy.is_empty() {
            return None;
        }
        Some(Wanted {
            free: small(free),
            busy,
            others_limit: small(self.share()),
            busy_only: lane != Lane::Open,
            start_after: self.start_after[lane as usize],
        })
    }

    /// Takes note of a claim's answer: when it filled all slots, the next one goes on where it stopped, so that the
    /// subscriptions behind it get their turn. True when it could have taken more of whatever was due.
    pub(super) fn claimed(&mut self, lane: Lane, wanted: &Wanted, claims: &[Claim]) -> bool {
        let filled = claims.len() >= usize::try_from(wanted.free).unwrap_or(0);
        self.start_after[lane as usize] = if filled {
            let after = claims.iter().map(|claim| claim.subscription).filter(|id| *id > wanted.start_after);
            // Ids behind the start come first; when none are left, those from the beginning have been served.
            after.max().or_else(|| claims.iter().map(|claim| claim.subscription).max()).unwrap_or(0)
        } else {
            0
        };
        self.slow_first = lane != Lane::Slow && filled;
        lane == Lane::Open && !filled
    }

    /// A POST begins; its number.
    pub(super) fn started(&mut self, subscription: i64, concurrency: usize) -> u64 {
        if self.limits.len() >= KEPT_MAX && !self.limits.contains_key(&subscription) {
            self.limits.retain(|id, _| self.running.contains_key(id) || self.restricted.contains(id));
        }
        let share = self.share();
        self.in_flight += 1;
        let running = self.running.entry(subscription).or_default();
        *running += 1;
        let limit = self.limits.entry(subscription).or_insert_with(|| Limit::new(share));
        let number = limit.started();
        self.by_pace[limit.pace() as usize] += 1;
        if *running >= limit.posts().min(concurrency) {
            self.full.insert(subscription);
        }
        number
    }

    /// A POST has taken long and goes on. True when that makes room for others.
    pub(super) fn overdue(&mut self, subscription: i64) -> bool {
        let (was_closed, before) = (self.is_closed(), self.pace(subscription));
        if let Some(limit) = self.limits.get_mut(&subscription) {
            limit.overdue();
        }
        self.note(subscription, before);
        was_closed && !self.is_closed()
    }

    /// A POST has ended. True when that makes room for what was held back, so that it is worth claiming at once.
    pub(super) fn finished(&mut self, subscription: i64, ended: Ended) -> bool {
        let held_back = self.free() == 0 || self.is_closed();
        let busy = self.running.get(&subscription).copied().unwrap_or(0);
        let (most, before) = (ended.concurrency.min(self.half()), self.pace(subscription));
        self.in_flight = self.in_flight.saturating_sub(1);
        self.by_pace[before as usize] = self.by_pace[before as usize].saturating_sub(1);
        if let Some(limit) = self.limits.get_mut(&subscription) {
            limit.ended(ended.number, ended.went, ended.took, busy, most);
        }
        if busy <= 1 {
            self.running.remove(&subscription);
        } else {
            self.running.insert(subscription, busy - 1);
        }
        self.note(subscription, before);
        let has_room =
            busy <= 1 || busy <= self.limits.get(&subscription).map_or(most, Limit::posts).min(most);
        has_room && self.full.remove(&subscription) || held_back
    }

    /// How many POSTs at a time it may have, for the log.
    pub(super) fn limit(&self, subscription: i64) -> (usize, Pace) {
        self.limits.get(&subscription).map_or((self.share(), Pace::Unknown), |l| (l.posts(), l.pace()))
    }

    fn pace(&self, subscription: i64) -> Pace {
        self.limits.get(&subscription).map_or(Pace::Unknown, Limit::pace)
    }

    /// After a change of its limit; `before` is the pace it had.
    fn note(&mut self, subscription: i64, before: Pace) {
        let (posts, pace) = self.limit(subscription);
        if pace != before {
            let running = self.running.get(&subscription).copied().unwrap_or(0);
            self.by_pace[before as usize] = self.by_pace[before as usize].saturating_sub(running);
            self.by_pace[pace as usize] += running;
        }
        let reduced = self.limits.get(&subscription).is_some_and(Limit::is_reduced);
        if pace == Pace::Slow || reduced && posts < SHARE_MAX {
            self.restricted.insert(subscription);
        } else {
            self.restricted.remove(&subscription);
        }
    }

    fn half(&self) -> usize {
        (self.in_flight_max / 2).max(1)
    }

    fn quarter(&self) -> usize {
        (self.in_flight_max / 4).max(1)
    }

    /// What a subscription gets that nothing is known of: little enough that several find room, and one when there is trouble, or
    /// when all are new: of a thousand of which a hundred are dead, those must not take what the others need to become known.
    fn share(&self) -> usize {
        let [slow, unknown] = [Pace::Slow, Pace::Unknown].map(|pace| self.by_pace[pace as usize]);
        if slow + unknown < self.quarter() { (self.quarter() / 4).clamp(1, SHARE_MAX) } else { 1 }
    }

    /// With fewer slots for the unknown, claims would be small for all.
    fn worthwhile(&self) -> usize {
        (self.quarter() / 4).max(1)
    }

    fn budgets(&self) -> Budgets {
        let [slow, unknown] = [Pace::Slow, Pace::Unknown].map(|pace| self.by_pace[pace as usize]);
        let both = self.in_flight_max.saturating_sub(self.quarter()).max(1).saturating_sub(slow + unknown);
        Budgets {
            slow: self.half().saturating_sub(slow).min(both),
            unknown: self.quarter().saturating_sub(unknown).min(both),
        }
    }

    /// Whether some get less than they could use, so that others find room.
    fn is_closed(&self) -> bool {
        let budgets = self.budgets();
        budgets.unknown < self.worthwhile()
            || budgets.slow == 0 && !self.with_room(Pace::Slow, self.restricted.iter()).is_empty()
    }

    fn idle_restricted(&self) -> impl Iterator<Item = &i64> {
        self.restricted.iter().filter(|id| !self.running.contains_key(id))
    }

    /// In the open lane: slow ones have one of their own.
    fn open(&self, id: i64) -> Busy {
        let (posts, pace) = self.limit(id);
        let limit = if pace == Pace::Slow { 0 } else { posts };
        Busy { id, running: small(self.running.get(&id).copied().unwrap_or(0)), limit: small(limit) }
    }

    fn with_room<'a>(&'a self, pace: Pace, ids: impl Iterator<Item = &'a i64>) -> Vec<Busy> {
        ids.filter_map(|id| {
            let (posts, its) = self.limit(*id);
            let running = self.running.get(id).copied().unwrap_or(0);
            (its == pace && running < posts && !self.full.contains(id)).then(|| Busy {
                id: *id,
                running: small(running),
                limit: small(posts),
            })
        })
        .collect()
    }
}

/// What is to be said of a POST that has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    /// What [`Scheduler::started`] has returned.
    pub(super) number: u64,
    pub(super) went: Went,
    pub(super) took: Duration,
    /// What its subscription may have at a time.
    pub(super) concurrency: usize,
}

fn small(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests;
