//! `outbox.claim()`, and what is done when it finds too little: `outbox.expand()`, `outbox.next_due()`.

use std::time::{Duration, Instant};

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::settings::headers;
use super::{Store, StoreError};
use crate::model::{Claim, Context, Format, Message, Place};

/// A claim of 15 s gives leases that are too old to be used: one that meets an envelope without end is over before, and what
/// else it has claimed is sent.
const LIMIT: Duration = Duration::from_secs(10);

/// Subscriptions looked at in one call of `outbox.expand()`: some 20 ms.
const EXPAND_BATCH: i32 = 1000;

/// What a relay can start now.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// POSTs in all.
    pub free: i32,
    /// Subscriptions it is sending to, or that may have less than others.
    pub busy: Vec<Busy>,
    /// POSTs at a time of each other one.
    pub others_limit: i32,
    /// Nothing of others.
    pub busy_only: bool,
    /// Where the last full claim stopped.
    pub start_after: i64,
}

/// What a relay says of one subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy {
    /// `outbox.subscription.id`.
    pub id: i64,
    /// POSTs under way.
    pub running: i32,
    /// POSTs at a time.
    pub limit: i32,
}

impl Store {
    /// Claims due deliveries under a lease; committed, durably, when this returns.
    ///
    /// # Errors
    /// When the statement fails; whatever it claimed all the same becomes due again when its lease ends.
    pub async fn claim(&self, relay: &str, wanted: &Wanted) -> Result<Vec<Claim>, StoreError> {
        let busy: Vec<i64> = wanted.busy.iter().map(|busy| busy.id).collect();
        let busy_running: Vec<i32> = wanted.busy.iter().map(|busy| busy.running).collect();
        let busy_limits: Vec<i32> = wanted.busy.iter().map(|busy| busy.limit).collect();
        let asked = Instant::now();
        let rows = self
            .run_within(
                LIMIT,
                "claiming deliveries",
                "select delivery, attempt, retry_base, subscription, version, event_slot, event_id, event_type, \
                 webhook_id, body, body_error, traceparent, trace_id, headers::text as headers, occurred_at, \
                 aged_from, claimed_at, ordered, seq, previous_event, previous_seq, format, attributes::text as attributes, \
                 copied::text as copied, batch, lease from outbox.claim($1, $2, $3, $4, $5, $6, $7, $8)",
                &[
                    (&relay, Type::TEXT),
                    (&wanted.free, Type::INT4),
                    (&busy, Type::INT8_ARRAY),
                    (&busy_running, Type::INT4_ARRAY),
                    (&wanted.start_after, Type::INT8),
                    (&busy_limits, Type::INT4_ARRAY),
                    (&wanted.others_limit, Type::INT4),
                    (&wanted.busy_only, Type::BOOL),
                ],
            )
            .await?;
        let received = Instant::now();
        Ok(rows.iter().map(|row| claim(row, asked, received)).collect())
    }

    /// Makes deliveries of an event that its writer has left to relays, for the next so many subscriptions. `None` when
    /// there is no such event; otherwise how many, and it is worth calling again.
    ///
    /// # Errors
    /// When the statement fails; then nothing of it has happened.
    pub async fn expand(&self) -> Result<Option<i32>, StoreError> {
        let statement = "select outbox.expand($1)";
        let rows = self.run("making deliveries", statement, &[(&EXPAND_BATCH, Type::INT4)]).await?;
        Ok(rows.first().and_then(|row| row.get(0)))
    }

    /// How long until the next delivery becomes due that was not due yet this long ago, which is before the last claim: what
    /// became due since is due now. Also when the time is over for which a subscription is held, unless the relay has no room
    /// for it. `None` when nothing waits.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn next_due(&self, ago: Duration, full_up: &[i64]) -> Result<Option<Duration>, StoreError> {
        let ago_ms = ago.as_secs_f64() * 1000.0;
        let rows = self
            .run(
                "looking for the next due delivery",
                "select outbox.next_due($1, $2)",
                &[(&ago_ms, Type::FLOAT8), (&full_up, Type::INT8_ARRAY)],
            )
            .await?;
        let ms: Option<f64> = rows.first().and_then(|row| row.get(0));
        Ok(ms.and_then(|ms| Duration::try_from_secs_f64(ms.max(0.0) / 1000.0).ok()))
    }
}

fn claim(row: &Row, asked: Instant, received: Instant) -> Claim {
    let body: Option<Result<String, String>> = match row.get("body_error") {
        Some(error) => Some(Err(error)),
        None => row.get::<_, Option<String>>("body").map(Ok),
    };
    let message = match (row.get("event_type"), row.get("webhook_id"), body) {
        (Some(event_type), Some(webhook_id), Some(body)) => {
            let format = Format::of(row.get("format"));
            Some(Message { event_type, webhook_id, body, format, batch: None, context: context(row) })
        }
        _ => None,
    };
    Claim {
        delivery: row.get("delivery"),
        attempt: row.get("attempt"),
        retry_base: row.get("retry_base"),
        subscription: row.get("subscription"),
        version: row.get("version"),
        event_slot: row.get("event_slot"),
        event_id: row.get("event_id"),
        place: row.get::<_, bool>("ordered").then(|| place(row)),
        batch: row.get("batch"),
        message,
        occurred_at: row.get("occurred_at"),
        aged_from: row.get("aged_from"),
        claimed_at: row.get("claimed_at"),
        asked,
        lease: Duration::try_from_secs_f64(row.get("lease")).unwrap_or_default(),
        received,
    }
}

fn place(row: &Row) -> Place {
    Place {
        seq: row.get("seq"),
        previous_event: row.get("previous_event"),
        previous_seq: row.get("previous_seq"),
    }
}

fn context(row: &Row) -> Context {
    let pairs = |column: &str| row.get::<_, Option<&str>>(column).map(headers).unwrap_or_default();
    Context {
        attributes: pairs("attributes"),
        copied: pairs("copied"),
        traceparent: row.get("traceparent"),
        trace_id: row.get("trace_id"),
        headers: pairs("headers"),
    }
}
