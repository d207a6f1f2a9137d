//! Standard Webhooks signatures, scheme v1: HMAC-SHA256 over `{id}.{timestamp}.{body}`, in base64.
//! Source: standard-webhooks specification 1.0.0, "Signature scheme".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The value of `webhook-signature`: one `v1,<base64>` per secret, separated by blanks, so that a receiver holding any
/// one of them accepts the message. Empty when there is no secret.
#[must_use]
pub fn sign(secrets: &[Vec<u8>], webhook_id: &str, timestamp: i64, body: &[u8]) -> String {
    let signature = |secret: &Vec<u8>| {
        // HMAC takes keys of every length; the error is there for other algorithms.
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
        mac.update(webhook_id.as_bytes());
        mac.update(format!(".{timestamp}.").as_bytes());
        mac.update(body);
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    };
    secrets.iter().filter_map(signature).collect::<Vec<_>>().join(" ")
}

/// A secret as it is written, `whsec_` and base64; the prefix may be missing. `None` when it is not that, or empty.
#[must_use]
pub fn secret(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let bytes = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok()?;
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of the Go reference library and of the specification's example message.
    #[test]
    fn published_vectors() {
        let key = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        assert_eq!(secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").as_ref(), Some(&key));
        assert_eq!([secret("whsec_"), secret("whsec_%")], [None, None]);
        for (id, timestamp, body, expected) in [
            (
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            (
                "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
                1_674_087_231,
                concat!(
                    r#"{"type":"contact.created","timestamp":"2022-11-03T20:26:10.344522Z","#,
                    r#""data":{"id":"1f81eb52-5198-4599-803e-771906343485"}}"#
                ),
                "v1,ARw42xaAApl/nxRo+iPGYwSaMQaOwMo2eyH5JBRA+bQ=",
            ),
        ] {
            assert_eq!(sign(std::slice::from_ref(&key), id, timestamp, body.as_bytes()), expected);
        }
    }

    #[test]
    fn every_secret_signs() {
        let both = sign(&[vec![1; 32], vec![2; 32]], "id", 1, b"{}");
        let parts: Vec<_> = both.split(' ').collect();
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[1], sign(&[vec![2; 32]], "id", 1, b"{}"));
    }
}
