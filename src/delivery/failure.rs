//! What went wrong, as a class (did the subscriber see the request?), a word for grouping and a sentence to act on.

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use super::address::Objection;
use super::causes::chain_of;
use super::dial::seconds;
use super::endpoint::Destination;
use crate::identity::Identity;
use crate::model::Class;

/// A POST that brought no status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Whether the subscriber may have seen the request.
    pub class: Class,
    /// For `outbox.attempt.error_class`.
    pub word: &'static str,
    /// For `outbox.attempt.error`.
    pub sentence: String,
}

/// What is known of a request over HTTP/2 that was not answered.
pub(super) struct Lost<'a> {
    /// What broke the connection under it.
    pub(super) broken: Option<&'a str>,
    /// Whether anything was ever answered on the connection.
    pub(super) answered: bool,
    /// Whether the request was certainly not written.
    pub(super) unsent: bool,
}

impl Failure {
    /// An attempt that could not be made for a reason of our own.
    #[must_use]
    pub fn not_sent(word: &'static str, sentence: String) -> Self {
        Self { class: Class::NotSent, word, sentence }
    }

    /// Whether the subscriber has said that it does not take our certificate: another one may be tried.
    pub(super) fn refuses_certificate(&self) -> bool {
        self.word == "tls_client_certificate"
    }

    /// Whether the subscriber does not take our certificate. It has then read nothing of a request.
    pub(super) fn refuses_us(&self) -> bool {
        self.class == Class::NotSent && (self.refuses_certificate() || self.word == "connection_closed")
    }

    pub(super) fn name(host: &str, why: &str) -> Self {
        Self::not_sent(
            "dns",
            format!(
                "the name {host} cannot be resolved: {why}; check how the URL's host is spelt, and whether this machine's \
             resolver knows it (getent hosts {host})"
            ),
        )
    }

    pub(super) fn tcp(address: SocketAddr, error: &std::io::Error) -> Self {
        let advice = match error.kind() {
            ErrorKind::ConnectionRefused => {
                "; nothing listens there: check host and port of the URL, or start the subscriber"
            }
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                "; this machine has no way there: check the URL's host, routes and firewalls"
            }
            _ => "",
        };
        Self::not_sent("connect", format!("no connection to {address}: {error}{advice}"))
    }

    pub(super) fn tcp_timeout(address: SocketAddr, limit: Duration) -> Self {
        Self::not_sent(
            "connect_timeout",
            format!(
                "no connection to {address} within {}; check host and port of the URL, and whether a firewall drops \
                 packets on the way",
                seconds(limit)
            ),
        )
    }

    /// Everything up to the request took too long.
    pub(super) fn connect_deadline(limit: Duration, when: &str, http2: bool) -> Self {
        let or = if http2 { ", and takes streams where it speaks HTTP/2" } else { "" };
        Self::not_sent(
            "connect_timeout",
            format!(
                "the connect deadline of {limit:?} passed {when}; check host and port of the URL, and whether what listens \
                 there speaks TLS{or}; outbox.subscription.connect_deadline may be up to 30 s"
            ),
        )
    }

    /// An address that is not public and that nobody has allowed.
    pub(super) fn address(host: &str, address: SocketAddr, objection: Objection) -> Self {
        let Objection { ip, network, what } = objection;
        let at = SocketAddr::new(ip, address.port());
        let leads = if ip == address.ip() { String::new() } else { format!(" leads on to {ip}, which") };
        Self::not_sent(
            "address_denied",
            format!(
                "{}{leads} is not a public address but {what} ({network}); where subscribers may be there, start the relay \
                 with --allow-address {at}, or a network, or say so in OUTBOXD_ALLOW_ADDRESS",
                of(host, address)
            ),
        )
    }

    /// An address of ours.
    pub(super) fn own_address(host: &str, address: SocketAddr, what: &str) -> Self {
        Self::not_sent(
            "address_denied",
            format!(
                "{} is {what}, which is no subscriber's and cannot be allowed; correct the subscription's URL",
                of(host, address)
            ),
        )
    }

    /// Where it is ours cannot be told.
    pub(super) fn own_name(name: &str, what: &str, why: &str) -> Self {
        Self::not_sent(
            "address_denied",
            format!(
                "its port is that of {what} {name}, and whether that is where it leads is unknown: {why}"
            ),
        )
    }

    pub(super) fn deadline(limit: Duration, class: Class, when: &str) -> Self {
        let advice = match class {
            Class::NotSent => "check host and port of the URL, and firewalls on the way",
            _ => {
                "a subscriber should answer first and work afterwards; outbox.subscription.deadline may be up to 60 s"
            }
        };
        Self {
            class,
            word: "timeout",
            sentence: format!("the deadline of {limit:?} passed {when}; {advice}"),
        }
    }

    /// A TLS handshake that failed. Nothing of the request was written.
    pub(super) fn handshake(error: &native_tls::Error, host: &str, identity: &Identity) -> Self {
        let text = chain_of(error);
        if let Some(failure) = client_certificate(&text, identity) {
            return failure;
        }
        let (word, advice) = server_certificate(&text, host, identity);
        Self::not_sent(word, format!("{advice} ({text})"))
    }

    /// A connection that was closed, or on which an alert came, when the handshake was over and before anything was sent:
    /// under TLS 1.3 that is how a client certificate is refused.
    pub(super) fn after_handshake(error: Option<&std::io::Error>, identity: &Identity) -> Self {
        let text = error.map_or_else(|| "closed".to_owned(), |error| chain_of(error));
        client_certificate(&text, identity).unwrap_or_else(|| {
            Self::not_sent(
                "connection_closed",
                format!(
                    "the subscriber closed the connection after the handshake; a server that refuses the client \
                     certificate may do so, and ours is {} ({text})",
                    identity.describe()
                ),
            )
        })
    }

    /// A connection that ended before the subscriber had said that it speaks HTTP/2 on it: nothing was sent.
    pub(super) fn before_http2(text: &str, destination: &Destination) -> Self {
        let identity = destination.tls.as_ref();
        let refused = identity.and_then(|identity| client_certificate(text, identity));
        refused.unwrap_or_else(|| {
            let ours = identity.map(|identity| identity.describe()).unwrap_or_default();
            Self::not_sent(
                "connection_closed",
                format!(
                    "the subscriber closed the connection before anything was sent; a server that refuses the client \
                     certificate may do so, and ours is {ours} ({text})"
                ),
            )
        })
    }

    /// A request that failed on a connection over HTTP/2, and whether it may be sent on another at once: when it cannot have
    /// been seen for a reason that is the connection's alone. That it was cancelled proves nothing.
    pub(super) fn from_http2(error: &hyper::Error, destination: &Destination, lost: &Lost) -> (Self, bool) {
        let mut text = chain_of(error);
        if let Some(broken) = lost.broken.filter(|broken| !text.contains(*broken)) {
            text = format!("{text}: {broken}");
        }
        let identity = destination.tls.as_ref();
        // An alert is what TLS has seen, and nothing that the peer says over HTTP/2.
        let alert = lost.broken.filter(|_| !lost.answered);
        if let Some(failure) =
            alert.zip(identity).and_then(|(text, identity)| client_certificate(text, identity))
        {
            return (failure, false);
        }
        let hint = match identity {
            Some(identity) if !lost.answered => format!(
                "; a server that refuses the client certificate may do so, and ours is {}",
                identity.describe()
            ),
            _ => String::new(),
        };
        let remote =
            error.source().and_then(|source| source.downcast_ref::<h2::Error>()).filter(|e| e.is_remote());
        let refused = remote.filter(|error| error.is_reset()).and_then(h2::Error::reason);
        if lost.unsent {
            let what = "the connection was closed before the request was written";
            return (Self::not_sent("connection_closed", format!("{what}{hint} ({text})")), lost.answered);
        }
        if remote.is_some_and(h2::Error::is_go_away) {
            let what = "the subscriber closed the connection and said that it has not looked at this request";
            return (Self::not_sent("http2_go_away", format!("{what} ({text})")), lost.answered);
        }
        if refused == Some(h2::Reason::REFUSED_STREAM) {
            let what = "the subscriber refused the request unseen: it has too many under way; lower the concurrency of the \
                        subscription";
            return (Self::not_sent("http2_refused_stream", format!("{what} ({text})")), false);
        }
        let what = match refused {
            Some(h2::Reason::HTTP_1_1_REQUIRED) => {
                "the subscriber wants HTTP/1.1 here: update outbox.subscription set http2 = false".to_owned()
            }
            Some(_) => "the subscriber ended the request without an answer".to_owned(),
            None => format!("the connection was lost before an answer came{hint}"),
        };
        (Self { class: Class::Unknown, word: "connection_lost", sentence: format!("{what} ({text})") }, false)
    }

    /// A request that failed on an open connection. `fresh`: nothing was ever answered on it.
    pub(super) fn from_hyper(error: &hyper::Error, destination: &Destination, fresh: bool) -> Self {
        let text = chain_of(error);
        // Under TLS 1.3 the client's part of the handshake ends before the server has judged its certificate: the
        // refusal comes as an alert in place of an answer, and the server has not read the request.
        if let Some(failure) =
            destination.tls.as_ref().and_then(|identity| client_certificate(&text, identity))
        {
            return failure;
        }
        if error.is_canceled() {
            return Self::not_sent(
                "connection_closed",
                format!("the connection was closed before the request was written ({text})"),
            );
        }
        if error.is_parse() || error.is_parse_status() {
            let hint = match &destination.tls {
                None => "; if that port speaks TLS, the URL must begin with https://",
                Some(_) => "",
            };
            return Self {
                class: Class::Unknown,
                word: "malformed_response",
                sentence: format!("the subscriber's answer is not HTTP/1.1{hint} ({text})"),
            };
        }
        let hint = match &destination.tls {
            Some(identity) if fresh => format!(
                "; a server that refuses the client certificate may do so, and ours is {}",
                identity.describe()
            ),
            _ => String::new(),
        };
        Self {
            class: Class::Unknown,
            word: "connection_lost",
            sentence: format!("the subscriber closed the connection without an answer{hint} ({text})"),
        }
    }
}

/// `10.1.2.3:443 (hooks.example.com)`, or the address alone where the URL has it.
fn of(host: &str, address: SocketAddr) -> String {
    if host.parse() == Ok(address.ip()) { address.to_string() } else { format!("{address} ({host})") }
}

/// An alert about our certificate, which the peer sends in the handshake (TLS 1.2) or after it (TLS 1.3).
fn client_certificate(text: &str, identity: &Identity) -> Option<Failure> {
    let alert = text.split_once("alert ").map(|(_, alert)| alert)?;
    let what = [
        ("certificate required", "it wants a client certificate"),
        ("handshake failure", "it wants a client certificate or finds nothing in common with us"),
        ("bad certificate", "it takes our certificate for broken"),
        (
            "unsupported certificate",
            "our certificate is not made for clients (extended key usage clientAuth)",
        ),
        ("certificate revoked", "our certificate is revoked"),
        ("certificate expired", "our certificate has expired"),
        ("certificate unknown", "it does not accept our certificate"),
        ("unknown ca", "it does not know the CA of our certificate"),
        ("decrypt error", "it could not verify our certificate's signature"),
        ("access denied", "our certificate is not allowed in"),
    ]
    .into_iter()
    .find(|(name, _)| alert.starts_with(name))?
    .1;
    let way_out = match &identity.certificate {
        Some(_) => String::new(),
        None => format!("; {}", identity.put("tls.crt and tls.key, as the subscriber accepts them,")),
    };
    Some(Failure::not_sent(
        "tls_client_certificate",
        format!(
            "the subscriber refused our client certificate, {}: {what}{way_out} (alert {alert})",
            identity.describe()
        ),
    ))
}

/// What OpenSSL says of the server's certificate, put as something to do.
fn server_certificate(text: &str, host: &str, identity: &Identity) -> (&'static str, String) {
    let has = |part: &str| text.contains(part);
    if has("certificate has expired") {
        ("tls_expired", "the subscriber's certificate has expired: its owner must renew it".into())
    } else if has("not yet valid") {
        (
            "tls_not_yet_valid",
            format!(
                "the certificate of {host} is not valid yet: it is issued for later, or a clock is wrong"
            ),
        )
    } else if has("hostname mismatch") || has("IP address mismatch") {
        (
            "tls_wrong_name",
            format!(
                "the subscriber's certificate is not for {host}: fix the URL, or the certificate's subjectAltName"
            ),
        )
    } else if has("unable to get local issuer")
        || has("self-signed")
        || has("self signed")
        || has("unable to verify")
    {
        let trusted = match &identity.roots {
            Some(path) => format!("{}; add it there and send the relay SIGHUP", path.display()),
            None => format!("the system's store; {}", identity.put("it as ca.crt")),
        };
        (
            "tls_unknown_ca",
            format!(
                "the CA of the certificate of {host}, or that certificate itself where it is self-signed, is not among \
                 those trusted in {trusted}"
            ),
        )
    } else if has("unsupported protocol") || has("protocol version") {
        ("tls_version", format!("{host} does not speak TLS 1.2 or later"))
    } else if has("wrong version number") || has("http request") {
        (
            "tls_not_spoken",
            format!(
                "{host} does not speak TLS on this port: check the port of the URL; if plain HTTP is meant, the URL \
                 begins with http://, after update outbox.setting set http_allowed = true"
            ),
        )
    } else if has("certificate verify failed") {
        ("tls_certificate", format!("the certificate of {host} is not acceptable"))
    } else {
        ("tls_handshake", format!("the TLS handshake with {host} failed"))
    }
}
