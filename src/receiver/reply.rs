//! One request: judged, told, answered.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use hyper::header::{ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};

use super::answer::{Action, Answer};
use super::clock;
use super::connections::{Line, Shared};
use super::facts::facts;
use super::received::{Received, Refused, Webhook};
use super::verify::Verdict;

/// Bodies above are refused.
pub(super) const BODY_MAX: usize = 2 * 1024 * 1024;
/// Bodies above need one of a few places.
const BODY_SMALL: u64 = 64 * 1024;
/// For the whole body of a request.
const BODY_LIMIT: Duration = Duration::from_secs(10);
/// What comes byte by byte.
const DRIPS: usize = 120;
const DRIP_PAUSE: Duration = Duration::from_secs(1);

const WEBHOOK_ID: &str = "webhook-id";
const TRACE_ID: &str = "outbox-trace-id";
const NO_POST: &str = "only POST is taken";
const NO_ID: &str = "there is no header webhook-id";
/// What a browser shows.
const ABOUT: &str = "this is outboxd listen, which takes webhooks: POST with the header webhook-id. A subscription leads here: \
     select outbox.subscribe('dev', '*', 'URL'). What arrives is shown where outboxd listen runs.";

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Who speaks on a connection.
#[derive(Clone)]
pub(super) struct Sender {
    pub(super) peer: SocketAddr,
    pub(super) name: Option<String>,
}

/// No answer: the connection ends.
#[derive(Debug, thiserror::Error)]
#[error("no answer")]
pub(super) struct NoAnswer;

/// Takes a request and answers it as told.
pub(super) async fn reply(
    request: Request<Incoming>,
    sender: Sender,
    shared: Arc<Shared>,
    line: Arc<Line>,
) -> Result<Response<Body>, NoAnswer> {
    line.spoke();
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        let mut response = refuse(&head, &sender, &shared, StatusCode::METHOD_NOT_ALLOWED, NO_POST).await?;
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return Ok(response);
    }
    if !head.headers.contains_key(WEBHOOK_ID) {
        return refuse(&head, &sender, &shared, StatusCode::BAD_REQUEST, NO_ID).await;
    }
    let (body, place) = match read(body, &shared).await {
        Ok(body) => body,
        Err((status, why)) => return refuse(&head, &sender, &shared, status, &why).await,
    };
    let number = shared.take().ok_or(NoAnswer)?;
    // Until it is answered, this connection is nobody's to end, and the receiver does not end before.
    let _busy = line.busy();
    let verdict = shared.options.secrets.verify(&head.headers, &body);
    let answer = decide(&verdict, &shared);
    let webhook = webhook(&head, body, sender, number, verdict.clone(), answer, &shared);
    // Nobody listens any more: what nobody sees is not accepted.
    shared.told.send(Received::Webhook(Box::new(webhook))).await.map_err(|_| NoAnswer)?;
    drop(place);
    act(answer, &verdict, &shared, &line).await
}

/// Reads a body, within its limits. A large one has a place, to be given back when the body has been handed on.
async fn read(
    body: Incoming,
    shared: &Shared,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), (StatusCode, String)> {
    let too_large = || {
        let why = format!("the body is larger than {BODY_MAX} bytes, and was not read");
        (StatusCode::PAYLOAD_TOO_LARGE, why)
    };
    let length = body.size_hint();
    if length.lower() > BODY_MAX as u64 {
        return Err(too_large());
    }
    let whole = async {
        let place = match length.upper() {
            Some(upper) if upper <= BODY_SMALL => None,
            // The semaphore is never closed.
            _ => Arc::clone(&shared.large).acquire_owned().await.ok(),
        };
        Limited::new(body, BODY_MAX).collect().await.map(|whole| (whole.to_bytes(), place))
    };
    match timeout(BODY_LIMIT, whole).await {
        Ok(Ok(whole)) => Ok(whole),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err((StatusCode::BAD_REQUEST, format!("the body broke off: {error}"))),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, format!("the body did not come within {BODY_LIMIT:?}"))),
    }
}

/// What a webhook is answered. Who says nothing has right signatures accepted and wrong ones refused.
fn decide(verdict: &Verdict, shared: &Shared) -> Answer {
    let options = &shared.options;
    let refused = options.answers.is_none() && matches!(verdict, Verdict::Refused(_));
    let status = if refused {
        StatusCode::UNAUTHORIZED
    } else if fastrand::u8(..100) < options.fail_percent {
        StatusCode::SERVICE_UNAVAILABLE
    } else if let Some(answers) = &options.answers {
        // What failed at random has not used up a turn.
        return answers.nth(shared.turns.fetch_add(1, Ordering::SeqCst));
    } else {
        StatusCode::OK
    };
    Action::Status(status).into()
}

fn webhook(
    head: &Parts,
    body: Bytes,
    sender: Sender,
    number: u64,
    verdict: Verdict,
    answer: Answer,
    shared: &Shared,
) -> Webhook {
    let at = SystemTime::now();
    let id = head.headers.get(WEBHOOK_ID).map(|id| lossy(id.as_bytes())).unwrap_or_default();
    let facts = facts(&body);
    Webhook {
        at,
        number,
        peer: sender.peer,
        sender: sender.name,
        path: head.uri.to_string(),
        headers: headers(&head.headers),
        times: shared.note(&id),
        id,
        verdict,
        answer,
        event_type: facts.event_type,
        object: facts.object,
        object_id: facts.object_id,
        trace_id: head.headers.get(TRACE_ID).map(|id| lossy(id.as_bytes())).or(facts.trace_id),
        age_ms: facts.happened.map(|happened| clock::milliseconds(at).saturating_sub(happened)),
        body,
        is_json: facts.is_json,
    }
}

fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), lossy(value.as_bytes()))).collect()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Does what was decided.
async fn act(
    answer: Answer,
    verdict: &Verdict,
    shared: &Shared,
    line: &Line,
) -> Result<Response<Body>, NoAnswer> {
    sleep(answer.delay).await;
    let mut response = match answer.action {
        Action::Close => return Err(NoAnswer),
        Action::Reset => {
            line.reset();
            return Err(NoAnswer);
        }
        Action::Hang => {
            shared.stopping().await;
            return Err(NoAnswer);
        }
        Action::Drip => drip(),
        Action::Status(status) => match verdict {
            Verdict::Refused(why) => plain(status, why),
            _ if status.is_success() => plain(status, ""),
            _ => plain(status, "as outboxd listen was told to answer"),
        },
    };
    response.headers_mut().extend(shared.options.headers.clone());
    Ok(response)
}

/// Answers a request that is no webhook, or is not taken in, and tells of it.
async fn refuse(
    head: &Parts,
    sender: &Sender,
    shared: &Shared,
    status: StatusCode,
    why: &str,
) -> Result<Response<Body>, NoAnswer> {
    let told = Refused {
        at: SystemTime::now(),
        peer: sender.peer,
        sender: sender.name.clone(),
        method: head.method.to_string(),
        path: head.uri.to_string(),
        status: status.as_u16(),
        why: why.to_owned(),
    };
    shared.told.send(Received::Refused(told)).await.map_err(|_| NoAnswer)?;
    let mut response = plain(status, &format!("{why}; {ABOUT}"));
    // What came behind is not waited for.
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(response)
}

/// A sentence as plain text that no browser takes for anything else; none where the status forbids it.
pub(super) fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let bodiless =
        matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED);
    let text = if text.is_empty() || bodiless { String::new() } else { format!("{text}\n") };
    let mut response = Response::new(Full::new(Bytes::from(text)).boxed_unsync());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// 200 at once, then a byte each second.
fn drip() -> Response<Body> {
    let drips = stream::unfold(0, |n| async move {
        if n == DRIPS {
            return None;
        }
        sleep(DRIP_PAUSE).await;
        Some((Ok(Frame::data(Bytes::from_static(b"."))), n + 1))
    });
    let mut response = Response::new(StreamBody::new(drips).boxed_unsync());
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(DRIPS));
    response
}
