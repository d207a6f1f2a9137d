//! The metrics with their names, help texts and buckets. README.md has the same table, and a test compares the two.

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

use super::backlog::Measured;
use super::expiry::Expiries;

/// One label whose name and values are words of ours: that bounds it.
type Label = [(&'static str, &'static str); 1];
type Counters = Family<Label, Counter>;

/// From a connection kept alive on the same machine to the longest deadline.
const REQUEST_BUCKETS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0];
/// The same, and on to what a day of trouble makes of it.
const EVENT_BUCKETS: [f64; 19] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0,
    7200.0, 86400.0,
];
const SETTLE_BUCKETS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
const SIZE_BUCKETS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

pub(super) struct Families {
    pub(super) registry: Registry,
    pub(super) claims: Counters,
    pub(super) claim_batch_size: Histogram,
    pub(super) first_attempts: Counter,
    pub(super) in_flight: Gauge,
    pub(super) in_flight_max: Gauge,
    pub(super) attempts: Counters,
    pub(super) request_duration: Family<Label, Histogram, fn() -> Histogram>,
    pub(super) pending: Gauge,
    pub(super) outcomes: Counters,
    pub(super) late_outcomes: Counter,
    pub(super) event_to_settled: Histogram,
    pub(super) settle_batch_size: Histogram,
    pub(super) settle_duration: Histogram,
    pub(super) reconnects: Counters,
    pub(super) database_failures: Counters,
    pub(super) doorbell_rings: Counter,
    pub(super) doorbell_arms: Counter,
    pub(super) doorbell_state: State,
    pub(super) reloads: Counters,
    pub(super) last_reload: Gauge,
    pub(super) ready: Gauge,
    pub(super) backlog: Measured,
    pub(super) expiries: Expiries,
}

/// The counter of one label set. Owned, because the reference that `get_or_create` returns holds a lock, and a second
/// one in the same expression can wait for it for ever.
pub(super) fn with(family: &Counters, label: &'static str, value: &'static str) -> Counter {
    family.get_or_create_owned(&[(label, value)])
}

impl Families {
    pub(super) fn new(release: &'static str) -> Self {
        let families = Self {
            registry: Registry::with_prefix("outboxd"),
            claims: zeros("result", &["found", "empty", "failed"]),
            claim_batch_size: Histogram::new(SIZE_BUCKETS),
            first_attempts: Counter::default(),
            in_flight: Gauge::default(),
            in_flight_max: Gauge::default(),
            attempts: zeros("class", &["delivered", "rejected", "not_sent", "unknown"]),
            request_duration: Family::new_with_constructor(|| Histogram::new(REQUEST_BUCKETS)),
            pending: Gauge::default(),
            outcomes: zeros("outcome", &["delivered", "dead", "expired", "cancelled", "gone", "retry"]),
            late_outcomes: Counter::default(),
            event_to_settled: Histogram::new(EVENT_BUCKETS),
            settle_batch_size: Histogram::new(SIZE_BUCKETS),
            settle_duration: Histogram::new(SETTLE_BUCKETS),
            reconnects: zeros("job", &["claim", "settle", "housekeeping"]),
            database_failures: zeros("job", &["claim", "settle", "housekeeping"]),
            doorbell_rings: Counter::default(),
            doorbell_arms: Counter::default(),
            doorbell_state: State::default(),
            reloads: zeros("result", &["ok", "failed"]),
            last_reload: Gauge::default(),
            ready: Gauge::default(),
            backlog: Measured::default(),
            expiries: Expiries::default(),
        };
        for class in ["delivered", "rejected", "not_sent", "unknown"] {
            drop(families.request_duration.get_or_create_owned(&[("class", class)]));
        }
        families.registered(release)
    }

    fn registered(mut self, release: &'static str) -> Self {
        let mut registry = std::mem::take(&mut self.registry);
        self.register_delivery(&mut registry);
        self.register_database(&mut registry);
        let info = Family::<Label, Gauge>::default();
        info.get_or_create_owned(&[("version", release)]).set(1);
        add(&mut registry, "build_info", "The release that runs, as a label", &info);
        let started = Gauge::<i64>::default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        started.set(i64::try_from(now.as_secs()).unwrap_or(0));
        add(&mut registry, "start_time_seconds", "When it started, seconds since 1970", &started);
        add(&mut registry, "ready", "Whether /readyz says ready", &self.ready);
        add(&mut registry, "reloads", "Times that certificates and secrets were read again", &self.reloads);
        // What it started with was good, or it would not have started.
        self.last_reload.set(1);
        let help = "Whether the last reading of the certificates succeeded";
        add(&mut registry, "last_reload_successful", help, &self.last_reload);
        registry.register_collector(Box::new(self.backlog.clone()));
        registry.register_collector(Box::new(self.expiries.clone()));
        Self { registry, ..self }
    }

    fn register_delivery(&self, registry: &mut Registry) {
        add(registry, "attempts", "Attempts that ended, by class of outbox.attempt", &self.attempts);
        add(registry, "request_duration_seconds", "How long attempts took", &self.request_duration);
        add(registry, "in_flight", "Attempts under way", &self.in_flight);
        add(registry, "in_flight_max", "Attempts that may be under way", &self.in_flight_max);
        add(registry, "outcomes", "Attempts put on record, by what became of the delivery", &self.outcomes);
        add(registry, "outcomes_pending", "Attempts that ended and are not on record yet", &self.pending);
        let help = "Attempts put on record after their lease had ended";
        add(registry, "late_outcomes", help, &self.late_outcomes);
        let help = "From the event to the record that it was delivered";
        add(registry, "event_to_settled_seconds", help, &self.event_to_settled);
    }

    fn register_database(&self, registry: &mut Registry) {
        add(registry, "claims", "Looks for due deliveries, by result", &self.claims);
        add(registry, "claim_batch_size", "Deliveries per claim that found some", &self.claim_batch_size);
        let help = "Deliveries claimed for the first time";
        add(registry, "first_attempts", help, &self.first_attempts);
        add(registry, "settle_batch_size", "Attempts put on record at a time", &self.settle_batch_size);
        let help = "How long putting a batch on record took";
        add(registry, "settle_duration_seconds", help, &self.settle_duration);
        let help = "Sessions opened again after they were lost, by job";
        add(registry, "reconnects", help, &self.reconnects);
        let help = "Sessions that could not be opened and statements that failed, by job";
        add(registry, "database_failures", help, &self.database_failures);
        add(registry, "doorbell_rings", "Rings received from commits", &self.doorbell_rings);
        let help = "Times the doorbell was armed, so that the next commit rings";
        add(registry, "doorbell_arms", help, &self.doorbell_arms);
        add(
            registry,
            "doorbell_state",
            "1 for what the relay has of the doorbell: kept (by it), heard, none",
            &self.doorbell_state.all,
        );
    }
}

fn add<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: &M) {
    registry.register(name, help, metric.clone());
}

/// A family whose label values are known: they are there from the start, so that the first increase is seen as one.
fn zeros(label: &'static str, values: &[&'static str]) -> Counters {
    let family = Counters::default();
    for value in values {
        drop(with(&family, label, value));
    }
    family
}

/// A gauge per state, of which one is 1.
#[derive(Default)]
pub(super) struct State {
    all: Family<Label, Gauge>,
    current: Mutex<Option<&'static str>>,
}

impl State {
    pub(super) fn show(&self, state: &'static str) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = current.replace(state) {
            self.all.get_or_create_owned(&[("state", last)]).set(0);
        }
        self.all.get_or_create_owned(&[("state", state)]).set(1);
    }
}
