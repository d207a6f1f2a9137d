//! Which claims are one POST, and what follows from it for each: one answer, as many outcomes as it had events.

use std::collections::HashMap;
use std::time::Duration;

use super::verdict::verdict;
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

/// What a POST sends: the message of a claim by itself, an array where the subscription takes several. `None` where there is nothing.
pub(super) fn message(claims: &[Claim]) -> Option<Message> {
    let messages: Option<Vec<&Message>> = claims.iter().map(|claim| claim.message.as_ref()).collect();
    let messages = messages?;
    let first = *messages.first()?;
    let together = if claims[0].batch.is_some() { batch(&messages) } else { None };
    // What has no body is by itself, and says why.
    Some(together.unwrap_or_else(|| first.clone()))
}

/// What follows for one of `events` that shared a POST, and whether it shares none any more. Nothing dies by a POST that others were in:
/// what would, and what was refused for what was in the POST, is tried by itself.
pub(super) fn follow(
    attempt: &Attempt,
    claim: &Claim,
    policy: &Policy,
    events: usize,
    fraction: f64,
) -> (Verdict, bool) {
    let verdict = verdict(attempt, claim, policy, fraction);
    if events < 2 || verdict == Verdict::Delivered {
        return (verdict, false);
    }
    let about_content = attempt.class == Class::Rejected
        && attempt.status.is_some_and(|s| ABOUT_CONTENT.contains(&s) || policy.permanent_codes.contains(&s));
    match verdict {
        _ if about_content => (Verdict::Retry(Duration::ZERO), true),
        Verdict::Dead => {
            let failures = (claim.attempt - claim.retry_base).max(1).unsigned_abs();
            (Verdict::Retry(policy.schedule.pause(failures, fraction)), true)
        }
        verdict => (verdict, false),
    }
}
