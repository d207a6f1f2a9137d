//! Which claims are one POST, and what follows from it for each: one answer, as many outcomes as it had events.

use std::collections::HashMap;

use super::verdict::{Decision, verdict};
use crate::delivery::batch;
use crate::model::{Attempt, Claim, Class, Message, Policy, Verdict};

/// By these a subscriber says that it does not like what is in a POST, as by the subscription's permanent codes.
const ABOUT_CONTENT: [u16; 3] = [400, 413, 422];

/// The claims by POST, those of one in the order of their events.
pub(super) fn posts(claims: Vec<Claim>) -> Vec<Vec<Claim>> {
    let mut posts: Vec<Vec<Claim>> = Vec::new();
    let mut places = HashMap::new();
    for claim in claims {
        match claim.batch.map(|batch| *places.entry((claim.subscription, batch)).or_insert(posts.len())) {
            Some(place) if place < posts.len() => posts[place].push(claim),
            _ => posts.push(vec![claim]),
        }
    }
    for post in &mut posts {
        post.sort_by_key(|claim| (claim.event_id, claim.delivery));
    }
    posts
}

/// What a POST sends: the message of a claim by itself, an array where the subscription takes several. `None` where there is
/// nothing.
pub(super) fn message(claims: &[Claim]) -> Option<Message> {
    let messages: Option<Vec<&Message>> = claims.iter().map(|claim| claim.message.as_ref()).collect();
    let messages = messages?;
    let first = *messages.first()?;
    let together = if claims[0].batch.is_some() { batch(&messages) } else { None };
    // What has no body is by itself, and says why.
    Some(together.unwrap_or_else(|| first.clone()))
}

/// What follows for one of `events` that shared a POST, and whether it shares none any more. Nothing dies by a POST that
/// others were in: what would, and what was refused for what was in the POST, is tried by itself.
pub(super) fn follow(
    attempt: &Attempt,
    claim: &Claim,
    policy: &Policy,
    events: usize,
    fraction: f64,
) -> (Decision, bool) {
    let decision = verdict(attempt, claim, policy, fraction);
    if events < 2 {
        return (decision, false);
    }
    let about_content = attempt.class == Class::Rejected
        && attempt.status.is_some_and(|s| ABOUT_CONTENT.contains(&s) || policy.permanent_codes.contains(&s));
    let pause = match decision.verdict {
        Verdict::Delivered | Verdict::Gone | Verdict::Expired | Verdict::Cancelled => {
            return (decision, false);
        }
        _ if about_content => attempt.retry_after.unwrap_or_default(),
        Verdict::Dead => {
            let failures = (claim.attempt - claim.retry_base).max(1).unsigned_abs();
            let left = policy.max_age.map(|max_age| max_age.saturating_sub(claim.age().unwrap_or_default()));
            let pause = policy.schedule.pause(failures, fraction);
            // Soon enough for a POST of its own, before it is too old for one.
            let pause = left.map_or(pause, |left| pause.min(left / 2));
            pause.max(attempt.retry_after.unwrap_or_default())
        }
        Verdict::Retry(_) => return (decision, false),
    };
    (Decision { verdict: Verdict::Retry(pause), reason: None, ..decision }, true)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::schedule::{Backoff, Pauses, Schedule};

    fn claim(subscription: i64, event_id: i64, batch: Option<i32>) -> Claim {
        let now = Instant::now();
        Claim {
            delivery: event_id,
            attempt: 1,
            retry_base: 0,
            subscription,
            version: 1,
            event_slot: 0,
            event_id,
            place: None,
            batch,
            message: None,
            occurred_at: None,
            aged_from: None,
            claimed_at: 0.0,
            asked: now,
            lease: Duration::from_hours(1),
            received: now,
        }
    }

    #[test]
    fn a_post_is_what_has_one_number_and_one_subscription() {
        let claims =
            [(1, 5, Some(1)), (1, 2, Some(1)), (2, 3, None), (2, 4, None), (3, 6, Some(1)), (1, 7, Some(2))];
        let claims = claims.map(|(subscription, event, batch)| claim(subscription, event, batch));
        let events: Vec<Vec<i64>> = posts(claims.to_vec())
            .iter()
            .map(|post| post.iter().map(|claim| claim.event_id).collect())
            .collect();
        assert_eq!(events, [vec![2, 5], vec![3], vec![4], vec![6], vec![7]]);
    }

    /// It has its own POST before it is too old for one.
    #[test]
    fn what_would_be_too_old_for_the_next_pause_is_tried_alone_before() {
        let pauses =
            Pauses::Backoff(Backoff::new(Duration::from_mins(1), Duration::from_mins(1)).expect("valid"));
        let policy = Policy {
            max_age: Some(Duration::from_secs(10)),
            schedule: Schedule { immediate: 0, pauses },
            ..Policy::default()
        };
        let claim = Claim { aged_from: Some(0.0), claimed_at: 4.0, ..claim(1, 1, Some(1)) };
        let outcome = |retry_after| Attempt { retry_after, ..failed(Class::Rejected, Some(503), &claim) };
        let (decision, alone) = follow(&outcome(None), &claim, &policy, 3, 0.5);
        let Verdict::Retry(pause) = decision.verdict else { panic!("{decision:?}") };
        assert!(alone && pause > Duration::from_secs(2) && pause <= Duration::from_secs(3), "{pause:?}");
        // What the subscriber asks for is not cut short.
        let (decision, _) = follow(&outcome(Some(Duration::from_secs(20))), &claim, &policy, 3, 0.5);
        assert_eq!(decision.verdict, Verdict::Retry(Duration::from_secs(20)));
        let (decision, _) = follow(&outcome(None), &claim, &policy, 1, 0.5);
        assert_eq!(decision.verdict, Verdict::Dead);
    }

    fn failed(class: Class, status: Option<u16>, claim: &Claim) -> Attempt {
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
            started: claim.received,
            duration: Duration::ZERO,
        }
    }

    #[test]
    fn the_whole_table() {
        let backoff = Backoff::new(Duration::from_secs(4), Duration::from_secs(100)).expect("valid");
        let policy = Policy {
            max_attempts: 2,
            permanent_codes: vec![418],
            schedule: Schedule { immediate: 0, pauses: Pauses::Backoff(backoff) },
            ..Policy::default()
        };
        let retry = |seconds| Verdict::Retry(Duration::from_secs(seconds));
        let (rejected, unknown) = (Class::Rejected, Class::Unknown);
        for (class, status, attempt, events, expected) in [
            (Class::Delivered, Some(200), 2, 3, (Verdict::Delivered, false)),
            (rejected, Some(503), 1, 3, (retry(2), false)),
            (rejected, Some(503), 2, 3, (retry(4), true)),
            (rejected, Some(503), 2, 1, (Verdict::Dead, false)),
            (unknown, None, 1, 3, (retry(2), false)),
            (unknown, None, 2, 3, (retry(4), true)),
            (rejected, Some(400), 1, 3, (retry(0), true)),
            (rejected, Some(413), 2, 3, (retry(0), true)),
            (rejected, Some(418), 1, 2, (retry(0), true)),
            (rejected, Some(422), 1, 2, (retry(0), true)),
            (rejected, Some(401), 1, 2, (retry(2), false)),
            (rejected, Some(429), 1, 2, (retry(2), false)),
            (rejected, Some(409), 1, 2, (retry(2), true)),
            (rejected, Some(409), 1, 1, (Verdict::Dead, false)),
            (rejected, Some(410), 1, 2, (Verdict::Gone, false)),
        ] {
            let claim = Claim { attempt, ..claim(1, 1, Some(1)) };
            let outcome = Attempt { declined: status == Some(409), ..failed(class, status, &claim) };
            let (decision, alone) = follow(&outcome, &claim, &policy, events, 0.5);
            assert_eq!(
                (decision.verdict, alone),
                expected,
                "{class:?} {status:?}, attempt {attempt}, {events} events"
            );
        }
    }
}
