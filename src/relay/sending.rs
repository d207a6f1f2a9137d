//! One POST: sent, judged, told.

use tracing::{debug, error, warn};

use super::batch;
use super::endpoints::Known;
use super::limits::Went;
use super::verdict::{Decision, too_old};
use crate::delivery::{Failure, Pool, post};
use crate::model::{Attempt, Claim, Class, Message, Policy, Report, Verdict};

/// Makes one POST of claims of one subscription and says what follows for each, and whether the subscriber could bear more at a
/// time.
pub(super) async fn attempt(claims: Vec<Claim>, known: &Known, pool: &Pool) -> (Vec<Report>, Went) {
    let policy = &known.subscription.policy;
    let mut reports = Vec::with_capacity(claims.len());
    let mut sent = Vec::with_capacity(claims.len());
    for claim in claims {
        match (&claim.message, too_old(&claim, policy)) {
            (None, _) => reports.push(Report::new(claim, None, Verdict::Cancelled)),
            (Some(message), Some(Decision { verdict, hold, reason })) => {
                tell(&claim, &message.event_type, 1, None, reason.as_deref(), verdict);
                reports.push(Report { hold, reason, ..Report::new(claim.without_message(), None, verdict) });
            }
            (Some(_), None) => sent.push(claim),
        }
    }
    let Some((first, message)) = first_and_message(&sent) else { return (reports, Went::Neither) };
    let attempt = match &known.endpoint {
        _ if !first.is_fresh() => {
            let sentence = "the relay stood still since it claimed this, and its lease may be over";
            unsent(&first, Failure::not_sent("lease", sentence.into()))
        }
        Ok(endpoint) => post(endpoint, pool, &first, &message).await,
        Err(problem) => unsent(&first, Failure::not_sent("subscription", problem.to_string())),
    };
    let went = went(&attempt);
    let events = sent.len();
    let judged = judged(sent, &attempt, policy);
    if let Some(Report { claim, attempt: Some(attempt), verdict, .. }) = judged.first() {
        let error = match attempt.error_class {
            // What it raised may have the payload in it.
            Some("envelope") => Some("its envelope made no body; outbox.attempt.error says why"),
            _ => attempt.error.as_deref(),
        };
        tell(claim, &message.event_type, events, Some(attempt.class), error, *verdict);
    }
    reports.extend(judged);
    (reports, went)
}

/// The claim that stands for all of a POST, with the highest number of an attempt, and what is sent.
fn first_and_message(claims: &[Claim]) -> Option<(Claim, Message)> {
    let message = batch::message(claims)?;
    let attempt = claims.iter().map(|claim| claim.attempt).max()?;
    Some((Claim { attempt, ..claims.first()?.without_message() }, message))
}

/// What follows from one POST for each of those that were in it; the first one's report counts it.
pub(super) fn judged(claims: Vec<Claim>, attempt: &Attempt, policy: &Policy) -> Vec<Report> {
    let events = claims.len();
    // The same for all: what failed together is due together.
    let fraction = fastrand::f64();
    let mut reports: Vec<Report> = Vec::with_capacity(events);
    for claim in claims {
        let (decision, alone) = batch::follow(attempt, &claim, policy, events, fraction);
        let Decision { verdict, hold, reason } = decision;
        let follows = (events > 1).then_some(!reports.is_empty());
        let mut attempt = attempt.clone();
        if let Some(error) = attempt.error.as_mut().filter(|_| events > 1) {
            *error = format!("{error} (a POST of {events} events)");
        }
        if let Some(reason) = reason {
            attempt.error = Some(attempt.error.map_or(reason.clone(), |error| format!("{error}; {reason}")));
        }
        if follows == Some(true) && verdict == Verdict::Delivered {
            // Once is enough of what was said in thanks.
            attempt.response = None;
        }
        let claim = claim.without_message();
        reports.push(Report { hold, alone, follows, ..Report::new(claim, Some(attempt), verdict) });
    }
    reports
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
        cut_off: false,
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
fn went(attempt: &Attempt) -> Went {
    match (attempt.class, attempt.status, attempt.error_class) {
        // Each costs a handshake, and what is thrown away.
        _ if attempt.cut_off => Went::Badly,
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

/// One line per failed POST, and per delivery that ends otherwise than it should; successes are in the ledger. Never the
/// payload.
fn tell(
    claim: &Claim,
    event_type: &str,
    events: usize,
    class: Option<Class>,
    error: Option<&str>,
    verdict: Verdict,
) {
    let (delivery, attempt, subscription) = (claim.delivery, claim.attempt, claim.subscription);
    let class = class.map_or("none", Class::as_str);
    let error = error.unwrap_or_default();
    match verdict {
        Verdict::Delivered => debug!(delivery, attempt, subscription, event_type, events, "delivered"),
        Verdict::Cancelled => debug!(delivery, attempt, subscription, event_type, "cancelled"),
        Verdict::Retry(pause) => {
            warn!(delivery, attempt, subscription, event_type, events, ?pause, "failed, will retry: {error}");
        }
        Verdict::Expired => warn!(delivery, attempt, subscription, event_type, "expired: {error}"),
        Verdict::Gone => {
            error!(delivery, attempt, subscription, event_type, "the subscription ends: {error}");
        }
        Verdict::Dead => error!(delivery, attempt, subscription, event_type, events, class, "dead: {error}"),
    }
}
