//! What was last measured in the database: one set of series per subscription, replaced as a whole, so that a removed
//! subscription's series go with the next measurement.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

/// What is open for one subscription.
#[derive(Debug, Clone)]
pub struct Backlog {
    /// `outbox.subscription.id`; `None` for all that are not shown one by one.
    pub subscription: Option<i64>,
    /// Who it belongs to.
    pub subscriber: String,
    /// Open deliveries.
    pub open: i64,
    /// Dead letters.
    pub dead: i64,
    /// Age of the oldest event with an open delivery, in seconds; `None` when nobody knows, the event being gone.
    pub oldest_age: Option<f64>,
    /// How many subscriptions of the row are held.
    pub held: i64,
}

/// The series, shared with the registry.
#[derive(Debug, Clone, Default)]
pub(super) struct Measured(Arc<Mutex<Option<Measurement>>>);

#[derive(Debug)]
struct Measurement {
    rows: Vec<([(&'static str, String); 2], Backlog)>,
    statuses: Vec<(String, i64)>,
    took: Duration,
    at: Duration,
}

impl Measured {
    pub(super) fn show(&self, rows: Vec<Backlog>, statuses: Vec<(String, i64)>, took: Duration) {
        let rows = rows.into_iter().map(|row| (labels(&row), row)).collect();
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.set(Some(Measurement { rows, statuses, took, at }));
    }

    pub(super) fn forget(&self) {
        self.set(None);
    }

    fn set(&self, measurement: Option<Measurement>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = measurement;
    }
}

/// Names are data from users: the format escapes quotes, backslashes and newlines; other control characters are no use to
/// anybody who reads a dashboard or a terminal.
fn labels(row: &Backlog) -> [(&'static str, String); 2] {
    let id = row.subscription.map_or_else(|| "other".to_owned(), |id| id.to_string());
    let name = row.subscriber.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    [("subscription", id), ("subscriber", name)]
}

impl Collector for Measured {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let measurement = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Measurement { rows, statuses, took, at }) = measurement.as_ref() else { return Ok(()) };
        let mut single = |name, help, value: f64| {
            let gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(gauge)
        };
        let help = "When the backlog was measured, seconds since 1970.";
        single("backlog_measured_timestamp_seconds", help, at.as_secs_f64())?;
        let help = "How long measuring the backlog took.";
        single("backlog_measure_duration_seconds", help, took.as_secs_f64())?;
        let help = "Subscriptions with open deliveries that a breaker or a Retry-After holds.";
        single("held_subscriptions", help, float(rows.iter().map(|(_, row)| row.held).sum()))?;
        let help = "Subscriptions that are not as they should be.";
        let mut family = encoder.encode_descriptor("subscriptions", help, None, MetricType::Gauge)?;
        for (status, number) in statuses {
            let labels = [("status", status.as_str())];
            ConstGauge::new(float(*number)).encode(family.encode_family(&labels)?)?;
        }
        let mut each = |name, help, value: fn(&Backlog) -> Option<f64>| {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (labels, row) in rows {
                if let Some(value) = value(row) {
                    ConstGauge::new(value).encode(family.encode_family(labels)?)?;
                }
            }
            Ok::<(), std::fmt::Error>(())
        };
        each("backlog", "Open deliveries.", |row| Some(float(row.open)))?;
        let help = "Age of the oldest event with an open delivery; 0 when there is none.";
        each("oldest_undelivered_age_seconds", help, |row| row.oldest_age)?;
        each("dead_letters", "Deliveries given up and not yet retried or purged.", |row| {
            Some(float(row.dead))
        })
    }
}

#[allow(clippy::cast_precision_loss, reason = "exact up to 2^53 rows")]
fn float(n: i64) -> f64 {
    n as f64
}
