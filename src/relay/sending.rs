//! One delivery: sent, judged, told.

use tracing::{debug, error, warn};

use super::endpoints::Known;
use super::verdict::verdict;
use crate::delivery::{Failure, Pool, post};
use crate::model::{Attempt, Claim, Report, Verdict};

/// Sends a delivery and says what follows.
pub(super) async fn attempt(claim: Claim, known: &Known, pool: &Pool) -> Report {
    let Some(message) = claim.message.clone() else {
        return Report { claim, attempt: None, verdict: Verdict::Cancelled };
    };
    let attempt = match &known.endpoint {
        _ if !claim.is_fresh() => {
            let sentence = "the relay stood still since it claimed this, and its lease may be over";
            unsent(&claim, Failure::not_sent("lease", sentence.into()))
        }
        Ok(endpoint) => post(endpoint, pool, &claim, &message).await,
        Err(problem) => unsent(&claim, Failure::not_sent("subscription", problem.to_string())),
    };
    let verdict = verdict(&attempt, &claim, &known.subscription.policy, fastrand::f64());
    tell(&claim, &message.event_type, &attempt, verdict);
    Report { claim, attempt: Some(attempt), verdict }
}

/// An attempt that ended before anything was sent.
pub(super) fn unsent(claim: &Claim, failure: Failure) -> Attempt {
    Attempt {
        class: failure.class,
        status: None,
        error_class: Some(failure.word),
        error: Some(failure.sentence),
        response: None,
        hold: None,
        tls: None,
        started: claim.received,
        duration: claim.received.elapsed(),
    }
}

/// One line per failed attempt; successes are in the ledger. Never the payload.
fn tell(claim: &Claim, event_type: &str, attempt: &Attempt, verdict: Verdict) {
    let (delivery, number, subscription) = (claim.delivery, claim.attempt, claim.subscription);
    let error = match attempt.error_class {
        // What it raised may have the payload in it.
        Some("envelope") => "its envelope made no body; outbox.attempt.error says why",
        _ => attempt.error.as_deref().unwrap_or_default(),
    };
    match verdict {
        Verdict::Delivered | Verdict::Cancelled => {
            debug!(delivery, attempt = number, subscription, event_type, "delivered");
        }
        Verdict::Retry(pause) => {
            warn!(
                delivery,
                attempt = number,
                subscription,
                event_type,
                ?pause,
                "failed, will retry: {error}"
            );
        }
        Verdict::Dead => {
            error!(
                delivery,
                attempt = number,
                subscription,
                event_type,
                "dead after the last attempt: {error}"
            );
        }
    }
}
