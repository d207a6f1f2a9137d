//! One attempt: a POST under one deadline, which covers name, TCP, TLS, request, head and body.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use tokio::time::{Instant as Deadline, timeout, timeout_at};

use super::connect::{Sender, connect};
use super::context;
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::pool::Pool;
use super::signature::sign;
use crate::model::{Attempt, Claim, Class, Message};

/// How much of a response body is read before the connection is given up instead.
const RESPONSE_READ_MAX: usize = 64 * 1024;
/// How much of it is kept in the ledger.
const RESPONSE_KEPT_MAX: usize = 4 * 1024;
/// After a 2xx head the delivery is a success; its body gets this long, so that the connection can be used again.
const BODY_LIMIT: Duration = Duration::from_secs(2);

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
    context::add(headers, &message.context);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
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
    let mut request = request;
    while let Some(mut sender) = pool.take(&endpoint.destination) {
        match send(endpoint, &mut sender, request, deadline, false).await {
            Ok(response) => return Ok(read(endpoint, pool, sender, response, deadline).await),
            Err((_, Some(unsent))) => request = unsent,
            Err((failure, None)) => return Err(failure),
        }
    }
    let until = deadline.min(Deadline::now() + endpoint.connect_deadline);
    let mut sender = timeout_at(until, connect(&endpoint.destination, &pool.dialler, until))
        .await
        .map_err(|_| late(endpoint, until == deadline))??;
    match send(endpoint, &mut sender, request, deadline, true).await {
        Ok(response) => Ok(read(endpoint, pool, sender, response, deadline).await),
        Err((failure, _)) => Err(failure),
    }
}

/// There was no connection when the attempt's deadline, or that for connecting, had passed.
fn late(endpoint: &Endpoint, all: bool) -> Failure {
    let when = "before it had a connection";
    if all {
        Failure::deadline(endpoint.deadline, Class::NotSent, when)
    } else {
        Failure::connect_deadline(endpoint.connect_deadline, when)
    }
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
        Err(_) => Err((
            Failure::deadline(endpoint.deadline, Class::Unknown, "before the subscriber answered"),
            None,
        )),
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
    if timeout_at(limit, whole).await.unwrap_or(false) {
        keep(endpoint, pool, sender).await;
    }
    (status, Bytes::from(kept))
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
