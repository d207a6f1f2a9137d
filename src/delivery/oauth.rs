//! OAuth 2 client credentials (RFC 6749, section 4.4): a token is fetched with the client's secret, and kept until shortly
//! before it ends. One fetch at a time per client: whoever comes meanwhile waits for it and has what came of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use serde_json::Value;
use tokio::time::{Instant as Deadline, timeout_at};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::auth::basic;
use super::connect::connect_http1;
use super::dial::Dialler;
use super::endpoint::{Destination, EndpointError};
use super::failure::Failure;
use super::post::AGENT;
use super::rollover::Rollover;
use crate::identity::Identities;
use crate::secrets::Secret;

/// How long a token counts whose answer does not say.
const LIFE: Duration = Duration::from_mins(5);
/// A token is not used in so much of the end of its life: a POST may take that long. Of a short life a quarter.
const MARGIN: Duration = Duration::from_mins(1);
/// Name and TCP may take so long.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// More than any answer of a token endpoint has.
const ANSWER_MAX: usize = 64 * 1024;
/// More clients than this, and all are forgotten.
const CLIENTS_MAX: usize = 10_000;

/// Whose token: two clients that differ in anything, be it the secret, never share one.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Client {
    token_url: String,
    id: String,
    secret: Secret,
    scope: Option<String>,
    identity: Option<u64>,
}

/// How to get a token: all of a request but the connection.
pub(super) struct Grant {
    client: Client,
    destination: Destination,
    path: String,
    authority: HeaderValue,
    credentials: String,
    form: String,
}

/// A token. It shows itself nowhere.
pub(super) type Token = Secret;

/// Tokens that were fetched.
#[derive(Default)]
pub(super) struct Tokens {
    slots: Mutex<HashMap<Client, Arc<Slot>>>,
}

/// How to get to a token endpoint, and by which certificate.
pub(super) type Ways<'a> = (&'a Dialler, &'a Arc<Rollover>);

type Slot = tokio::sync::Mutex<Fetched>;

#[derive(Default)]
struct Fetched {
    token: Option<(Token, Instant)>,
    /// When the last fetch failed, and with what.
    failed: Option<(Instant, Failure)>,
}

impl Grant {
    pub(super) fn new(
        token_url: &str,
        (client_id, secret): (&str, Secret),
        scope: Option<&str>,
        identity: Option<&str>,
        identities: &Identities,
    ) -> Result<Self, EndpointError> {
        let url = Url::parse(token_url).map_err(|e| EndpointError::TokenUrl(e.to_string()))?;
        let destination = Destination::new(token_url, identity, identities)?;
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = scope {
            form.append_pair("scope", scope);
        }
        // Both are form-encoded before they are joined by a colon: RFC 6749, section 2.3.1.
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let credentials = basic(&encoded(client_id), &encoded(secret.reveal()));
        let authority =
            HeaderValue::from_str(url.authority()).map_err(|e| EndpointError::TokenUrl(e.to_string()))?;
        Ok(Self {
            client: Client {
                token_url: token_url.to_owned(),
                id: client_id.to_owned(),
                secret,
                scope: scope.map(str::to_owned),
                identity: destination.tls.as_ref().map(|identity| identity.serial),
            },
            destination,
            path: url[url::Position::BeforePath..url::Position::AfterQuery].to_owned(),
            authority,
            credentials,
            form: form.finish(),
        })
    }

    /// What goes over the wire of the secret, without the word before it.
    pub(super) fn credentials(&self) -> &str {
        self.credentials.trim_start_matches("Basic ")
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(Bytes::copy_from_slice(self.form.as_bytes())));
        *request.method_mut() = Method::POST;
        // Prepared from a parsed URL: always a valid path.
        *request.uri_mut() = self.path.parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(HOST, self.authority.clone());
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        if let Ok(mut credentials) = HeaderValue::from_str(&self.credentials) {
            credentials.set_sensitive(true);
            headers.insert(AUTHORIZATION, credentials);
        }
        request
    }

    fn failure(&self, why: &str) -> Failure {
        Failure::not_sent("oauth", format!("no token from {}: {why}", self.destination.name()))
    }
}

impl Tokens {
    /// The token of a client, fetched if need be, before the deadline.
    pub(super) async fn get(
        &self,
        grant: &Grant,
        ways: Ways<'_>,
        deadline: Deadline,
    ) -> Result<Token, Failure> {
        let came = Instant::now();
        let slot = self.slot(&grant.client);
        let fetched = timeout_at(deadline, async {
            let mut slot = slot.lock().await;
            match (&slot.token, &slot.failed) {
                (Some((token, until)), _) if Instant::now() < *until => return Ok(token.clone()),
                // What failed while we waited would fail again.
                (_, Some((at, failure))) if *at >= came => return Err(failure.clone()),
                _ => {}
            }
            let result = fetch(grant, ways, deadline.min(Deadline::now() + CONNECT_LIMIT)).await;
            match &result {
                Ok((token, life)) => {
                    let until = Instant::now() + (*life).saturating_sub(MARGIN.min(*life / 4));
                    *slot = Fetched { token: Some((token.clone(), until)), failed: None };
                }
                Err(failure) => {
                    *slot = Fetched { token: None, failed: Some((Instant::now(), failure.clone())) };
                }
            }
            result.map(|(token, _)| token)
        });
        fetched
            .await
            .unwrap_or_else(|_| Err(grant.failure("it did not answer before the deadline of the POST")))
    }

    /// Forgets a token that a subscriber did not take: the next attempt has a new one. One that came meanwhile stays.
    pub(super) async fn refused(&self, grant: &Grant, token: &Token) {
        let slot = self.slot(&grant.client);
        let mut slot = slot.lock().await;
        if slot.token.as_ref().is_some_and(|(kept, _)| kept == token) {
            slot.token = None;
        }
    }

    /// Forgets all of them.
    pub(super) fn clear(&self) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn slot(&self, client: &Client) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= CLIENTS_MAX && !slots.contains_key(client) {
            slots.clear();
        }
        Arc::clone(slots.entry(client.clone()).or_default())
    }
}

async fn fetch(grant: &Grant, ways: Ways<'_>, until: Deadline) -> Result<(Token, Duration), Failure> {
    let choice = ways.1.choose(&grant.destination);
    let mut asked = ask(grant, &choice.first, ways, until).await;
    if let (Err(failure), Some(second)) = (&asked, &choice.second)
        && failure.refuses_certificate()
    {
        // Where neither is taken, it is the first that people know of.
        let other = ask(grant, second, ways, until).await;
        if !other.as_ref().is_err_and(Failure::refuses_us) {
            asked = other;
        }
    }
    let (status, body) = asked.map_err(|failure| grant.failure(&failure.sentence))?;
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    if status != StatusCode::OK {
        return Err(grant.failure(&refusal(status, &answer)));
    }
    token(&answer).ok_or_else(|| grant.failure("its answer has no access_token of type Bearer"))
}

/// Asks by one certificate.
async fn ask(
    grant: &Grant,
    destination: &Destination,
    (dialler, rollover): Ways<'_>,
    until: Deadline,
) -> Result<(StatusCode, Bytes), Failure> {
    let asked = async {
        let mut connection = connect_http1(destination, dialler, until).await?;
        let sent = connection.sender.send_request(grant.request()).await;
        let response = sent.map_err(|e| Failure::from_hyper(&e, destination, true))?;
        let status = response.status();
        // Whatever went wrong with it may quote it.
        let broken = |_| Failure::not_sent("oauth", "its answer broke off, or is larger than 64 KiB".into());
        let body = Limited::new(response.into_body(), ANSWER_MAX).collect().await.map_err(broken)?;
        Ok((status, body.to_bytes()))
    };
    let result = asked.await;
    rollover.sent(destination, result.as_ref().map(drop));
    result
}

/// What an endpoint says that gives no token. Of its words only the code of the error: the others may repeat the secret.
fn refusal(status: StatusCode, answer: &Value) -> String {
    let codes = [
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "unauthorized_client",
        "unsupported_grant_type",
    ];
    let code = answer["error"].as_str().and_then(|error| codes.into_iter().find(|code| *code == error));
    let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
    format!(
        "it answered {}{code}; check client_id and scope of auth, and the relay's secret of that name",
        status.as_u16()
    )
}

fn token(answer: &Value) -> Option<(Token, Duration)> {
    let bearer = answer["token_type"].as_str().is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    let token = answer["access_token"].as_str().filter(|_| bearer).and_then(Secret::new)?;
    let seconds = &answer["expires_in"];
    let seconds = seconds.as_f64().or_else(|| seconds.as_str()?.parse().ok());
    let life = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(LIFE);
    // Longer than any is kept anyway.
    Some((token, life.min(Duration::from_hours(24))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_with_its_life_and_nothing_else_is() {
        let read = |text: &str| {
            let answer: Value = serde_json::from_str(text).expect("JSON");
            token(&answer).map(|(token, life)| (token.reveal().to_owned(), life.as_secs()))
        };
        let good = |seconds| Some(("abc".to_owned(), seconds));
        for (text, expected) in [
            (r#"{"access_token": "abc", "token_type": "Bearer", "expires_in": 3600}"#, good(3600)),
            (r#"{"access_token": "abc", "token_type": "bearer", "expires_in": "60"}"#, good(60)),
            (r#"{"access_token": "abc", "expires_in": -1}"#, good(300)),
            (r#"{"access_token": "abc", "expires_in": 1e9}"#, good(86_400)),
            (r#"{"access_token": "abc", "token_type": "mac"}"#, None),
            (r#"{"access_token": "a\nb", "token_type": "Bearer"}"#, None),
            (r#"{"access_token": ""}"#, None),
            (r#"{"error": "invalid_client"}"#, None),
            ("[]", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn a_refusal_repeats_nothing_but_a_code_that_is_known() {
        let answer = serde_json::json!({"error": "invalid_client", "error_description": "marker"});
        assert!(refusal(StatusCode::UNAUTHORIZED, &answer).starts_with("it answered 401 (invalid_client);"));
        let answer = serde_json::json!({"error": "marker"});
        assert!(!refusal(StatusCode::BAD_REQUEST, &answer).contains("marker"));
    }
}
