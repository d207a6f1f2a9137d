//! What follows from an attempt.

use crate::model::{Attempt, Claim, Class, Policy, Verdict};

/// A success finishes the delivery; a failure is tried again after a pause until the subscription's attempts are used up.
/// Attempts made before somebody retried the delivery by hand do not count. `fraction` in 0..1 is the jitter.
pub(super) fn verdict(attempt: &Attempt, claim: &Claim, policy: &Policy, fraction: f64) -> Verdict {
    if attempt.class == Class::Delivered {
        return Verdict::Delivered;
    }
    let failures = (claim.attempt - claim.retry_base).max(1);
    if failures >= policy.max_attempts {
        return Verdict::Dead;
    }
    Verdict::Retry(policy.schedule.pause(failures.unsigned_abs(), fraction))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::schedule::{Backoff, Pauses, Schedule};

    #[test]
    fn the_whole_table() {
        let backoff = Backoff::new(Duration::from_secs(4), Duration::from_secs(100)).expect("valid");
        let policy = Policy {
            max_attempts: 3,
            schedule: Schedule { immediate: 0, pauses: Pauses::Backoff(backoff) },
            ..Policy::default()
        };
        let retry = |seconds| Verdict::Retry(Duration::from_secs(seconds));
        for (class, attempt, retry_base, expected) in [
            (Class::Delivered, 1, 0, Verdict::Delivered),
            (Class::Delivered, 9, 0, Verdict::Delivered),
            (Class::Rejected, 1, 0, retry(2)),
            (Class::NotSent, 2, 0, retry(4)),
            (Class::Unknown, 3, 0, Verdict::Dead),
            (Class::Rejected, 4, 3, retry(2)),
            (Class::Rejected, 6, 3, Verdict::Dead),
        ] {
            let now = Instant::now();
            let claim = Claim {
                delivery: 1,
                attempt,
                retry_base,
                subscription: 1,
                version: 1,
                event_slot: 0,
                event_id: 1,
                batch: None,
                message: None,
                occurred_at: None,
                claimed_at: 0.0,
                asked: now,
                received: now,
            };
            let outcome = Attempt {
                class,
                status: None,
                error_class: None,
                error: None,
                response: None,
                hold: None,
                tls: None,
                started: now,
                duration: Duration::ZERO,
            };
            assert_eq!(
                verdict(&outcome, &claim, &policy, 0.5),
                expected,
                "{class:?}, attempt {attempt}, base {retry_base}"
            );
        }
    }
}
