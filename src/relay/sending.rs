//! One delivery: sent, judged, told.

use tracing::{debug, error, warn};

use super::endpoints::Known;
use super::limits::Went;
use super::verdict::{Decision, too_old, verdict};
use crate::delivery::{Failure, Pool, post};
use crate::model::{Attempt, Claim, Class, Report, Verdict};

/// Sends a delivery and says what follows.
pub(super) async fn attempt(claim: Claim, known: &Known, pool: &Pool) -> Report {
    let Some(message) = claim.message.clone() else {
        return Report { claim, attempt: None, verdict: Verdict::Cancelled, hold: None, reason: None };
    };
    let policy = &known.subscription.policy;
    if let Some(Decision { verdict, hold, reason }) = too_old(&claim, policy) {
        tell(&claim, &message.event_type, None, reason.as_deref(), verdict);
        return Report { claim, attempt: None, verdict, hold, reason };
    }
    let mut attempt = match &known.endpoint {
        _ if !claim.is_fresh() => {
            let sentence = "the relay stood still since it claimed this, and its lease may be over";
            unsent(&claim, Failure::not_sent("lease", sentence.into()))
        }
        Ok(endpoint) => post(endpoint, pool, &claim, &message).await,
        Err(problem) => unsent(&claim, Failure::not_sent("subscription", problem.to_string())),
    };
    let Decision { verdict, hold, reason } = verdict(&attempt, &claim, policy, fastrand::f64());
    if let Some(reason) = &reason {
        attempt.error = Some(attempt.error.map_or(reason.clone(), |error| format!("{error}; {reason}")));
    }
    let error = match attempt.error_class {
        // What it raised may have the payload in it.
        Some("envelope") => Some("its envelope made no body; outbox.attempt.error says why"),
        _ => attempt.error.as_deref(),
    };
    tell(&claim, &message.event_type, Some(attempt.class), error, verdict);
    Report { claim, attempt: Some(attempt), verdict, hold, reason: None }
}

/// An attempt that ended before anything was sent.
pub(super) fn unsent(claim: &Claim, failure: Failure) -> Attempt {
    Attempt {
        class: failure.class,
        status: None,
        error_class: Some(failure.word),
        error: Some(failure.sentence),
        response: None,
        retry_after: None,
        declined: false,
        tls: None,
        started: claim.received,
        duration: claim.received.elapsed(),
    }
}

/// One that told nothing: it may have been sent.
pub(super) fn lost(claim: &Claim, panicked: bool) -> Attempt {
    let (word, sentence) = if panicked {
        ("panic", "the relay failed while sending; see its log")
    } else {
        ("stopped", "the relay was stopped before the subscriber answered")
    };
    let attempt = unsent(claim, Failure::not_sent(word, sentence.into()));
    Attempt { class: Class::Unknown, ..attempt }
}

/// Whether the subscriber could bear more at a time, as far as this attempt says.
pub(super) fn went(report: &Report) -> Went {
    let Some(attempt) = &report.attempt else { return Went::Neither };
    match (attempt.class, attempt.status, attempt.error_class) {
        (Class::Delivered, ..) => Went::Well,
        (Class::Rejected, Some(408 | 425 | 429 | 500..), _) => Went::Badly,
        (Class::Rejected, ..) => Went::Neither,
        // What we did not even try.
        (_, _, Some("envelope" | "lease" | "settings" | "subscription" | "panic" | "stopped")) => {
            Went::Neither
        }
        _ => Went::Badly,
    }
}

/// One line per failed attempt, and per delivery that ends otherwise than it should; successes are in the ledger. Never the
/// payload.
fn tell(claim: &Claim, event_type: &str, class: Option<Class>, error: Option<&str>, verdict: Verdict) {
    let (delivery, attempt, subscription) = (claim.delivery, claim.attempt, claim.subscription);
    let class = class.map_or("none", Class::as_str);
    let error = error.unwrap_or_default();
    match verdict {
        Verdict::Delivered | Verdict::Cancelled => {
            debug!(delivery, attempt, subscription, event_type, "delivered");
        }
        Verdict::Retry(pause) => {
            warn!(delivery, attempt, subscription, event_type, ?pause, "failed, will retry: {error}");
        }
        Verdict::Expired => warn!(delivery, attempt, subscription, event_type, "expired: {error}"),
        Verdict::Gone => {
            error!(delivery, attempt, subscription, event_type, "the subscription ends: {error}");
        }
        Verdict::Dead => error!(delivery, attempt, subscription, event_type, class, "dead: {error}"),
    }
}
