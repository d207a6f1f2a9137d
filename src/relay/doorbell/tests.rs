//! The rule, played without a database and with a clock that stands still unless told.

use super::*;

const FLOOR: Duration = Duration::from_secs(5);
const MS: Duration = Duration::from_millis(1);

/// A rule, and a clock that stands still unless told.
struct Play {
    rule: Doorbell,
    now: Instant,
    armed: u32,
}

impl Play {
    fn new(bell: Bell) -> Self {
        let now = Instant::now();
        let mut rule = Doorbell::new(FLOOR, now);
        rule.set_bell(bell, now);
        Self { rule, now, armed: 0 }
    }

    /// Does what the rule says until it wants to wait, with claims that find this, then nothing; counts arming.
    /// Returns the pause.
    fn rest(&mut self, mut finds: usize, passed: bool) -> Duration {
        loop {
            match self.rule.next(self.now) {
                Step::Claim => {
                    self.rule.claimed(finds > 0, self.now);
                    finds = finds.saturating_sub(1);
                }
                Step::Arm => {
                    self.armed += 1;
                    self.rule.armed(self.now);
                }
                Step::Horizon => self.rule.horizon(7, self.now),
                Step::Look(id) => {
                    assert_eq!(id, 7);
                    self.rule.looked(passed);
                }
                Step::Disarm => self.rule.disarmed(),
                Step::Wait(until) => return until - self.now,
            }
        }
    }

    /// Work is found by a look after each of these pauses.
    fn finds_every(&mut self, pause: Duration, times: u32) {
        for _ in 0..times {
            self.now += pause;
            self.rule.rung(self.now);
            self.rest(1, true);
        }
    }
}

#[test]
fn a_keeper_without_work_arms_and_sleeps_until_the_floor() {
    let mut play = Play::new(Bell::Kept);
    assert_eq!(play.rest(0, true), FLOOR);
    assert!(play.rule.is_asleep());
    assert_eq!(play.armed, 1);
}

#[test]
fn a_listener_leaves_the_flag_alone() {
    let mut play = Play::new(Bell::Heard);
    assert_eq!(play.rest(0, true), FLOOR);
    play.finds_every(MS, 100);
    play.now += LINGER;
    play.rest(0, true);
    assert!(!play.rule.is_asleep());
    assert_eq!(play.armed, 0);
}

#[test]
fn while_work_comes_often_the_flag_is_not_armed() {
    let mut play = Play::new(Bell::Kept);
    play.rest(0, true);
    // Armed for long enough that the bell was worth it.
    play.now += 2 * CALM;
    play.finds_every(MS, 1000);
    assert_eq!(play.armed, 1, "armed at the start, and not once since");
    assert!(!play.rule.is_asleep());
    // Out of work for longer than the linger: every look on the way is soon.
    let mut waited = Duration::ZERO;
    while !play.rule.is_asleep() {
        let pause = play.rest(0, true);
        if !play.rule.is_asleep() {
            assert!(pause <= 16 * MS, "{pause:?}");
            play.now += pause;
            waited += pause;
        }
    }
    assert!(waited >= LINGER && waited <= 2 * LINGER, "{waited:?}");
    assert_eq!(play.armed, 2);
}

#[test]
fn while_work_is_rare_the_flag_stays_armed() {
    let mut play = Play::new(Bell::Kept);
    play.rest(0, true);
    play.finds_every(20 * MS, 100);
    assert!(play.rule.is_asleep(), "every commit rings, and is found at once");
    assert_eq!(play.armed, 1);
}

#[test]
fn a_keeper_whose_work_others_take_disarms_all_the_same() {
    let mut play = Play::new(Bell::Kept);
    play.rest(0, true);
    let mut rings = 0;
    for _ in 0..1000 {
        play.now += MS;
        if play.rule.phase != Phase::Awake {
            rings += 1;
            play.rule.rung(play.now);
        }
        play.rest(0, true);
    }
    assert!(rings < 100, "{rings} of 1000 commits rang");
}

#[test]
fn one_burst_does_not_make_a_busy_relay() {
    let mut play = Play::new(Bell::Kept);
    play.rest(0, true);
    for _ in 0..10 {
        play.now += FLOOR;
        play.rule.rung(play.now);
        assert_eq!(play.rest(3, true), FLOOR, "three claims found something, the fourth did not");
        assert!(play.rule.is_asleep());
    }
}

#[test]
fn while_a_writer_below_the_horizon_runs_it_looks_at_growing_pauses() {
    let mut play = Play::new(Bell::Kept);
    let mut last = Duration::ZERO;
    for _ in 0..100 {
        let pause = play.rest(0, false);
        assert!(pause > last || pause == FLOOR, "{pause:?} after {last:?}");
        last = pause;
        play.now += pause;
    }
    assert_eq!(last, FLOOR);
    assert!(!play.rule.is_asleep());
    play.rest(0, true);
    assert!(play.rule.is_asleep());
    assert_eq!(play.armed, 1);
}

#[test]
fn without_a_bell_it_looks_by_itself() {
    let mut play = Play::new(Bell::None);
    let mut pauses = Vec::new();
    for _ in 0..10 {
        let pause = play.rest(0, true);
        play.now += pause;
        pauses.push(pause);
    }
    assert_eq!((pauses[0], pauses[9]), PAUSES_WITHOUT_BELL);
    assert!(pauses.is_sorted());
    play.rest(1, true);
    assert_eq!(play.rest(0, true), PAUSES_WITHOUT_BELL.0, "after work the shortest again");
    assert_eq!(play.armed, 0);
}

#[test]
fn rings_for_nothing_are_answered_less_and_less_often() {
    let mut play = Play::new(Bell::Kept);
    play.rest(0, true);
    let mut looks = 0;
    // A listener: a keeper would take them for work that others do.
    play.rule.set_bell(Bell::Heard, play.now);
    play.rest(0, true);
    for _ in 0..1000 {
        play.now += MS;
        play.rule.rung(play.now);
        let waits = matches!(play.rule.next(play.now), Step::Wait(_));
        looks += u32::from(!waits);
        play.rest(0, true);
    }
    assert!((100..=300).contains(&looks), "{looks} looks for 1000 rings in a second");
    play.finds_every(FLOOR, 1);
    play.rule.rung(play.now);
    assert_eq!(play.rule.next(play.now), Step::Claim, "one that led to something counts in full again");
}

#[test]
fn a_full_keeper_disarms_when_commits_ring() {
    let mut play = Play::new(Bell::Kept);
    play.rest(0, true);
    for _ in 0..20 {
        play.now += MS;
        play.rule.rung(play.now);
        play.rule.is_full(play.now);
    }
    assert_eq!(play.rule.next(play.now), Step::Disarm);
}

#[test]
fn a_busy_keeper_clears_what_the_one_before_it_left() {
    let mut play = Play::new(Bell::Kept);
    let mut looks = 0;
    while play.rule.next(play.now) != Step::Disarm {
        play.now += MS;
        play.rule.claimed(true, play.now);
        looks += 1;
        assert!(looks < 20, "it never disarms");
    }
    play.rest(1, true);
    play.finds_every(MS, 100);
    assert_eq!(play.rule.next(play.now + MS), Step::Claim, "once is enough");
}

#[test]
fn on_a_slow_disk_commits_that_ring_come_slowly_and_are_many_all_the_same() {
    for (took, disarms) in [(MS, false), (15 * MS, true)] {
        let mut play = Play::new(Bell::Kept);
        play.rest(0, true);
        for _ in 0..20 {
            play.now += 20 * MS;
            play.rule.rung(play.now);
            play.rule.took(took);
            play.rest(1, true);
        }
        assert_eq!(!play.rule.is_asleep(), disarms, "a claim takes {took:?}");
    }
}

#[test]
fn what_a_full_subscription_gets_does_not_keep_the_bell_ringing() {
    let mut play = Play::new(Bell::Kept);
    play.rest(0, true);
    let mut rings = 0;
    for _ in 0..60_000 {
        play.now += MS;
        if play.rule.phase != Phase::Awake {
            rings += 1;
            play.rule.rung(play.now);
        }
        play.rest(0, true);
    }
    assert!(rings < 600, "{rings} of 60,000 commits rang");
}

#[test]
fn rings_count_each_when_they_are_heard_together() {
    let mut play = Play::new(Bell::Kept);
    play.rest(0, true);
    for _ in 0..2 {
        play.now += GAP_MAX;
        (0..30).for_each(|_| play.rule.rung(play.now));
        play.rest(1, true);
    }
    assert!(!play.rule.is_asleep(), "three hundred commits a second, and one find in a tenth");
}
