//! What follows from an attempt, and from a delivery's age before there is one. All of the policy is here:
//!
//! | what came | what follows |
//! |---|---|
//! | a success code (2xx, or those of `success_codes`) | delivered |
//! | one of `gone_codes` (410) | the subscription ends, and all that is open for it |
//! | any other answer with `outbox-retry: no` | dead at once |
//! | one of `permanent_codes` (413, 415) without `Retry-After` | dead at once |
//! | any other status, redirects too; not sent; unknown | again, after a pause, while attempts and age allow |
//!
//! A `Retry-After` never shortens the pause of the schedule. With 429 and 503 it is the whole subscription's.
//! Sources: RFC 9110 and 6585, Standard Webhooks 1.0 (3xx, 410, 429), the web hooks of `CloudEvents` 1.0 (429).

use std::time::Duration;

use crate::model::{Attempt, Claim, Class, Policy, Verdict};

/// Statuses whose `Retry-After` is about the subscriber, not about the one request.
const BUSY: [u16; 2] = [429, 503];

/// What follows from an attempt, or from none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) verdict: Verdict,
    /// How long nothing at all may be sent to the subscription.
    pub(super) hold: Option<Duration>,
    /// Why the delivery ends, where the attempt alone does not say.
    pub(super) reason: Option<String>,
}

impl Decision {
    fn plain(verdict: Verdict) -> Self {
        Self { verdict, hold: None, reason: None }
    }

    fn ends(verdict: Verdict, reason: String) -> Self {
        Self { verdict, hold: None, reason: Some(reason) }
    }
}

/// What the delivery's age alone decides, before anything is sent.
pub(super) fn too_old(claim: &Claim, policy: &Policy) -> Option<Decision> {
    let age = claim.age()?;
    match (policy.ttl, policy.max_age) {
        (Some(ttl), _) if age >= ttl => Some(expired(ttl)),
        (_, Some(max_age)) if age >= max_age => Some(older_than(max_age)),
        _ => None,
    }
}

/// What an attempt came to. Attempts made before somebody retried the delivery by hand do not count. `fraction` in 0..1 is the
/// jitter.
pub(super) fn verdict(attempt: &Attempt, claim: &Claim, policy: &Policy, fraction: f64) -> Decision {
    let mut decision = match ending(attempt, policy) {
        Some(decision) => decision,
        None => again(attempt, claim, policy, fraction),
    };
    if attempt.status.is_some_and(|status| BUSY.contains(&status)) {
        decision.hold = attempt.retry_after.filter(|hold| !hold.is_zero());
    }
    decision
}

/// What ends a delivery whatever its schedule says.
fn ending(attempt: &Attempt, policy: &Policy) -> Option<Decision> {
    if attempt.class == Class::Delivered {
        return Some(Decision::plain(Verdict::Delivered));
    }
    let status = attempt.status?;
    if policy.gone_codes.contains(&status) {
        let reason = "by that it ends its subscription (gone_codes)";
        return Some(Decision::ends(Verdict::Gone, reason.to_owned()));
    }
    if attempt.declined {
        let reason = "and wants no other attempt (outbox-retry: no)";
        return Some(Decision::ends(Verdict::Dead, reason.to_owned()));
    }
    if policy.permanent_codes.contains(&status) && attempt.retry_after.is_none() {
        let reason = "no other attempt would change that (permanent_codes)";
        return Some(Decision::ends(Verdict::Dead, reason.to_owned()));
    }
    None
}

/// Another attempt after a pause, unless attempts or age are used up.
fn again(attempt: &Attempt, claim: &Claim, policy: &Policy, fraction: f64) -> Decision {
    let failures = (claim.attempt - claim.retry_base).max(1);
    let pause = policy.schedule.pause(failures.unsigned_abs(), fraction);
    let mut pause = pause.max(attempt.retry_after.unwrap_or_default());
    let age = claim.age().unwrap_or_default();
    if let Some(ttl) = policy.ttl {
        let Some(left) = ttl.checked_sub(age).filter(|left| !left.is_zero()) else {
            return expired(ttl);
        };
        // When that is over it is looked at again, and has expired: it does not wait for a pause that is longer.
        pause = pause.min(left + Duration::from_millis(1));
    }
    if failures >= policy.max_attempts {
        return Decision::plain(Verdict::Dead);
    }
    match policy.max_age {
        Some(max_age) if age + pause >= max_age => older_than(max_age),
        _ => Decision::plain(Verdict::Retry(pause)),
    }
}

fn expired(ttl: Duration) -> Decision {
    Decision::ends(Verdict::Expired, format!("it is of no use after {ttl:?} (ttl)"))
}

fn older_than(max_age: Duration) -> Decision {
    Decision::ends(Verdict::Dead, format!("it is tried for no longer than {max_age:?} (max_age)"))
}

#[cfg(test)]
mod tests;
