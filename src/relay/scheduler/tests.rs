//! Numbers in, numbers out.

use std::time::{Duration, Instant};

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
        place: None,
        batch: None,
        message: None,
        occurred_at: None,
        aged_from: None,
        claimed_at: 0.0,
        asked: Instant::now(),
        lease: Duration::from_hours(1),
        received: Instant::now(),
    }
}

const CONCURRENCY: usize = 100;

fn ended(number: u64, went: Went, ms: u64) -> Ended {
    Ended { number, went, took: Duration::from_millis(ms), concurrency: CONCURRENCY }
}

/// Starts `n` POSTs of a subscription.
fn start(scheduler: &mut Scheduler, subscription: i64, n: usize) -> Vec<u64> {
    (0..n).map(|_| scheduler.started(subscription, CONCURRENCY)).collect()
}

/// Has a subscription answer once, so that it is known as quick.
fn introduce(scheduler: &mut Scheduler, subscription: i64) {
    let number = scheduler.started(subscription, CONCURRENCY);
    scheduler.finished(subscription, ended(number, Went::Well, 5));
}

fn busy(scheduler: &Scheduler, lane: Lane) -> Option<Vec<(i64, i32, i32)>> {
    let mut busy: Vec<_> = scheduler.wanted(lane)?.busy.iter().map(|b| (b.id, b.running, b.limit)).collect();
    busy.sort_unstable();
    Some(busy)
}

#[test]
fn what_is_under_way_is_told_with_what_each_may_have() {
    let mut scheduler = Scheduler::new(256);
    introduce(&mut scheduler, 7);
    start(&mut scheduler, 7, 2);
    start(&mut scheduler, 8, 1);
    assert_eq!(busy(&scheduler, Lane::Open), Some(vec![(7, 2, 4), (8, 1, 4)]));
    let wanted = scheduler.wanted(Lane::Open).expect("a claim");
    assert_eq!(
        (wanted.free, wanted.others_limit, wanted.busy_only),
        (63, 4, false),
        "a quarter, and one is used"
    );
}

#[test]
fn room_is_news_only_to_what_was_held_back() {
    let mut scheduler = Scheduler::new(256);
    let numbers = start(&mut scheduler, 1, 1);
    let news = scheduler.finished(1, ended(numbers[0], Went::Well, 5));
    assert!(!news, "a slot more changes nothing for one that had slots");
    let numbers = start(&mut scheduler, 1, 5);
    assert!(scheduler.holds_back() && scheduler.limited() == [1]);
    assert!(scheduler.finished(1, ended(numbers[0], Went::Well, 5)));
    assert!(!scheduler.holds_back());
    for number in &numbers[1..] {
        scheduler.finished(1, ended(*number, Went::Well, 5));
    }
    assert_eq!(busy(&scheduler, Lane::Open), Some(vec![]), "an idle subscription costs nothing");
}

#[test]
fn a_full_relay_claims_as_soon_as_anything_ends() {
    let mut scheduler = Scheduler::new(4);
    for subscription in [1, 2] {
        introduce(&mut scheduler, subscription);
    }
    let numbers = start(&mut scheduler, 1, 2);
    start(&mut scheduler, 2, 2);
    assert_eq!(scheduler.free(), 0);
    assert!(scheduler.finished(1, ended(numbers[0], Went::Well, 5)));
}

#[test]
fn full_claims_go_round() {
    let mut scheduler = Scheduler::new(32);
    let after = |scheduler: &Scheduler| scheduler.wanted(Lane::Open).expect("a claim").start_after;
    let mut play = |claims: &[i64]| {
        let claims: Vec<Claim> = claims.iter().map(|id| claim(*id)).collect();
        let wanted = Wanted { free: 2, ..scheduler.wanted(Lane::Open).expect("a claim") };
        let unfilled = scheduler.claimed(Lane::Open, &wanted, &claims);
        (after(&scheduler), unfilled)
    };
    assert_eq!(play(&[3, 3]), (3, false));
    assert_eq!(play(&[5, 1]), (5, false), "1 was reached by wrapping around");
    assert_eq!(play(&[1, 2]), (2, false));
    assert_eq!(play(&[9]), (0, true), "nothing was left behind");
}

/// However many they are: 64 POSTs of those that nothing is known of, 128 of slow ones, and the rest is for quick ones.
#[test]
fn the_slow_and_the_unknown_leave_a_quarter_of_the_slots_to_the_quick() {
    let mut scheduler = Scheduler::new(256);
    introduce(&mut scheduler, 1);
    let mut hanging = Vec::new();
    for subscription in 100..1000 {
        let Some(wanted) = scheduler.wanted(Lane::Open).filter(|_| scheduler.lanes()[0] == Lane::Open) else {
            // What has been under way for long moves over, and makes room for further ones.
            let closed = std::mem::take(&mut hanging);
            let room = closed.into_iter().filter(|id| scheduler.overdue(*id)).count();
            if room == 0 {
                break;
            }
            continue;
        };
        for _ in 0..wanted.free.min(wanted.others_limit) {
            scheduler.started(subscription, CONCURRENCY);
            hanging.push(subscription);
        }
    }
    assert_eq!(scheduler.lanes()[0], Lane::Quick, "nothing more for those that nothing is known of");
    assert_eq!(scheduler.wanted(Lane::Slow), None);
    assert!(scheduler.free() >= 64, "{}", scheduler.free());
    assert_eq!(busy(&scheduler, Lane::Quick), Some(vec![(1, 0, 4)]));
    assert!(scheduler.holds_back());
}

#[test]
fn the_slow_have_half_and_a_lane_of_their_own() {
    let mut scheduler = Scheduler::new(8);
    let mut numbers = Vec::new();
    for subscription in 1..=6 {
        introduce(&mut scheduler, subscription);
        let number = start(&mut scheduler, subscription, 1)[0];
        scheduler.overdue(subscription);
        if subscription <= 4 {
            numbers.push(number);
        } else {
            scheduler.finished(subscription, ended(number, Went::Badly, 20_000));
        }
    }
    assert_eq!(scheduler.wanted(Lane::Slow), None, "four of eight");
    assert_eq!(scheduler.limited().len(), 6, "and that is no reason to take one for passed over");
    let open = busy(&scheduler, Lane::Open).expect("a claim");
    assert_eq!(
        open,
        (1..=6).map(|id| (id, i32::from(id <= 4), 0)).collect::<Vec<_>>(),
        "nothing of them in the other"
    );
    assert!(scheduler.finished(1, ended(numbers[0], Went::Badly, 20_000)), "that makes room");
    let slow = scheduler.wanted(Lane::Slow).expect("a claim");
    assert!(slow.free == 1 && slow.busy_only, "{slow:?}");
}

/// When quick ones use all slots they get, the slow ones are asked for first, and so get half of what becomes free.
#[test]
fn the_quick_do_not_shut_out_the_slow() {
    let mut scheduler = Scheduler::new(8);
    introduce(&mut scheduler, 1);
    let wanted = scheduler.wanted(Lane::Open).expect("a claim");
    let claims: Vec<Claim> = (0..wanted.free).map(|_| claim(1)).collect();
    scheduler.claimed(Lane::Open, &wanted, &claims);
    assert_eq!(scheduler.lanes(), [Lane::Slow, Lane::Open]);
    scheduler.claimed(Lane::Open, &wanted, &[]);
    assert_eq!(scheduler.lanes(), [Lane::Open, Lane::Slow]);
}

#[test]
fn no_subscription_has_more_than_half() {
    let mut scheduler = Scheduler::new(8);
    for _ in 0..100 {
        introduce(&mut scheduler, 1);
        let numbers = start(&mut scheduler, 1, 4);
        for number in numbers {
            scheduler.finished(1, ended(number, Went::Well, 5));
        }
    }
    assert_eq!(scheduler.limit(1), (4, Pace::Quick));
    assert_eq!(Scheduler::new(1).half(), 1, "but one at least");
}

#[test]
fn whoever_gets_less_than_a_newcomer_is_named() {
    let mut scheduler = Scheduler::new(256);
    for _ in 0..3 {
        let number = start(&mut scheduler, 1, 1)[0];
        scheduler.finished(1, ended(number, Went::Badly, 5));
    }
    assert_eq!(busy(&scheduler, Lane::Open), Some(vec![(1, 0, 1)]));
}
