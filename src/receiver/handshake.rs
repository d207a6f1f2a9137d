//! Why a TLS handshake failed, as a sentence that says what to do.

use openssl::ssl::{Error, SslRef};
use openssl::x509::X509VerifyResult;

/// A client spoke HTTP where TLS is spoken.
pub(super) const PLAIN_TO_TLS: &str =
    "this port speaks TLS, and plain HTTP came: the URL must begin with https://";
/// The other way round.
pub(super) const TLS_TO_PLAIN: &str = "a TLS handshake came, and this port speaks plain HTTP: start it with --tls FOLDER, \
     or let the URL begin with http://";

/// What went wrong; `shown` is the common name of the client's certificate, if it showed one.
pub(super) fn advice(error: &Error, session: &SslRef, shown: Option<&str>) -> String {
    let text = reasons(error);
    let has = |part: &str| text.contains(part);
    let verdict = session.verify_result();
    if has("peer did not return a certificate") {
        return "the client showed no certificate: does the relay run with --identities, and has the identity of the \
                subscription tls.crt and tls.key?"
            .to_owned();
    }
    if has("certificate verify failed") && verdict != X509VerifyResult::OK {
        return client_certificate(verdict, shown.unwrap_or_default());
    }
    if let Some((_, alert)) = text.split_once("alert ") {
        return refused_by_client(alert);
    }
    if has("unsupported protocol") || has("version too low") {
        return "the client does not speak TLS 1.2 or later".to_owned();
    }
    if has("unexpected eof") || error.io_error().is_some() || text.is_empty() {
        return "the client hung up in the middle of the TLS handshake; it may not trust our certificate"
            .to_owned();
    }
    format!("the TLS handshake failed ({text})")
}

/// The client's certificate is not acceptable to us.
fn client_certificate(verdict: X509VerifyResult, name: &str) -> String {
    // The numbers of X509_V_ERR_…, which the library has no names for.
    let what = match verdict.as_raw() {
        2 | 18 | 19 | 20 | 21 => {
            "is not signed by the CA in our ca.crt: relay and receiver need certificates of the same CA"
        }
        9 => "is not valid yet: it is issued for later, or a clock is wrong",
        10 => "has expired: make new ones (outboxd certificates), then SIGHUP to the relay",
        26 | 79 => "is not made for clients (extended key usage clientAuth)",
        _ => {
            return format!(
                "the client's certificate ({name}) is not acceptable: {}",
                verdict.error_string()
            );
        }
    };
    format!("the client's certificate ({name}) {what}")
}

/// The client has hung up with an alert: our certificate is not acceptable to it.
fn refused_by_client(alert: &str) -> String {
    let what = if alert.starts_with("unknown ca") {
        "does not trust our certificate: its ca.crt (in the relay's identity folder) must have the CA that signed our tls.crt"
    } else if alert.starts_with("certificate expired") {
        "says that our certificate has expired: make new ones (outboxd certificates) and start again"
    } else if alert.starts_with("bad certificate") || alert.starts_with("certificate unknown") {
        "does not accept our certificate: it does not trust the CA, or the host in the URL is not among the certificate's names"
    } else if alert.starts_with("handshake failure") || alert.starts_with("protocol version") {
        "finds nothing in common with us: TLS 1.2 or later is needed"
    } else {
        "ended the handshake"
    };
    format!("the client {what} (alert {alert})")
}

/// What OpenSSL says, in lower case.
fn reasons(error: &Error) -> String {
    let stack = error.ssl_error().map(openssl::error::ErrorStack::errors).unwrap_or_default();
    let reasons = stack.iter().filter_map(|error| error.reason().map(ToString::to_string));
    reasons.collect::<Vec<_>>().join(", ").to_lowercase()
}
