//! One attempt: a POST under one deadline, which covers name, TCP, TLS, request, head and body.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use tokio::time::{Instant as Deadline, timeout, timeout_at};

use super::connect::{Opened, Sender, connect};
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::http2::Place;
use super::pool::Pool;
use super::shared::Line;
use super::signature::sign;
use super::{context, format};
use crate::model::{Attempt, Claim, Class, Message};

/// How much of a response body is read before the connection is given up instead.
const RESPONSE_READ_MAX: usize = 64 * 1024;
/// How much of it is kept in the ledger.
const RESPONSE_KEPT_MAX: usize = 4 * 1024;
/// After a 2xx head the delivery is a success; its body gets this long, so that the connection can be used again.
const BODY_LIMIT: Duration = Duration::from_secs(2);

/// Connections that are being closed, one after another, until it is enough.
const RESENT_MAX: u32 = 3;

/// Who we are, to subscribers.
const AGENT: &str = concat!("outboxd/", env!("CARGO_PKG_VERSION"));

/// Sends `message` to `endpoint` and says what came of it. Never takes longer than the endpoint's deadline.
pub async fn post(endpoint: &Endpoint, pool: &Pool, claim: &Claim, message: &Message) -> Attempt {
    let started = Instant::now();
    let deadline = Deadline::now() + endpoint.deadline;
    let result = match &message.body {
        Ok(body) => exchange(endpoint, pool, request(endpoint, claim, message, body), deadline).await,
        Err(why) => Err(Failure::not_sent("envelope", why.clone())),
    };
    let duration = started.elapsed();
    match result {
        Ok((status, body)) => Attempt {
            class: if status.is_success() { Class::Delivered } else { Class::Rejected },
            status: Some(status.as_u16()),
            error_class: None,
            error: (!status.is_success()).then(|| rejection(status)),
            response: storable(&body),
            hold: None,
            tls: None,
            started,
            duration,
        },
        Err(failure) => Attempt {
            class: failure.class,
            status: None,
            error_class: Some(failure.word),
            error: Some(failure.sentence),
            response: None,
            hold: None,
            tls: None,
            started,
            duration,
        },
    }
}

fn request(endpoint: &Endpoint, claim: &Claim, message: &Message, body: &str) -> Request<Full<Bytes>> {
    // The claim's clock moved on by what we waited: receivers compare it with theirs.
    #[allow(clippy::cast_possible_truncation, reason = "seconds since 1970 fit")]
    let timestamp = (claim.claimed_at + claim.received.elapsed().as_secs_f64()) as i64;
    let signature = sign(&endpoint.secrets, &message.webhook_id, timestamp, body.as_bytes());
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
    if let Some(events) = message.batch {
        set("outbox-batch", &events.to_string());
    }
    request
}

/// Sends the request and reads the answer. A kept connection that turns out to be closed before anything was written is
/// replaced by a fresh one: the subscriber cannot have seen the request.
async fn exchange(
    endpoint: &Endpoint,
    pool: &Pool,
    request: Request<Full<Bytes>>,
    deadline: Deadline,
) -> Result<(StatusCode, Bytes), Failure> {
    if endpoint.destination.http2 {
        return exchange_on_shared(endpoint, pool, request, deadline).await;
    }
    let mut request = request;
    while let Some(mut sender) = pool.take(&endpoint.destination) {
        match send(endpoint, &mut sender, request, deadline, false).await {
            Ok(response) => return Ok(read(endpoint, pool, sender, response, deadline).await),
            Err((_, Some(unsent))) => request = unsent,
            Err((failure, None)) => return Err(failure),
        }
    }
    let opened = timeout_at(deadline, connect(&endpoint.destination)).await.map_err(|_| late(endpoint))??;
    let Opened::Http1(mut sender) = opened else {
        return Err(Failure::not_sent("http2", "the subscriber speaks HTTP/2, which was not offered".into()));
    };
    match send(endpoint, &mut sender, request, deadline, true).await {
        Ok(response) => Ok(read(endpoint, pool, sender, response, deadline).await),
        Err((failure, _)) => Err(failure),
    }
}

fn late(endpoint: &Endpoint) -> Failure {
    Failure::deadline(endpoint.deadline, Class::NotSent, "before it had a connection")
}

/// The same where HTTP/2 is offered, and the subscriber may take it or not. What a connection in use has certainly not
/// brought to the subscriber's eyes, since it is being closed, goes on another one.
async fn exchange_on_shared(
    endpoint: &Endpoint,
    pool: &Pool,
    mut request: Request<Full<Bytes>>,
    deadline: Deadline,
) -> Result<(StatusCode, Bytes), Failure> {
    let destination = &endpoint.destination;
    let mut tries = 0;
    loop {
        tries += 1;
        let line = pool.shared.line(destination, || pool.take(destination));
        let (failure, unsent) = match timeout_at(deadline, line).await.map_err(|_| late(endpoint))?? {
            Line::Http1(mut sender) => match send(endpoint, &mut sender, request, deadline, false).await {
                Ok(response) => return Ok(read(endpoint, pool, sender, response, deadline).await),
                Err(failed) => failed,
            },
            Line::Http2(place) => match send_on(endpoint, &place, request, deadline).await {
                // The place is kept until the body has been read.
                Ok(response) => {
                    let (status, body, _) = read_body(response, deadline).await;
                    return Ok((status, body));
                }
                Err(failed) => failed,
            },
        };
        match unsent {
            Some(unsent) if tries <= RESENT_MAX => request = unsent,
            _ => return Err(failure),
        }
    }
}

async fn send_on(
    endpoint: &Endpoint,
    place: &Place,
    mut request: Request<Full<Bytes>>,
    deadline: Deadline,
) -> Result<Response<Incoming>, (Failure, Unsent)> {
    // What HTTP/1.1 says in the header Host is part of the URI here.
    request.headers_mut().remove(HOST);
    *request.uri_mut() = endpoint.uri.clone();
    match timeout_at(deadline, place.send(request, &endpoint.destination)).await {
        Ok(result) => result,
        Err(_) if !place.may_have_sent() => Err((late(endpoint), None)),
        Err(_) => Err((unanswered(endpoint), None)),
    }
}

fn unanswered(endpoint: &Endpoint) -> Failure {
    Failure::deadline(endpoint.deadline, Class::Unknown, "before the subscriber answered")
}

type Unsent = Option<Request<Full<Bytes>>>;

async fn send(
    endpoint: &Endpoint,
    sender: &mut Sender,
    request: Request<Full<Bytes>>,
    deadline: Deadline,
    fresh: bool,
) -> Result<Response<Incoming>, (Failure, Unsent)> {
    match timeout_at(deadline, sender.try_send_request(request)).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(mut error)) => {
            let unsent = error.take_message();
            Err((Failure::from_hyper(error.error(), &endpoint.destination, fresh), unsent))
        }
        Err(_) => Err((unanswered(endpoint), None)),
    }
}

/// Reads the body within its limits and keeps the connection if that got to the end of it.
async fn read(
    endpoint: &Endpoint,
    pool: &Pool,
    sender: Sender,
    response: Response<Incoming>,
    deadline: Deadline,
) -> (StatusCode, Bytes) {
    let (status, body, whole) = read_body(response, deadline).await;
    if whole {
        keep(endpoint, pool, sender).await;
    }
    (status, body)
}

/// The status, the beginning of the body, and whether it was read to its end.
async fn read_body(response: Response<Incoming>, deadline: Deadline) -> (StatusCode, Bytes, bool) {
    let status = response.status();
    let mut body = response.into_body();
    let mut kept = Vec::new();
    let whole = async {
        let mut seen = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            let Some(data) = frame.data_ref() else { continue };
            seen += data.len();
            let room = RESPONSE_KEPT_MAX - kept.len();
            kept.extend_from_slice(&data[..data.len().min(room)]);
            if seen > RESPONSE_READ_MAX {
                return false;
            }
        }
        true
    };
    let limit = deadline.min(Deadline::now() + BODY_LIMIT);
    let whole = timeout_at(limit, whole).await.unwrap_or(false);
    (status, Bytes::from(kept), whole)
}

/// The connection's task may need a moment to see that the response is over.
async fn keep(endpoint: &Endpoint, pool: &Pool, mut sender: Sender) {
    if let Ok(Ok(())) = timeout(Duration::from_millis(50), sender.ready()).await {
        pool.put(&endpoint.destination, sender);
    }
}

/// What a person wants to know about a status that is no success.
fn rejection(status: StatusCode) -> String {
    let reason = status.canonical_reason().map(|r| format!(" {r}")).unwrap_or_default();
    match status.as_u16() {
        300..=399 => format!(
            "the subscriber answered {}{reason}: redirects are not followed, subscribe the final URL",
            status.as_u16()
        ),
        401 | 403 => format!(
            "the subscriber answered {}{reason}: it does not accept our credentials; check headers, identity and signing secret",
            status.as_u16()
        ),
        404 | 405 => format!(
            "the subscriber answered {}{reason}: it takes no POST at this path; check the path of the URL",
            status.as_u16()
        ),
        code => format!("the subscriber answered {code}{reason}"),
    }
}

/// Response text as Postgres can store it: UTF-8 without NUL.
fn storable(body: &[u8]) -> Option<String> {
    (!body.is_empty()).then(|| String::from_utf8_lossy(body).replace('\0', "\u{fffd}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_response_can_be_stored() {
        assert_eq!(storable(b""), None);
        assert_eq!(storable(b"a\0b\xff"), Some("a\u{fffd}b\u{fffd}".to_owned()));
    }

    #[test]
    fn redirects_say_what_to_do() {
        assert!(rejection(StatusCode::FOUND).contains("subscribe the final URL"));
        assert_eq!(
            rejection(StatusCode::INTERNAL_SERVER_ERROR),
            "the subscriber answered 500 Internal Server Error"
        );
        assert_eq!(rejection(StatusCode::from_u16(599).expect("valid")), "the subscriber answered 599");
    }
}
