//! One attempt: a POST under one deadline, which covers name, TCP, TLS, request, head and body.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use tokio::time::{Instant as Deadline, timeout, timeout_at};

use super::auth::{Authorization, bearer};
use super::connect::{Connection, connect};
use super::context;
use super::endpoint::{Destination, Endpoint};
use super::facts;
use super::failure::Failure;
use super::pool::Pool;
use crate::model::{Attempt, Claim, Class, Message};

/// How much of a response body is read before the connection is given up instead.
const RESPONSE_READ_MAX: usize = 64 * 1024;
/// How much of it is kept in the ledger.
const RESPONSE_KEPT_MAX: usize = 4 * 1024;
/// After a 2xx head the delivery is a success; its body gets this long, so that the connection can be used again.
const BODY_LIMIT: Duration = Duration::from_secs(2);

/// The word of a failure after which another certificate may be tried.
const REFUSED: &str = "tls_client_certificate";

/// Who we are, to subscribers.
pub(super) const AGENT: &str = concat!("outboxd/", env!("CARGO_PKG_VERSION"));

/// What came back, and over what: also when nothing did.
type Exchanged = Result<(StatusCode, Option<String>), Failure>;

/// Sends `message` to `endpoint` and says what came of it. Never takes longer than the endpoint's deadline.
pub async fn post(endpoint: &Endpoint, pool: &Pool, claim: &Claim, message: &Message) -> Attempt {
    let started = Instant::now();
    let deadline = Deadline::now() + endpoint.deadline;
    let mut tls = None;
    let result = match &message.body {
        Ok(body) => send_body(endpoint, pool, (claim, message, body), deadline, &mut tls).await,
        Err(why) => Err(Failure::not_sent("envelope", why.clone())),
    };
    let duration = started.elapsed();
    match result {
        Ok((status, response)) => Attempt {
            class: if status.is_success() { Class::Delivered } else { Class::Rejected },
            status: Some(status.as_u16()),
            error_class: None,
            error: (!status.is_success()).then(|| rejection(status)),
            response,
            hold: None,
            tls,
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
            tls,
            started,
            duration,
        },
    }
}

/// Gets what proves who we are, sends, and takes out of the answer what was sent in confidence.
async fn send_body(
    endpoint: &Endpoint,
    pool: &Pool,
    (claim, message, body): (&Claim, &Message, &str),
    deadline: Deadline,
    tls: &mut Option<Arc<str>>,
) -> Exchanged {
    let mut request = request(endpoint, claim, message, body);
    let mut scrubber = Cow::Borrowed(&endpoint.scrubber);
    let token = match &endpoint.authorization {
        Authorization::None => None,
        Authorization::Header(name, value) => {
            request.headers_mut().insert(name, value.clone());
            None
        }
        Authorization::Token(grant) => {
            let token = pool.tokens.get(grant, deadline).await?;
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
        && failure.word == REFUSED
    {
        via.destination = second;
        // Where neither is taken, it is the first that people know of.
        let other = via.exchange(request, deadline).await;
        if !other.as_ref().is_err_and(Failure::refuses_us) {
            result = other;
        }
    }
    let (status, body, whole) = result?;
    if let (StatusCode::UNAUTHORIZED, Some((grant, token))) = (status, token) {
        pool.tokens.refused(grant, &token).await;
    }
    Ok((status, storable(&body).map(|text| kept(scrubber.scrub(text, whole)))))
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

/// One way to a subscriber.
struct Via<'a> {
    endpoint: &'a Endpoint,
    pool: &'a Pool,
    destination: Destination,
    /// How much of an answer is read beyond what is kept.
    margin: usize,
    /// What is known of the connection in use.
    tls: &'a mut Option<Arc<str>>,
}

type Answer = (StatusCode, Bytes, bool);
type Unsent = Option<Request<Full<Bytes>>>;

impl Via<'_> {
    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        deadline: Deadline,
    ) -> Result<Answer, Failure> {
        let result = self.try_exchange(request, deadline).await;
        self.pool.rollover.sent(&self.destination, result.as_ref().map(drop));
        result
    }

    /// Sends the request and reads the answer. A kept connection that turns out to be closed before anything was written
    /// is replaced by a fresh one: the subscriber cannot have seen the request.
    async fn try_exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        deadline: Deadline,
    ) -> Result<Answer, Failure> {
        let mut request = request;
        while let Some(mut connection) = self.pool.take(&self.destination) {
            self.tls.clone_from(&connection.tls);
            match self.send(&mut connection, request, deadline, false).await {
                Ok(response) => return Ok(self.read(connection, response, deadline).await),
                Err((_, Some(unsent))) => request = unsent,
                Err((failure, None)) => return Err(failure),
            }
        }
        // What we are about to show, if it does not come to a connection.
        *self.tls = self.destination.tls.as_ref().map(|identity| facts::told(identity, None));
        let limit = self.endpoint.deadline;
        let mut connection = timeout_at(deadline, connect(&self.destination))
            .await
            .map_err(|_| Failure::deadline(limit, Class::NotSent, "before it had a connection"))??;
        self.tls.clone_from(&connection.tls);
        if let Some(peer) = &connection.peer {
            self.pool.peers().note(&self.destination, peer);
        }
        match self.send(&mut connection, request, deadline, true).await {
            Ok(response) => Ok(self.read(connection, response, deadline).await),
            Err((failure, _)) => Err(failure),
        }
    }

    async fn send(
        &self,
        connection: &mut Connection,
        request: Request<Full<Bytes>>,
        deadline: Deadline,
        fresh: bool,
    ) -> Result<Response<Incoming>, (Failure, Unsent)> {
        match timeout_at(deadline, connection.sender.try_send_request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(mut error)) => {
                let unsent = error.take_message();
                Err((Failure::from_hyper(error.error(), &self.destination, fresh), unsent))
            }
            Err(_) => Err((
                Failure::deadline(self.endpoint.deadline, Class::Unknown, "before the subscriber answered"),
                None,
            )),
        }
    }

    /// Reads the body within its limits and keeps the connection if that got to the end of it. Also says whether
    /// that is all of it.
    async fn read(&self, connection: Connection, response: Response<Incoming>, deadline: Deadline) -> Answer {
        let status = response.status();
        let mut body = response.into_body();
        let mut kept = Vec::new();
        let whole = async {
            let mut seen = 0;
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { return false };
                let Some(data) = frame.data_ref() else { continue };
                seen += data.len();
                let room = RESPONSE_KEPT_MAX + self.margin - kept.len();
                kept.extend_from_slice(&data[..data.len().min(room)]);
                if seen > RESPONSE_READ_MAX {
                    return false;
                }
            }
            true
        };
        let limit = deadline.min(Deadline::now() + BODY_LIMIT);
        let whole = timeout_at(limit, whole).await.unwrap_or(false);
        let cut = kept.len() >= RESPONSE_KEPT_MAX + self.margin;
        if whole {
            self.keep(connection).await;
        }
        (status, Bytes::from(kept), whole && !cut)
    }

    /// The connection's task may need a moment to see that the response is over.
    async fn keep(&self, mut connection: Connection) {
        if let Ok(Ok(())) = timeout(Duration::from_millis(50), connection.sender.ready()).await {
            self.pool.put(&self.destination, connection);
        }
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

/// The beginning of it that goes into the ledger.
fn kept(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(RESPONSE_KEPT_MAX));
    text
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
