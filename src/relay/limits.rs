//! How many POSTs at a time each subscription may have, learnt from how those before went. Numbers only: no clock, no I/O.
//!
//! A subscription begins with a small share and gets one more for each success, until something goes wrong: then it gets half,
//! and grows slowly from there (additive increase, multiplicative decrease, as TCP does it). What counts as wrong is what more
//! POSTs at a time would make worse: time-outs, refusals, 429 and 5xx, and successes that take far longer than the quickest.
//!
//! And it has a *pace*, which says how dangerous it is to others: slots are taken by POSTs that take long, not by those that
//! fail. See [`Pace`].

use std::time::Duration;

/// A POST that takes longer makes its subscription slow, at once and not when it has ended. One that is answered sooner gives
/// its slot back before anybody waits for it: at 256 slots that is 256 POSTs a second.
pub(super) const SLOW: Duration = Duration::from_secs(1);
/// So many POSTs in a row that take less make it quick again.
const QUICK_AGAIN: u32 = 3;
/// A success that takes so many times as long as the quickest ones says that there are too many at a time.
const FAR_ABOVE: f64 = 8.0;
/// But not below this: quick is quick, whatever the quickest.
const NOTABLE_MS: f64 = 100.0;
/// By how much of the difference the memory of the quickest moves towards each other success: the endpoint may have moved.
const FORGETTING: f64 = 0.01;

/// How long a subscription keeps its slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Nothing has come back yet.
    Unknown,
    /// It answers within [`SLOW`].
    Quick,
    /// It does not.
    Slow,
}

/// How a POST went, as far as the number of POSTs at a time is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Went {
    /// Delivered.
    Well,
    /// It says nothing: the subscriber answers, and does not want this one; or nothing was sent.
    Neither,
    /// No answer, or one that says that it was too much.
    Badly,
}

/// What is known of one subscription.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    /// POSTs at a time; at least 1.
    now: f64,
    /// Up to here it grows by one for each success, beyond by one for each round of them.
    threshold: f64,
    /// The quickest successes, in milliseconds.
    floor_ms: Option<f64>,
    pace: Pace,
    /// Quick ones in a row since it became slow.
    quick: u32,
    /// Numbers the POSTs.
    started: u64,
    /// What began up to this one is of the time before the last decrease, and does not bring about another.
    decreased_at: u64,
}

impl Limit {
    /// One of which nothing is known.
    pub(super) fn new(share: usize) -> Self {
        Self {
            now: float(share.max(1)),
            threshold: f64::INFINITY,
            floor_ms: None,
            pace: Pace::Unknown,
            quick: 0,
            started: 0,
            decreased_at: 0,
        }
    }

    /// POSTs at a time.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to some thousands")]
    pub(super) fn posts(&self) -> usize {
        self.now as usize
    }

    /// Whether something went wrong with more than it has now.
    pub(super) fn is_reduced(&self) -> bool {
        self.threshold.is_finite()
    }

    pub(super) fn pace(&self) -> Pace {
        self.pace
    }

    /// A POST begins; its number.
    pub(super) fn started(&mut self) -> u64 {
        self.started += 1;
        self.started
    }

    /// A POST has taken longer than [`SLOW`] and goes on. That alone is no reason for fewer: some endpoints are like that.
    pub(super) fn overdue(&mut self) {
        self.pace = Pace::Slow;
        self.quick = 0;
    }

    /// A POST has ended. `busy`: how many there were at that time, this one included; `most`: no more than that at a time ever.
    pub(super) fn ended(&mut self, number: u64, went: Went, took: Duration, busy: usize, most: usize) {
        self.keep_pace(went, took);
        match went {
            Went::Badly => self.decrease(number),
            Went::Well if self.is_far_above(took) => self.decrease(number),
            // What was not used says nothing about more.
            Went::Well if busy * 2 >= self.posts() => self.increase(),
            Went::Well | Went::Neither => {}
        }
        self.now = self.now.clamp(1.0, float(most.max(1)));
    }

    fn keep_pace(&mut self, went: Went, took: Duration) {
        if took > SLOW {
            self.pace = Pace::Slow;
            self.quick = 0;
            return;
        }
        match self.pace {
            Pace::Unknown if went == Went::Well => self.pace = Pace::Quick,
            Pace::Slow => {
                self.quick += 1;
                if self.quick >= QUICK_AGAIN {
                    self.pace = Pace::Quick;
                }
            }
            Pace::Unknown | Pace::Quick => {}
        }
    }

    /// Also takes note of how long it took.
    fn is_far_above(&mut self, took: Duration) -> bool {
        let ms = took.as_secs_f64() * 1000.0;
        let Some(floor) = self.floor_ms else {
            self.floor_ms = Some(ms);
            return false;
        };
        self.floor_ms = Some(if ms < floor { ms } else { floor + (ms - floor) * FORGETTING });
        ms > NOTABLE_MS && ms > floor * FAR_ABOVE
    }

    fn increase(&mut self) {
        self.now += if self.now < self.threshold { 1.0 } else { 1.0 / self.now };
    }

    /// Once for all POSTs that were under way together.
    fn decrease(&mut self, number: u64) {
        if number > self.decreased_at {
            self.decreased_at = self.started;
            self.now = (self.now / 2.0).max(1.0);
            self.threshold = self.now;
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "some thousands")]
fn float(posts: usize) -> f64 {
    posts as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_millis(5);
    const LONG: Duration = Duration::from_secs(20);

    /// Ends `n` POSTs, one after the other, each with the limit used up.
    fn play(limit: &mut Limit, n: usize, went: Went, took: Duration) {
        for _ in 0..n {
            let number = limit.started();
            limit.ended(number, went, took, limit.posts(), 64);
        }
    }

    #[test]
    fn it_grows_by_one_for_each_success_up_to_what_it_may() {
        let mut limit = Limit::new(4);
        play(&mut limit, 1, Went::Well, QUICK);
        assert_eq!((limit.posts(), limit.pace()), (5, Pace::Quick));
        play(&mut limit, 100, Went::Well, QUICK);
        assert_eq!(limit.posts(), 64);
    }

    #[test]
    fn what_is_not_used_does_not_grow() {
        let mut limit = Limit::new(4);
        for _ in 0..100 {
            let number = limit.started();
            limit.ended(number, Went::Well, QUICK, 1, 64);
        }
        assert_eq!(limit.posts(), 4);
    }

    #[test]
    fn a_failure_halves_it_once_for_all_that_were_under_way_and_it_comes_back_slowly() {
        let mut limit = Limit::new(4);
        play(&mut limit, 12, Went::Well, QUICK);
        assert_eq!(limit.posts(), 16);
        let numbers: Vec<u64> = (0..16).map(|_| limit.started()).collect();
        for number in numbers {
            limit.ended(number, Went::Badly, QUICK, 16, 64);
        }
        assert_eq!(limit.posts(), 8);
        play(&mut limit, 8, Went::Well, QUICK);
        assert_eq!(limit.posts(), 8, "one more takes a round of successes");
        play(&mut limit, 1, Went::Well, QUICK);
        assert_eq!(limit.posts(), 9);
        play(&mut limit, 10, Went::Badly, QUICK);
        assert_eq!(limit.posts(), 1, "never nothing");
    }

    #[test]
    fn who_answers_and_does_not_want_it_is_neither_good_nor_bad() {
        let mut limit = Limit::new(4);
        play(&mut limit, 10, Went::Neither, QUICK);
        assert_eq!((limit.posts(), limit.pace()), (4, Pace::Unknown));
    }

    #[test]
    fn a_success_far_above_the_quickest_is_too_much_of_it() {
        let mut limit = Limit::new(8);
        play(&mut limit, 8, Went::Well, Duration::from_millis(50));
        assert_eq!(limit.posts(), 16);
        play(&mut limit, 1, Went::Well, Duration::from_millis(500));
        assert_eq!((limit.posts(), limit.pace()), (8, Pace::Quick));
        let mut quick = Limit::new(8);
        play(&mut quick, 1, Went::Well, Duration::from_micros(500));
        play(&mut quick, 1, Went::Well, Duration::from_millis(80));
        assert_eq!(quick.posts(), 10, "quick is quick");
    }

    #[test]
    fn it_is_slow_as_soon_as_one_is_overdue_and_quick_again_after_three() {
        let mut limit = Limit::new(4);
        play(&mut limit, 4, Went::Well, QUICK);
        let numbers = [limit.started(), limit.started()];
        limit.overdue();
        assert_eq!((limit.posts(), limit.pace()), (8, Pace::Slow), "it may be like that");
        for number in numbers {
            limit.ended(number, Went::Badly, LONG, 2, 64);
        }
        assert_eq!(limit.posts(), 4, "it is not");
        play(&mut limit, 2, Went::Well, QUICK);
        assert_eq!(limit.pace(), Pace::Slow);
        play(&mut limit, 1, Went::Well, LONG);
        play(&mut limit, 2, Went::Well, QUICK);
        assert_eq!(limit.pace(), Pace::Slow, "in a row");
        play(&mut limit, 1, Went::Well, QUICK);
        assert_eq!(limit.pace(), Pace::Quick);
    }

    #[test]
    fn whose_first_post_hangs_is_slow_and_whose_first_is_answered_is_quick() {
        let mut limit = Limit::new(4);
        assert_eq!(limit.pace(), Pace::Unknown);
        limit.started();
        limit.overdue();
        assert_eq!((limit.posts(), limit.pace()), (4, Pace::Slow));
    }

    #[test]
    fn an_endpoint_that_always_takes_its_time_gets_as_many_as_it_bears() {
        let mut limit = Limit::new(4);
        for _ in 0..100 {
            let number = limit.started();
            limit.overdue();
            limit.ended(number, Went::Well, 2 * SLOW, limit.posts(), 16);
        }
        assert_eq!((limit.posts(), limit.pace()), (16, Pace::Slow));
    }
}
