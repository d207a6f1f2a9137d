//! What each path answers. All of it is plain text that no browser may take for anything else.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Body;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::{Method, Request, Response, StatusCode};

use super::Facts;
use super::host::is_foreign;

const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers a request. A loopback listener answers only to names of the machine itself.
pub(super) fn answer<B: Body>(request: &Request<B>, facts: &Facts, loopback: bool) -> Response<Full<Bytes>> {
    if loopback && is_foreign(request) {
        let text = "this listener is bound to a loopback address and answers only to the hosts localhost, 127.0.0.0/8 \
             and [::1], with any port; --ops-listen ADDRESS:PORT binds it elsewhere\n";
        return plain(StatusCode::FORBIDDEN, TEXT, text.to_owned());
    }
    if !request.body().is_end_stream() {
        return plain(StatusCode::BAD_REQUEST, TEXT, "a request has no body here\n".to_owned());
    }
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/livez") => state("live", &facts.health.lifeless()),
        (&Method::GET | &Method::HEAD, "/readyz") => state("ready", &facts.health.unready()),
        (&Method::GET | &Method::HEAD, "/metrics") => metrics(facts),
        (&Method::GET | &Method::HEAD, _) => {
            plain(StatusCode::NOT_FOUND, TEXT, "there is /livez, /readyz and /metrics\n".to_owned())
        }
        _ => {
            let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, TEXT, "GET or HEAD only\n".to_owned());
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            refusal
        }
    }
}

fn metrics(facts: &Facts) -> Response<Full<Bytes>> {
    facts.metrics.ready(facts.health.unready().is_empty());
    match facts.metrics.encode() {
        Ok(text) => plain(StatusCode::OK, METRICS, text),
        Err(problem) => plain(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{problem}\n")),
    }
}

/// The word, or the reasons against it, one per line.
fn state(word: &str, reasons: &[String]) -> Response<Full<Bytes>> {
    if reasons.is_empty() {
        return plain(StatusCode::OK, TEXT, format!("{word}\n"));
    }
    plain(StatusCode::SERVICE_UNAVAILABLE, TEXT, reasons.join("\n") + "\n")
}

fn plain(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
