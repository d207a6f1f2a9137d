//! Whether a webhook is from whom it says, by the reference library of Standard Webhooks rather than by our own code.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use hyper::HeaderMap;
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook, WebhookError,
};

const PREFIX: &str = "whsec_";
/// What the library allows, in minutes.
const TOLERANCE: u64 = 5;
/// Seconds since 1970 beyond which the library's arithmetic could overflow.
const MOMENTS: std::ops::RangeInclusive<i64> = 0..=1 << 40;
const NO_MOMENT: &str = "webhook-timestamp is not a moment in seconds since 1970";

/// The signing secrets of the subscriptions that are to be verified. Clones are the same.
#[derive(Clone, Default)]
pub struct Secrets(Arc<RwLock<Vec<Arc<Webhook>>>>);

/// A secret that cannot be one. The text does not have it in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a signing secret is whsec_ and base64 after it; `select outbox.signing_secret(ID)` tells that of a subscription"
)]
pub struct SecretError;

/// What verifying came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Signed with one of the secrets: which, the first is 1.
    Verified {
        /// Its place among the secrets.
        secret: usize,
    },
    /// There is no secret to verify with.
    NotVerified,
    /// Not acceptable, for this reason.
    Refused(String),
}

impl fmt::Debug for Secrets {
    /// How many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.all().len())
    }
}

impl Secrets {
    /// Adds a secret: `whsec_` and base64.
    ///
    /// # Errors
    /// When it is not that.
    pub fn add(&self, secret: &str) -> Result<(), SecretError> {
        let key = secret.trim().strip_prefix(PREFIX).filter(|key| !key.is_empty()).ok_or(SecretError)?;
        let webhook = Webhook::new(key).map_err(|_| SecretError)?;
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(webhook));
        Ok(())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Verifies a body and the headers it came with.
    pub(super) fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Verdict {
        let secrets = self.all();
        let moment =
            headers.get(HEADER_WEBHOOK_TIMESTAMP).and_then(|value| value.to_str().ok()?.parse().ok());
        if !secrets.is_empty() && moment.is_some_and(|moment| !MOMENTS.contains(&moment)) {
            return Verdict::Refused(NO_MOMENT.to_owned());
        }
        let mut problem = None;
        for (at, webhook) in secrets.iter().enumerate() {
            match webhook.verify(body, headers) {
                Ok(()) => return Verdict::Verified { secret: at + 1 },
                Err(error) => problem = Some(error),
            }
        }
        problem
            .map_or(Verdict::NotVerified, |error| Verdict::Refused(advice(&error, &secrets, headers, body)))
    }

    fn all(&self) -> Vec<Arc<Webhook>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What is wrong, with the way out.
fn advice(error: &WebhookError, secrets: &[Arc<Webhook>], headers: &HeaderMap, body: &[u8]) -> String {
    match error {
        WebhookError::MissingHeader(name) => format!("there is no header webhook-{name}"),
        WebhookError::InvalidHeader(name) => format!("header webhook-{name} is not plain text"),
        WebhookError::InvalidTimestamp => NO_MOMENT.to_owned(),
        WebhookError::InvalidPayload => "the body is not UTF-8, which webhooks are signed as".to_owned(),
        WebhookError::TimestampTooOldError | WebhookError::FutureTimestampError => {
            untimely(secrets, headers, body)
        }
        WebhookError::InvalidSignature | WebhookError::InvalidSecret(_) => {
            let given = if secrets.len() == 1 { "the secret given" } else { "any of the secrets given" };
            format!(
                "the signature is not by {given}, or the body is not what was signed; `select outbox.signing_secret(ID)` \
                 tells the secret of a subscription"
            )
        }
    }
}

/// The time is wrong: whose clock, or is it a replay? The library does not look at the signature then.
fn untimely(secrets: &[Arc<Webhook>], headers: &HeaderMap, body: &[u8]) -> String {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed: i64 = header(HEADER_WEBHOOK_TIMESTAMP).parse().unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let apart = i64::try_from(now).unwrap_or(i64::MAX).abs_diff(signed);
    let by = if signed < i64::try_from(now).unwrap_or(i64::MAX) { "ago" } else { "ahead" };
    let (id, given) = (header(HEADER_WEBHOOK_ID), header(HEADER_WEBHOOK_SIGNATURE));
    let genuine = secrets.iter().filter_map(|webhook| webhook.sign(id, signed, body).ok());
    let genuine = genuine.into_iter().any(|signature| given.split(' ').any(|given| given == signature));
    let what = if genuine {
        "the signature itself is right: the clock of the database or of this machine is wrong, or this is an old request \
         sent again"
    } else {
        "and the signature is wrong besides"
    };
    format!("it was signed {} {by}, where {TOLERANCE} minutes are allowed; {what}", roughly(apart))
}

fn roughly(seconds: u64) -> String {
    match seconds {
        0..=599 => format!("{seconds} seconds"),
        600..=7199 => format!("{} minutes", seconds / 60),
        7200..=172_799 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
