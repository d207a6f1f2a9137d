//! A subscription made ready to send to: parsed once per version, not once per POST.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HeaderMap, HeaderValue};
use url::{Host, Url};

use super::context;
use super::named::Named;
use crate::identity::{Identities, Identity};
use crate::model::Subscription;

/// Everything about a subscription that its POSTs share.
pub struct Endpoint {
    /// `outbox.subscription.id`.
    pub subscription: i64,
    /// Where connections of this endpoint go; endpoints with equal destinations share them.
    pub destination: Destination,
    /// Path and query, as the request line has them.
    pub path: String,
    /// The `Host` header.
    pub authority: HeaderValue,
    /// Extra headers, checked once.
    pub headers: HeaderMap,
    /// Signing secrets.
    pub secrets: Vec<Vec<u8>>,
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
}

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
        Ok(Self { host, port, tls })
    }

    /// Two destinations with equal keys may share connections. An identity that was read again has another serial: what
    /// was opened with the old certificate is never used again.
    #[must_use]
    pub fn key(&self) -> (String, u16, Option<u64>) {
        (self.host.clone(), self.port, self.tls.as_ref().map(|identity| identity.serial))
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
    /// A header that the check in SQL let through and HTTP does not.
    #[error(
        "header {0:?} cannot be sent: it is no header, or belongs to the message, the connection or the relay"
    )]
    Header(String),
}

impl EndpointError {
    /// Whether it may be mended in the database without a new version of the subscription.
    #[must_use]
    pub fn depends_on_settings(&self) -> bool {
        matches!(self, Self::BadEndpoint { .. })
    }
}

impl Endpoint {
    /// Prepares a subscription.
    ///
    /// # Errors
    /// When its URL, identity or a header cannot be used; each attempt then fails with this sentence.
    pub fn new(
        subscription: &Subscription,
        identities: &Identities,
        named: &Named,
    ) -> Result<Self, EndpointError> {
        let url = named.resolve(&subscription.url, subscription.http_allowed)?;
        let url = Url::parse(&url).map_err(|e| EndpointError::Url(e.to_string()))?;
        let destination = Destination::of(&url, subscription.identity.as_deref(), identities)?;
        let authority = url.authority();
        Ok(Self {
            subscription: subscription.id,
            destination,
            path: url[url::Position::BeforePath..url::Position::AfterQuery].to_owned(),
            authority: HeaderValue::from_str(authority).map_err(|e| EndpointError::Url(e.to_string()))?,
            headers: header_map(&subscription.headers)?,
            secrets: subscription.secrets.clone(),
            connect_deadline: subscription.connect_deadline,
            deadline: subscription.deadline,
        })
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
