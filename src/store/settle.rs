//! `outbox.settle()`.

use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::{Store, StoreError};
use crate::model::{Report, Verdict};

/// How much of what an attempt came to is recorded: less and less where the database will not take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Class and status alone.
    Bare,
    /// Errors too, without the response.
    Errors,
    /// All of it.
    Full,
}

/// What recording a batch came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// Reports that came after their lease had ended.
    pub late: i32,
    /// Subscriptions whose status changed by it.
    pub changes: Vec<StatusChange>,
    /// Deliveries that were to be tried again and are dead.
    pub dead: Vec<i64>,
}

/// A subscription that is doing worse, or well again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusChange {
    /// `outbox.subscription.id`.
    pub subscription: i64,
    /// Who receives.
    pub subscriber: String,
    /// The status that it had.
    pub from: String,
    /// The status that it has.
    pub to: String,
    /// A sentence, with the last error.
    pub reason: String,
}

impl Store {
    /// Records a batch of attempts; `again` when its first commit is in doubt.
    ///
    /// # Errors
    /// When the statement fails; nothing of the batch is recorded then, unless the connection broke at the commit.
    pub async fn settle(
        &self,
        relay: &str,
        again: bool,
        detail: Detail,
        reports: &[Report],
    ) -> Result<Settled, StoreError> {
        let batch = Batch::new(reports, detail);
        let rows = self
            .run(
                "recording outcomes",
                "select late, changes::text as changes, dead from outbox.settle($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, \
                 $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
                &[
                    (&relay, Type::TEXT),
                    (&again, Type::BOOL),
                    (&batch.deliveries, Type::INT8_ARRAY),
                    (&batch.attempts, Type::INT4_ARRAY),
                    (&batch.subscriptions, Type::INT8_ARRAY),
                    (&batch.event_slots, Type::INT2_ARRAY),
                    (&batch.event_ids, Type::INT8_ARRAY),
                    (&batch.ages_ms, Type::FLOAT8_ARRAY),
                    (&batch.durations_ms, Type::FLOAT8_ARRAY),
                    (&batch.classes, Type::TEXT_ARRAY),
                    (&batch.statuses, Type::INT4_ARRAY),
                    (&batch.error_classes, Type::TEXT_ARRAY),
                    (&batch.errors, Type::TEXT_ARRAY),
                    (&batch.responses, Type::TEXT_ARRAY),
                    (&batch.outcomes, Type::TEXT_ARRAY),
                    (&batch.retries_in_ms, Type::FLOAT8_ARRAY),
                    (&batch.holds_ms, Type::FLOAT8_ARRAY),
                    (&batch.tls, Type::TEXT_ARRAY),
                    (&batch.alones, Type::BOOL_ARRAY),
                    (&batch.followers, Type::BOOL_ARRAY),
                ],
            )
            .await?;
        Ok(rows.first().map_or_else(Settled::default, settled))
    }
}

fn settled(row: &Row) -> Settled {
    let changes: Value = row
        .get::<_, Option<&str>>("changes")
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    let change = |one: &Value| StatusChange {
        subscription: one["subscription"].as_i64().unwrap_or(0),
        subscriber: text(one, "subscriber"),
        from: text(one, "from"),
        to: text(one, "to"),
        reason: text(one, "reason"),
    };
    Settled {
        late: row.get("late"),
        changes: changes.as_array().into_iter().flatten().map(change).collect(),
        dead: row.get::<_, Option<Vec<i64>>>("dead").unwrap_or_default(),
    }
}

/// The reports as columns, for `unnest`: one statement for 500 outcomes is several times faster than 500 statements.
#[derive(Default)]
struct Batch<'a> {
    deliveries: Vec<i64>,
    attempts: Vec<i32>,
    subscriptions: Vec<i64>,
    event_slots: Vec<i16>,
    event_ids: Vec<i64>,
    ages_ms: Vec<f64>,
    durations_ms: Vec<Option<f64>>,
    classes: Vec<Option<&'static str>>,
    statuses: Vec<Option<i32>>,
    error_classes: Vec<Option<&'static str>>,
    errors: Vec<Option<&'a str>>,
    responses: Vec<Option<&'a str>>,
    outcomes: Vec<Option<&'static str>>,
    retries_in_ms: Vec<Option<f64>>,
    holds_ms: Vec<Option<f64>>,
    tls: Vec<Option<&'a str>>,
    /// Where a POST had several events, which is seldom.
    alones: Option<Vec<bool>>,
    followers: Option<Vec<Option<bool>>>,
}

impl<'a> Batch<'a> {
    fn new(reports: &'a [Report], detail: Detail) -> Self {
        let mut batch = Self::default();
        for report in reports {
            batch.push(report, detail);
        }
        if reports.iter().any(|report| report.follows.is_some()) {
            batch.alones = Some(reports.iter().map(|report| report.alone).collect());
            batch.followers = Some(reports.iter().map(|report| report.follows).collect());
        }
        batch
    }

    fn push(&mut self, report: &'a Report, detail: Detail) {
        let claim = &report.claim;
        let attempt = report.attempt.as_ref();
        let began = attempt.map_or(claim.received, |attempt| attempt.started);
        self.deliveries.push(claim.delivery);
        self.attempts.push(claim.attempt);
        self.subscriptions.push(claim.subscription);
        self.event_slots.push(claim.event_slot);
        self.event_ids.push(claim.event_id);
        self.ages_ms.push(began.elapsed().as_secs_f64() * 1000.0);
        self.durations_ms.push(attempt.map(|attempt| attempt.duration.as_secs_f64() * 1000.0));
        self.classes.push(attempt.map(|attempt| attempt.class.as_str()));
        self.statuses.push(attempt.and_then(|attempt| attempt.status).map(i32::from));
        self.error_classes.push(attempt.and_then(|attempt| attempt.error_class));
        let error = attempt.map_or(report.reason.as_deref(), |attempt| attempt.error.as_deref());
        self.errors.push(error.filter(|_| detail >= Detail::Errors));
        let response = attempt.and_then(|attempt| attempt.response.as_deref());
        self.responses.push(response.filter(|_| detail >= Detail::Full));
        let hold = report.hold;
        self.holds_ms.push(hold.map(|hold| hold.as_secs_f64() * 1000.0));
        let tls = attempt.and_then(|attempt| attempt.tls.as_deref());
        self.tls.push(tls.filter(|_| detail >= Detail::Full));
        let (outcome, retry_in_ms) = match report.verdict {
            Verdict::Retry(pause) => (None, Some(pause.as_secs_f64() * 1000.0)),
            verdict => (Some(verdict.as_str()), None),
        };
        self.outcomes.push(outcome);
        self.retries_in_ms.push(retry_in_ms);
    }
}
