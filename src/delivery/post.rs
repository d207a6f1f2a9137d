//! One attempt: a POST under one deadline, which covers name, TCP, TLS, request, head and body.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, AUTHORIZATION, HOST, HeaderValue, LOCATION, USER_AGENT};
use hyper::http::response::Parts;
use hyper::{Request, StatusCode};
use tokio::time::Instant as Deadline;

use super::answer;
use super::auth::{Authorization, bearer};
use super::endpoint::Endpoint;
use super::exchange::{Answer, RESPONSE_KEPT_MAX, Via};
use super::failure::Failure;
use super::pool::Pool;
use super::scrub::Scrubber;
use super::{context, format};
use crate::model::{Attempt, Claim, Class, Message};

/// How much of a redirect's target is told.
const LOCATION_MAX: usize = 200;
/// How much of what is said of a failure goes into the ledger.
const SENTENCE_MAX: usize = 2 * 1024;

/// Who we are, to subscribers.
pub(super) const AGENT: &str = concat!("outboxd/", env!("CARGO_PKG_VERSION"));

/// Sends `message` to `endpoint` and says what came of it. Never takes longer than the endpoint's deadline, nor than the claim's
/// lease allows.
pub async fn post(endpoint: &Endpoint, pool: &Pool, claim: &Claim, message: &Message) -> Attempt {
    let started = Instant::now();
    let deadline = Deadline::now() + endpoint.deadline.min(claim.left());
    let mut tls = None;
    let result = match &message.body {
        Ok(body) => send_body(endpoint, pool, (claim, message, body), deadline, &mut tls).await,
        Err(why) => Err(Failure::not_sent("envelope", why.clone())),
    };
    let duration = started.elapsed();
    match result {
        Ok((answer, scrubber)) => {
            Attempt { tls, ..answered(endpoint, &answer, &scrubber, started, duration) }
        }
        Err(failure) => Attempt {
            class: failure.class,
            status: None,
            error_class: Some(failure.word),
            error: Some(cut(endpoint.scrubber.scrub(failure.sentence, true), SENTENCE_MAX)),
            response: None,
            retry_after: None,
            declined: false,
            cut_off: false,
            tls,
            started,
            duration,
        },
    }
}

fn answered(
    endpoint: &Endpoint,
    answer: &Answer,
    scrubber: &Scrubber,
    started: Instant,
    duration: Duration,
) -> Attempt {
    let Answer { head, body, whole, ended } = answer;
    let success = endpoint.is_success(head.status);
    let error = (!success).then(|| rejection(head, endpoint.success_codes.as_deref()));
    Attempt {
        class: if success { Class::Delivered } else { Class::Rejected },
        status: Some(head.status.as_u16()),
        error_class: None,
        // It quotes a header of the answer's.
        error: error.map(|error| scrubber.scrub(error, true)),
        response: storable(body).map(|text| cut(scrubber.scrub(text, *whole), RESPONSE_KEPT_MAX)),
        retry_after: answer::retry_after(&head.headers, SystemTime::now()).filter(|_| !success),
        declined: !success && answer::declines(&head.headers),
        cut_off: !ended,
        tls: None,
        started,
        duration,
    }
}

/// Gets what proves who we are, and sends. Also says what is to be taken out of the answer: what was sent in confidence.
async fn send_body<'a>(
    endpoint: &'a Endpoint,
    pool: &Pool,
    (claim, message, body): (&Claim, &Message, &str),
    deadline: Deadline,
    tls: &mut Option<Arc<str>>,
) -> Result<(Answer, Cow<'a, Scrubber>), Failure> {
    let mut request = request(endpoint, claim, message, body);
    let mut scrubber = Cow::Borrowed(&endpoint.scrubber);
    let token = match &endpoint.authorization {
        Authorization::None => None,
        Authorization::Header(name, value) => {
            request.headers_mut().insert(name, value.clone());
            None
        }
        Authorization::Token(grant) => {
            let token = pool.tokens.get(grant, (&pool.dialler, &pool.rollover), deadline).await?;
            scrubber.to_mut().add(token.reveal());
            if let Ok(mut value) = HeaderValue::from_str(&bearer(token.reveal())) {
                value.set_sensitive(true);
                request.headers_mut().insert(AUTHORIZATION, value);
            }
            Some((grant, token))
        }
    };
    let choice = pool.rollover.choose(&endpoint.destination);
    let spare = choice.second.map(|second| (second, request.clone()));
    let mut via = Via { endpoint, pool, destination: choice.first, margin: scrubber.margin(), tls };
    let mut result = via.exchange(request, deadline).await;
    if let (Err(failure), Some((second, request))) = (&result, spare)
        && failure.refuses_certificate()
    {
        via.destination = second;
        // Where neither is taken, it is the first that people know of.
        let other = via.exchange(request, deadline).await;
        if !other.as_ref().is_err_and(Failure::refuses_us) {
            result = other;
        }
    }
    let answer = result?;
    if let (StatusCode::UNAUTHORIZED, Some((grant, token))) = (answer.head.status, token) {
        pool.tokens.refused(grant, &token).await;
    }
    Ok((answer, scrubber))
}

fn request(endpoint: &Endpoint, claim: &Claim, message: &Message, body: &str) -> Request<Full<Bytes>> {
    // The claim's clock moved on by what we waited: receivers compare it with theirs.
    #[allow(clippy::cast_possible_truncation, reason = "seconds since 1970 fit")]
    let timestamp = (claim.claimed_at + claim.received.elapsed().as_secs_f64()) as i64;
    let signature = endpoint.keys.sign(&message.webhook_id, timestamp, body.as_bytes());
    let mut request = Request::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *request.method_mut() = hyper::Method::POST;
    // Prepared from a parsed URL: always a valid path.
    *request.uri_mut() = endpoint.path.parse().unwrap_or_default();
    let headers = request.headers_mut();
    headers.insert(HOST, endpoint.authority.clone());
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.extend(endpoint.headers.clone());
    format::add(headers, message);
    context::add(headers, &message.context);
    let mut set = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set("webhook-id", &message.webhook_id);
    set("webhook-timestamp", &timestamp.to_string());
    if !signature.is_empty() {
        set("webhook-signature", &signature);
    }
    set("outbox-attempt", &claim.attempt.to_string());
    match message.batch {
        Some(events) => set("outbox-batch", &events.to_string()),
        None => set("outbox-event-type", &message.event_type),
    }
    if let Some(place) = claim.place {
        let numbers = [
            ("outbox-sequence", Some(claim.event_id)),
            ("outbox-seq", place.seq),
            ("outbox-previous-sequence", place.previous_event),
            ("outbox-previous-seq", place.previous_seq),
        ];
        for (name, number) in numbers {
            if let Some(number) = number {
                set(name, &number.to_string());
            }
        }
    }
    request
}

/// What a person wants to know about a status that is no success.
fn rejection(head: &Parts, success_codes: Option<&[u16]>) -> String {
    let code = head.status.as_u16();
    let reason = head.status.canonical_reason().map(|reason| format!(" {reason}")).unwrap_or_default();
    let advice = match (code, success_codes) {
        (200..=299, Some(codes)) => {
            let codes: Vec<_> = codes.iter().map(u16::to_string).collect();
            format!(": a success is {} here (success_codes)", codes.join(" or "))
        }
        (300..=399, _) => {
            format!("{}: redirects are not followed, subscribe the final URL", location(head))
        }
        (401 | 403, _) => {
            ": it does not accept our credentials; check headers, auth, identity and signing secret"
                .to_owned()
        }
        (404 | 405, _) => ": it takes no POST at this path; check the path of the URL".to_owned(),
        _ => String::new(),
    };
    format!("the subscriber answered {code}{reason}{advice}")
}

/// Where a redirect leads, without its query, which may hold a token.
fn location(head: &Parts) -> String {
    let target = head.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let target: String =
        target.split(['?', '#']).next().unwrap_or_default().chars().take(LOCATION_MAX).collect();
    if target.is_empty() { target } else { format!(" to {target}") }
}

/// Response text as Postgres can store it: UTF-8 without NUL.
fn storable(body: &[u8]) -> Option<String> {
    (!body.is_empty()).then(|| String::from_utf8_lossy(body).replace('\0', "\u{fffd}"))
}

/// The beginning of a text that goes into the ledger, so many bytes at most.
fn cut(mut text: String, max: usize) -> String {
    text.truncate(text.floor_char_boundary(max));
    text
}

#[cfg(test)]
mod tests {
    use hyper::Response;

    use super::*;

    #[test]
    fn any_response_can_be_stored() {
        assert_eq!(storable(b""), None);
        assert_eq!(storable(b"a\0b\xff"), Some("a\u{fffd}b\u{fffd}".to_owned()));
    }

    #[test]
    fn what_is_no_success_says_what_to_do() {
        let said = |code: u16, location: Option<&str>| {
            let mut answer = Response::builder().status(code);
            if let Some(location) = location {
                answer = answer.header(LOCATION, location);
            }
            rejection(&answer.body(()).expect("valid").into_parts().0, Some(&[200, 201]))
        };
        assert_eq!(
            said(302, Some("https://b.example/hooks?token=hush")),
            "the subscriber answered 302 Found to https://b.example/hooks: redirects are not followed, subscribe the \
             final URL"
        );
        assert!(said(307, None).contains("Redirect: redirects"));
        assert_eq!(said(500, None), "the subscriber answered 500 Internal Server Error");
        assert_eq!(said(599, None), "the subscriber answered 599");
        assert_eq!(
            said(204, None),
            "the subscriber answered 204 No Content: a success is 200 or 201 here (success_codes)"
        );
    }
}
