//! `outbox.subscription_settings()`.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::{Store, StoreError};
use crate::model::{Auth, Policy, SigningKey, SigningSecret, Subscription};
use crate::schedule::{Backoff, Pauses, Schedule};

impl Store {
    /// How to send to these subscriptions. One that has been purged is missing from the answer.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn subscriptions(&self, ids: &[i64]) -> Result<Vec<Subscription>, StoreError> {
        // Before the database said how long a signing secret has left: it ends here no later than there.
        let asked = Instant::now();
        let rows = self
            .run(
                "reading subscriptions",
                "select id, version, settings::text as settings, secrets from outbox.subscription_settings($1)",
                &[(&ids, Type::INT8_ARRAY)],
            )
            .await?;
        Ok(rows.iter().map(|row| subscription(row, asked)).collect())
    }
}

fn subscription(row: &Row, asked: Instant) -> Subscription {
    let settings = Settings(serde_json::from_str(row.get("settings")).unwrap_or_default());
    let default = Subscription::default();
    Subscription {
        id: row.get("id"),
        version: row.get("version"),
        url: settings.text("url").unwrap_or_default(),
        http_allowed: settings.at("http_allowed").as_bool().unwrap_or(false),
        headers: pairs(settings.at("headers")),
        identity: settings.text("identity"),
        auth: auth(&settings),
        secrets: signing_secrets(&settings, row.get("secrets"), asked),
        concurrency: settings.number("concurrency").unwrap_or(default.concurrency),
        connect_deadline: settings.span("connect_deadline").unwrap_or(default.connect_deadline),
        deadline: settings.span("deadline").unwrap_or(default.deadline),
        http2: settings.at("http2").as_bool().unwrap_or_default(),
        policy: policy(&settings),
    }
}

/// `outbox.check_auth()` has seen to it that all parts are there.
fn auth(settings: &Settings) -> Option<Auth> {
    let auth = settings.at("auth").as_object()?;
    let part = |name: &str| auth.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let secret = part("secret");
    Some(match part("type").as_str() {
        "bearer" => Auth::Bearer { secret },
        "basic" => Auth::Basic { username: part("username"), secret },
        "header" => Auth::Header { name: part("name"), secret },
        "oauth2" => Auth::OAuth2 {
            token_url: part("token_url"),
            client_id: part("client_id"),
            secret,
            scope: auth.get("scope").map(|_| part("scope")),
        },
        _ => Auth::Unknown,
    })
}

/// What signs, from the facts in the settings and the bytes beside them.
fn signing_secrets(settings: &Settings, bytes: Vec<Option<Vec<u8>>>, asked: Instant) -> Vec<SigningSecret> {
    let facts = settings.at("signing_keys").as_array().map(Vec::as_slice).unwrap_or_default();
    let one = |(facts, bytes): (&Value, Option<Vec<u8>>)| {
        let key = match (facts["kind"].as_str()?, bytes) {
            ("v1a", Some(bytes)) => SigningKey::Ed25519(bytes),
            (_, Some(bytes)) => SigningKey::Hmac(bytes),
            (_, None) => SigningKey::Reference(facts["reference"].as_str()?.to_owned()),
        };
        Some(SigningSecret { key, ends: span(&facts["retires_in"]).map(|left| asked + left) })
    };
    facts.iter().zip(bytes).filter_map(one).collect()
}

fn policy(settings: &Settings) -> Policy {
    let default = Policy::default();
    Policy {
        success_codes: settings.codes("success_codes"),
        permanent_codes: settings.codes("permanent_codes").unwrap_or_default(),
        gone_codes: settings.codes("gone_codes").unwrap_or_default(),
        schedule: Schedule {
            immediate: settings.number("immediate_retries").unwrap_or(0),
            pauses: pauses(settings),
        },
        max_attempts: settings.number("max_attempts").unwrap_or(default.max_attempts),
        max_age: settings.span("max_age"),
        ttl: settings.span("ttl"),
    }
}

fn pauses(settings: &Settings) -> Pauses {
    if let Some(delays) = settings.at("delays").as_array() {
        return Pauses::Delays(delays.iter().filter_map(span).collect());
    }
    let (base, cap) = (settings.span("backoff_base"), settings.span("backoff_cap"));
    let backoff = base.zip(cap).and_then(|(base, cap)| Backoff::new(base, cap).ok());
    // CHECKs on the table keep the two in order.
    Pauses::Backoff(backoff.unwrap_or(Backoff::DEFAULT))
}

/// A document of `outbox.subscription_settings()`, by the names of the table's columns.
struct Settings(Value);

impl Settings {
    fn at(&self, name: &str) -> &Value {
        &self.0[name]
    }

    fn text(&self, name: &str) -> Option<String> {
        self.at(name).as_str().map(str::to_owned)
    }

    fn number<N: TryFrom<i64>>(&self, name: &str) -> Option<N> {
        self.at(name).as_i64().and_then(|number| number.try_into().ok())
    }

    fn span(&self, name: &str) -> Option<Duration> {
        span(self.at(name))
    }

    fn codes(&self, name: &str) -> Option<Vec<u16>> {
        let codes = self.at(name).as_array()?;
        Some(codes.iter().filter_map(|code| code.as_u64()?.try_into().ok()).collect())
    }
}

/// Milliseconds.
fn span(value: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(value.as_f64()? / 1000.0).ok()
}

/// Names and values of a JSON object; what is not text in it is left out.
pub(super) fn headers(text: &str) -> Vec<(String, String)> {
    pairs(&serde_json::from_str(text).unwrap_or_default())
}

fn pairs(value: &Value) -> Vec<(String, String)> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}
