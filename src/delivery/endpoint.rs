//! A subscription made ready to send to: parsed once per version, not once per POST.

use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use url::{Host, Url};

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
    /// The whole URL, as a request of HTTP/2 has it.
    pub(super) uri: Uri,
    /// The `Host` header.
    pub authority: HeaderValue,
    /// Extra headers, checked once.
    pub headers: HeaderMap,
    /// Signing secrets.
    pub secrets: Vec<Vec<u8>>,
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
    /// A header that the check in SQL let through and HTTP does not.
    #[error("header {0:?} cannot be sent")]
    Header(String),
}

impl Endpoint {
    /// Prepares a subscription.
    ///
    /// # Errors
    /// When its URL, identity or a header cannot be used; each attempt then fails with this sentence.
    pub fn new(subscription: &Subscription, identities: &Identities) -> Result<Self, EndpointError> {
        let url = Url::parse(&subscription.url).map_err(|e| EndpointError::Url(e.to_string()))?;
        let mut destination = Destination::of(&url, subscription.identity.as_deref(), identities)?;
        destination.http2 = subscription.http2 && destination.tls.is_some();
        if let Some(identity) = destination.tls.as_ref().filter(|_| subscription.http2) {
            // Here already: it takes tens of milliseconds, and no attempt's deadline should pay for that. What is wrong with
            // it, an attempt says.
            let _ = identity.connector(true);
        }
        let authority = url.authority();
        Ok(Self {
            subscription: subscription.id,
            destination,
            path: url[url::Position::BeforePath..url::Position::AfterQuery].to_owned(),
            uri: url[..url::Position::AfterQuery]
                .parse()
                .map_err(|_| EndpointError::Url("it is no URI".into()))?,
            authority: HeaderValue::from_str(authority).map_err(|e| EndpointError::Url(e.to_string()))?,
            headers: header_map(&subscription.headers)?,
            secrets: subscription.secrets.clone(),
            deadline: subscription.deadline,
        })
    }
}

fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, EndpointError> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let bad = || EndpointError::Header(name.clone());
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        map.insert(header, HeaderValue::from_str(value).map_err(|_| bad())?);
    }
    Ok(map)
}
