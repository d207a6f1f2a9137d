//! A subscription made ready to send to: parsed once per version, not once per POST.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HeaderMap, HeaderValue};
use hyper::{StatusCode, Uri};
use url::{Host, Url};

use super::auth::{Authorization, authorization, keys};
use super::context;
use super::named::Named;
use super::scrub::Scrubber;
use super::signature::{Key as SigningKey, Keys};
use crate::identity::{Identities, Identity};
use crate::model::Subscription;
use crate::secrets::{Secrets, in_environment};

/// Everything about a subscription that its POSTs share.
pub struct Endpoint {
    /// `outbox.subscription.id`.
    pub subscription: i64,
    /// Where connections of this endpoint go; endpoints with equal destinations share them.
    pub destination: Destination,
    /// Path and query, as the request line has them.
    pub path: String,
    /// The whole URL, as a request of HTTP/2 has it.
    pub(super) uri: Uri,
    /// The `Host` header.
    pub authority: HeaderValue,
    /// Extra headers, checked once.
    pub headers: HeaderMap,
    /// What proves who we are.
    pub(super) authorization: Authorization,
    /// What signs.
    pub(super) keys: Keys,
    /// Takes what we send in confidence out of answers.
    pub(super) scrubber: Scrubber,
    /// Statuses that are a success; `None` is any 2xx.
    pub success_codes: Option<Vec<u16>>,
    /// Limit until there is a connection.
    pub connect_deadline: Duration,
    /// Limit of one attempt.
    pub deadline: Duration,
}

/// What decides whether two requests may use the same connection. The identity is part of it: two subscriptions on one
/// host with different client certificates must never share a connection.
#[derive(Clone)]
pub struct Destination {
    /// Host name or address to dial, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The certificates to use; `None` for plain HTTP.
    pub tls: Option<Arc<Identity>>,
    /// Whether HTTP/2 is offered; without TLS there is nobody to offer it to.
    pub http2: bool,
}

/// Host, port, the identity's serial number, whether HTTP/2 is offered.
pub(super) type Key = (String, u16, Option<u64>, bool);

impl Destination {
    /// Where POSTs to a URL go, with the identity of that name.
    ///
    /// # Errors
    /// When the URL or the identity cannot be used.
    pub fn new(url: &str, identity: Option<&str>, identities: &Identities) -> Result<Self, EndpointError> {
        let url = Url::parse(url).map_err(|e| EndpointError::Url(e.to_string()))?;
        Self::of(&url, identity, identities)
    }

    fn of(url: &Url, identity: Option<&str>, identities: &Identities) -> Result<Self, EndpointError> {
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err(EndpointError::Url("it has no host".into())),
        };
        let tls = match url.scheme() {
            "https" => Some(identities.get(identity).ok_or_else(|| EndpointError::UnknownIdentity {
                name: identity.unwrap_or_default().to_owned(),
                known: identities.names(),
            })?),
            "http" => None,
            other => return Err(EndpointError::Url(format!("{other}:// is not supported"))),
        };
        let port = url.port_or_known_default().ok_or_else(|| EndpointError::Url("it has no port".into()))?;
        Ok(Self { host, port, tls, http2: false })
    }

    /// Host and port, for messages.
    pub(super) fn name(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Two destinations with equal keys may share connections. An identity that was read again has another serial: what
    /// was opened with the old certificate is never used again.
    pub(super) fn key(&self) -> Key {
        (self.host.clone(), self.port, self.tls.as_ref().map(|identity| identity.serial), self.http2)
    }
}

/// A subscription that cannot be sent to as it stands.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EndpointError {
    /// The URL passed the check in SQL and still cannot be used.
    #[error("its URL cannot be used: {0}")]
    Url(String),
    /// The relay has no certificates of that name.
    #[error(
        "identity {name:?} is not known to this relay: put tls.crt and tls.key into the folder {name} of its \
         --identities folder and send it SIGHUP, or name another with update outbox.subscription set identity = …{known}"
    )]
    UnknownIdentity {
        /// The name in the subscription.
        name: String,
        /// `"; it knows a, b"`, or nothing.
        known: String,
    },
    /// The relay has no URL of that name.
    #[error(
        "endpoint {name:?} is not known to this relay, which knows {known}: put {name}=URL into its --endpoints file and send \
         it SIGHUP, or start it with OUTBOXD_ENDPOINT_{name}=URL"
    )]
    UnknownEndpoint {
        /// The name in the subscription.
        name: String,
        /// `a, b`, or `none`.
        known: String,
    },
    /// The relay's URL of that name is none that subscriptions may have.
    #[error("the URL that this relay has for endpoint {name:?} cannot be used: {problem}")]
    BadEndpoint {
        /// The name in the subscription.
        name: String,
        /// What is wrong, and the way out.
        problem: String,
    },
    /// The relay has no secret of that name.
    #[error(
        "secret {name:?} is not known to this relay: put it into a file of that name in its --secrets folder, or start it with \
         OUTBOXD_SECRET_{variable} in its environment; or name another with update outbox.subscription set auth = …, or \
         outbox.set_signing_secret()"
    )]
    UnknownSecret {
        /// The name in the subscription.
        name: String,
        /// What follows in the name of the variable.
        variable: String,
    },
    /// What signs cannot.
    #[error("its signing secret cannot be used: {0}")]
    SigningSecret(String),
    /// A header that the check in SQL let through and HTTP does not.
    #[error(
        "header {0:?} cannot be sent: it is no header, or belongs to the message, the connection or the relay"
    )]
    Header(String),
    /// Where tokens come from passed the check in SQL and still cannot be used.
    #[error("the token_url of its auth cannot be used: {0}")]
    TokenUrl(String),
    /// Of a later release.
    #[error("its auth is of a type that this release of the relay does not know")]
    Auth,
}

impl EndpointError {
    pub(super) fn unknown_secret(name: &str) -> Self {
        Self::UnknownSecret { name: name.to_owned(), variable: in_environment(name) }
    }
}

impl EndpointError {
    /// Whether it may be mended in the database without a new version of the subscription.
    #[must_use]
    pub fn depends_on_settings(&self) -> bool {
        matches!(self, Self::BadEndpoint { .. })
    }
}

impl Endpoint {
    /// Whether this status means that the subscriber has the event.
    #[must_use]
    pub fn is_success(&self, status: StatusCode) -> bool {
        let listed = |codes: &Vec<u16>| codes.contains(&status.as_u16());
        status.is_success() && self.success_codes.as_ref().is_none_or(listed)
    }

    /// Prepares a subscription.
    ///
    /// # Errors
    /// When its URL, identity, a secret or a header cannot be used; each attempt then fails with this sentence.
    pub fn new(
        subscription: &Subscription,
        identities: &Identities,
        secrets: &Secrets,
        named: &Named,
    ) -> Result<Self, EndpointError> {
        let url = named.resolve(&subscription.url, subscription.http_allowed)?;
        let url = Url::parse(&url).map_err(|e| EndpointError::Url(e.to_string()))?;
        let mut destination = Destination::of(&url, subscription.identity.as_deref(), identities)?;
        destination.http2 = subscription.http2 && destination.tls.is_some();
        if let Some(identity) = destination.tls.as_ref().filter(|_| subscription.http2) {
            // Here already: it takes tens of milliseconds, and no attempt's deadline should pay for that. What is wrong with
            // it, an attempt says.
            let _ = identity.connector(true);
        }
        let authority = url.authority();
        let mut scrubber = Scrubber::default();
        for (_, value) in &subscription.headers {
            // A credential often stands behind a word that says of which kind it is.
            value.rsplit(' ').take(1).chain([value.as_str()]).for_each(|part| scrubber.add(part));
        }
        Ok(Self {
            subscription: subscription.id,
            destination,
            path: url[url::Position::BeforePath..url::Position::AfterQuery].to_owned(),
            uri: url[..url::Position::AfterQuery]
                .parse()
                .map_err(|_| EndpointError::Url("it is no URI".into()))?,
            authority: HeaderValue::from_str(authority).map_err(|e| EndpointError::Url(e.to_string()))?,
            headers: header_map(&subscription.headers)?,
            authorization: authorization(subscription, identities, secrets, &mut scrubber)?,
            keys: keys(subscription, secrets, &mut scrubber)?,
            scrubber,
            success_codes: subscription.policy.success_codes.clone(),
            connect_deadline: subscription.connect_deadline,
            deadline: subscription.deadline,
        })
    }

    /// Has a further key sign.
    pub fn sign_with(&mut self, key: SigningKey) {
        key.written().iter().for_each(|written| self.scrubber.add(written));
        self.keys.add(key, None);
    }
}

fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, EndpointError> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let bad = || EndpointError::Header(name.clone());
        let header = context::allowed(name).ok_or_else(bad)?;
        map.insert(header, HeaderValue::from_str(value).map_err(|_| bad())?);
    }
    Ok(map)
}
