//! Until when certificates hold: replaced as a whole, so that an identity's series go with it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

/// Until when a certificate holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// The identity it belongs to.
    pub identity: String,
    /// `current`, `next` or `ca`.
    pub which: &'static str,
    /// Seconds since 1970.
    pub not_after: i64,
}

/// The series, shared with the registry: of several certificates that have their labels in common, the one that ends first.
#[derive(Debug, Clone, Default)]
pub(super) struct Expiries(Arc<Mutex<BTreeMap<(String, &'static str), i64>>>);

impl Expiries {
    pub(super) fn show(&self, all: Vec<Expiry>) {
        let mut first = BTreeMap::new();
        for Expiry { identity, which, not_after } in all {
            let one = first.entry((identity, which)).or_insert(not_after);
            *one = not_after.min(*one);
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = first;
    }
}

impl Collector for Expiries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let help = "When a certificate ends, seconds since 1970.";
        let mut family = encoder.encode_descriptor(
            "certificate_expiry_timestamp_seconds",
            help,
            None,
            MetricType::Gauge,
        )?;
        for ((identity, which), not_after) in all.iter() {
            let labels = [("identity", identity.as_str()), ("which", *which)];
            ConstGauge::new(*not_after).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
