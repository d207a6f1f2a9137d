//! One POST: sent, judged, told.

use tracing::{debug, error, warn};

use super::batch;
use super::endpoints::Known;
use crate::delivery::{Failure, Pool, post};
use crate::model::{Attempt, Claim, Message, Report, Verdict};

/// Makes one POST of claims of one subscription and says what follows for each.
pub(super) async fn attempt(claims: Vec<Claim>, known: &Known, pool: &Pool) -> Vec<Report> {
    let Some((first, message)) = first_and_message(&claims) else {
        return claims.into_iter().map(|claim| Report::new(claim, None, Verdict::Cancelled)).collect();
    };
    let attempt = match &known.endpoint {
        _ if !first.is_fresh() => {
            let sentence = "the relay stood still since it claimed this, and its lease may be over";
            unsent(&first, Failure::not_sent("lease", sentence.into()))
        }
        Ok(endpoint) => post(endpoint, pool, &first, &message).await,
        Err(problem) => unsent(&first, Failure::not_sent("subscription", problem.to_string())),
    };
    reports(claims, attempt, &message, known)
}

/// The claim that stands for all of a POST, with the highest number of an attempt, and what is sent.
fn first_and_message(claims: &[Claim]) -> Option<(Claim, Message)> {
    let message = batch::message(claims)?;
    let mut first = claims.first()?.clone();
    first.attempt = claims.iter().map(|claim| claim.attempt).max()?;
    Some((first, message))
}

fn reports(claims: Vec<Claim>, mut attempt: Attempt, message: &Message, known: &Known) -> Vec<Report> {
    let events = claims.len();
    if events > 1
        && let Some(error) = &mut attempt.error
    {
        *error = format!("{error} (a POST of {events} events)");
    }
    // The same for all: what failed together is due together.
    let fraction = fastrand::f64();
    let mut reports: Vec<Report> = Vec::with_capacity(events);
    for claim in claims {
        let (verdict, alone) = batch::follow(&attempt, &claim, &known.subscription.policy, events, fraction);
        let follows = !reports.is_empty();
        if !follows {
            tell(&claim, &message.event_type, events, &attempt, verdict);
        }
        let mut attempt = attempt.clone();
        if follows && verdict == Verdict::Delivered {
            // Once is enough of what was said in thanks.
            attempt.response = None;
        }
        let claim = claim.without_message();
        reports.push(Report { claim, attempt: Some(attempt), verdict, alone, follows });
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
        hold: None,
        tls: None,
        started: claim.received,
        duration: claim.received.elapsed(),
    }
}

/// One line per failed POST; successes are in the ledger. Never the payload.
fn tell(claim: &Claim, event_type: &str, events: usize, attempt: &Attempt, verdict: Verdict) {
    let (delivery, number, subscription) = (claim.delivery, claim.attempt, claim.subscription);
    let error = match attempt.error_class {
        // What it raised may have the payload in it.
        Some("envelope") => "its envelope made no body; outbox.attempt.error says why",
        _ => attempt.error.as_deref().unwrap_or_default(),
    };
    match verdict {
        Verdict::Delivered | Verdict::Cancelled => {
            debug!(delivery, attempt = number, subscription, event_type, events, "delivered");
        }
        Verdict::Retry(pause) => {
            warn!(
                delivery,
                attempt = number,
                subscription,
                event_type,
                events,
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
                events,
                "dead after the last attempt: {error}"
            );
        }
    }
}
