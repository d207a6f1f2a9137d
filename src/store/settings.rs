//! `outbox.subscription_settings()`.

use std::time::Duration;

use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::{Store, StoreError};
use crate::backoff::Backoff;
use crate::model::Subscription;

impl Store {
    /// How to send to these subscriptions. One that has been purged is missing from the answer.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn subscriptions(&self, ids: &[i64]) -> Result<Vec<Subscription>, StoreError> {
        let rows = self
            .run(
                "reading subscriptions",
                "select id, version, url, headers::text as headers, identity, secrets, concurrency, deadline_ms, \
                 max_attempts, backoff_base_ms, backoff_cap_ms from outbox.subscription_settings($1)",
                &[(&ids, Type::INT8_ARRAY)],
            )
            .await?;
        Ok(rows.iter().map(subscription).collect())
    }
}

fn subscription(row: &Row) -> Subscription {
    let base = millis(row.get("backoff_base_ms"));
    let cap = millis(row.get("backoff_cap_ms"));
    let fallback = Backoff::DEFAULT;
    Subscription {
        id: row.get("id"),
        version: row.get("version"),
        url: row.get("url"),
        headers: headers(row.get("headers")),
        identity: row.get("identity"),
        secrets: row.get("secrets"),
        concurrency: usize::try_from(row.get::<_, i32>("concurrency")).unwrap_or(1),
        deadline: millis(row.get("deadline_ms")),
        max_attempts: row.get("max_attempts"),
        // CHECKs on the table keep this in order.
        backoff: Backoff::new(base, cap).unwrap_or(fallback),
    }
}

fn millis(value: f64) -> Duration {
    Duration::try_from_secs_f64(value / 1000.0).unwrap_or(Duration::from_secs(1))
}

/// Names and values of a JSON object; what is not text in it is left out.
pub(super) fn headers(text: &str) -> Vec<(String, String)> {
    let Ok(Value::Object(map)) = serde_json::from_str(text) else { return Vec::new() };
    map.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect()
}
