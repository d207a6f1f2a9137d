//! The table of the policy, row by row.

use std::time::{Duration, Instant};

use super::*;
use crate::schedule::{Backoff, Pauses, Schedule};

const SECOND: Duration = Duration::from_secs(1);

/// Attempt 1 of a delivery that is so old.
fn claim(age: Duration) -> Claim {
    let now = Instant::now();
    Claim {
        delivery: 1,
        attempt: 1,
        retry_base: 0,
        subscription: 1,
        version: 1,
        event_slot: 0,
        event_id: 1,
        place: None,
        batch: None,
        message: None,
        occurred_at: None,
        aged_from: Some(1000.0),
        claimed_at: 1000.0 + age.as_secs_f64(),
        asked: now,
        lease: Duration::from_hours(1),
        received: now,
    }
}

fn failed(class: Class, status: Option<u16>) -> Attempt {
    Attempt {
        class,
        status,
        error_class: None,
        error: None,
        response: None,
        retry_after: None,
        declined: false,
        cut_off: false,
        tls: None,
        started: Instant::now(),
        duration: Duration::ZERO,
    }
}

/// Pauses of 4 s at first, drawn by halves; three attempts.
fn policy() -> Policy {
    let backoff = Backoff::new(4 * SECOND, 100 * SECOND).expect("valid");
    let schedule = Schedule { immediate: 0, pauses: Pauses::Backoff(backoff) };
    Policy { max_attempts: 3, schedule, ..Policy::default() }
}

fn of(attempt: &Attempt, policy: &Policy) -> Verdict {
    verdict(attempt, &claim(Duration::ZERO), policy, 0.5).verdict
}

#[test]
fn what_each_answer_means() {
    let again = Verdict::Retry(2 * SECOND);
    for (class, status, expected) in [
        (Class::Delivered, Some(200), Verdict::Delivered),
        (Class::Delivered, Some(204), Verdict::Delivered),
        // A 2xx that is not among the success codes.
        (Class::Rejected, Some(204), again),
        (Class::Rejected, Some(301), again),
        (Class::Rejected, Some(307), again),
        (Class::Rejected, Some(400), again),
        (Class::Rejected, Some(401), again),
        (Class::Rejected, Some(403), again),
        (Class::Rejected, Some(404), again),
        (Class::Rejected, Some(408), again),
        (Class::Rejected, Some(409), again),
        (Class::Rejected, Some(410), Verdict::Gone),
        (Class::Rejected, Some(413), Verdict::Dead),
        (Class::Rejected, Some(415), Verdict::Dead),
        (Class::Rejected, Some(422), again),
        (Class::Rejected, Some(425), again),
        (Class::Rejected, Some(429), again),
        (Class::Rejected, Some(471), again),
        (Class::Rejected, Some(500), again),
        (Class::Rejected, Some(502), again),
        (Class::Rejected, Some(503), again),
        (Class::Rejected, Some(504), again),
        (Class::Rejected, Some(599), again),
        (Class::Rejected, Some(999), again),
        (Class::NotSent, None, again),
        (Class::Unknown, None, again),
    ] {
        assert_eq!(of(&failed(class, status), &policy()), expected, "{class:?} {status:?}");
    }
}

#[test]
fn a_subscription_has_codes_of_its_own() {
    let own = Policy { permanent_codes: vec![400, 404], gone_codes: vec![404, 403], ..policy() };
    for (status, expected) in [
        (400, Verdict::Dead),
        (403, Verdict::Gone),
        // Gone comes before permanent: it says more.
        (404, Verdict::Gone),
        (410, Verdict::Retry(2 * SECOND)),
        (413, Verdict::Retry(2 * SECOND)),
    ] {
        assert_eq!(of(&failed(Class::Rejected, Some(status)), &own), expected, "{status}");
    }
}

#[test]
fn a_receiver_may_end_the_attempts_of_one_delivery() {
    let declined = |status| Attempt { declined: true, ..failed(Class::Rejected, Some(status)) };
    assert_eq!(of(&declined(500), &policy()), Verdict::Dead);
    assert_eq!(of(&declined(302), &policy()), Verdict::Dead);
    assert_eq!(of(&declined(410), &policy()), Verdict::Gone);
    let delivered = Attempt { declined: true, ..failed(Class::Delivered, Some(200)) };
    assert_eq!(of(&delivered, &policy()), Verdict::Delivered);
}

#[test]
fn retry_after_never_shortens_a_pause_and_holds_all_only_where_it_is_about_all() {
    for (status, seconds, pause, hold) in [
        (429, 60, 60, Some(60)),
        (503, 60, 60, Some(60)),
        (429, 1, 2, Some(1)),
        (429, 0, 2, None),
        (500, 60, 60, None),
        // With it even a permanent code is not for ever: 413 with Retry-After is temporary (RFC 9110, 15.5.14).
        (413, 60, 60, None),
        (302, 60, 60, None),
    ] {
        let retry_after = Some(Duration::from_secs(seconds));
        let attempt = Attempt { retry_after, ..failed(Class::Rejected, Some(status)) };
        let decision = verdict(&attempt, &claim(Duration::ZERO), &policy(), 0.5);
        assert_eq!(decision.verdict, Verdict::Retry(pause * SECOND), "{status}");
        assert_eq!(decision.hold, hold.map(Duration::from_secs), "{status}");
    }
}

#[test]
fn attempts_are_counted_since_the_last_retry_by_hand() {
    for (number, retry_base, expected) in [
        (2, 0, Verdict::Retry(4 * SECOND)),
        (3, 0, Verdict::Dead),
        (4, 3, Verdict::Retry(2 * SECOND)),
        (6, 3, Verdict::Dead),
    ] {
        let claim = Claim { attempt: number, retry_base, ..claim(Duration::ZERO) };
        let decision = verdict(&failed(Class::Rejected, Some(500)), &claim, &policy(), 0.5);
        assert_eq!(decision.verdict, expected, "attempt {number}, base {retry_base}");
    }
}

#[test]
fn age_ends_a_delivery_before_its_next_attempt_would_begin() {
    let max_age = Policy { max_age: Some(60 * SECOND), ..policy() };
    let failure = failed(Class::Unknown, None);
    for (age, expected) in [
        (0, Verdict::Retry(2 * SECOND)),
        (57, Verdict::Retry(2 * SECOND)),
        (58, Verdict::Dead),
        (70, Verdict::Dead),
    ] {
        assert_eq!(verdict(&failure, &claim(age * SECOND), &max_age, 0.5).verdict, expected, "{age} s");
    }
    assert_eq!(too_old(&claim(59 * SECOND), &max_age), None);
    assert_eq!(too_old(&claim(60 * SECOND), &max_age).map(|decision| decision.verdict), Some(Verdict::Dead));
}

#[test]
fn what_lives_for_a_time_expires_when_that_is_over_and_no_later() {
    let ttl = Policy { ttl: Some(60 * SECOND), max_age: Some(60 * SECOND), max_attempts: 1000, ..policy() };
    let failure = failed(Class::NotSent, None);
    assert_eq!(verdict(&failure, &claim(60 * SECOND), &ttl, 0.5).verdict, Verdict::Expired);
    assert_eq!(too_old(&claim(59 * SECOND), &ttl), None);
    assert_eq!(too_old(&claim(60 * SECOND), &ttl).map(|decision| decision.verdict), Some(Verdict::Expired));
    let long = Policy { max_age: None, ..ttl };
    let long =
        Policy { schedule: Schedule { immediate: 0, pauses: Pauses::Delays(vec![600 * SECOND]) }, ..long };
    let Verdict::Retry(pause) = verdict(&failure, &claim(50 * SECOND), &long, 0.0).verdict else {
        panic!("it is not over yet");
    };
    assert!(pause > 9 * SECOND && pause < 11 * SECOND, "{pause:?}");
}
