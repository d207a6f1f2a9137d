//! Signatures, checked by the reference library rather than by our own code.

use http::{HeaderMap, HeaderName, HeaderValue};
use standardwebhooks::Webhook;

use super::request::Request;

/// Checks a request's `webhook-signature` for a `whsec_…` secret. The library accepts timestamps
/// of up to five minutes ago or ahead and bodies in UTF-8, and nothing can change either.
///
/// # Errors
/// What the library found wrong, and the three headers it looked at.
pub fn verify_signature(secret: &str, request: &Request) -> Result<(), String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let name: HeaderName = name.parse().map_err(|error| format!("header {name}: {error}"))?;
        let value: HeaderValue = value.parse().map_err(|error| format!("header {name}: {error}"))?;
        headers.append(name, value);
    }
    let webhook = Webhook::new(secret).map_err(|error| error.to_string())?;
    webhook.verify(&request.body, &headers).map_err(|error| {
        let seen = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| request.header(name));
        format!("{error}: {seen:?}")
    })
}
