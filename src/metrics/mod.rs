//! What a relay counts, for `/metrics`. Plain data: nothing here knows where the numbers come from.
//!
//! `families` has the metrics with their names and help texts, `backlog` those that are measured in the database, `text`
//! the format. Counting costs an atomic or a short lock, so a relay counts whether or not anybody reads.
//!
//! Every label set is bounded: words of ours, or at most as many subscriptions as were measured.

mod backlog;
mod expiry;
mod families;
mod text;

use std::sync::Arc;
use std::time::Duration;

pub use backlog::Backlog;
pub use expiry::Expiry;
use families::Families;

/// The counters, gauges and histograms of one relay. Clones are the same.
#[derive(Clone)]
pub struct Metrics(Arc<Families>);

impl Metrics {
    /// All at zero. `release` is shown as `outboxd_build_info`.
    #[must_use]
    pub fn new(release: &'static str) -> Self {
        Self(Arc::new(Families::new(release)))
    }

    /// Everything in the Prometheus text format, version 0.0.4.
    ///
    /// # Errors
    /// Never, as long as text can be written into memory.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        text::encode(&self.0.registry)
    }

    /// A claim succeeded with so many deliveries; of so many it was the first attempt.
    pub fn claimed(&self, found: usize, first_attempts: usize) {
        families::with(&self.0.claims, "result", if found == 0 { "empty" } else { "found" }).inc();
        if found > 0 {
            self.0.claim_batch_size.observe(count(found));
            self.0.first_attempts.inc_by(first_attempts as u64);
        }
    }

    /// A claim failed.
    pub fn claim_failed(&self) {
        families::with(&self.0.claims, "result", "failed").inc();
    }

    /// So many POSTs are under way.
    pub fn in_flight(&self, posts: usize) {
        self.0.in_flight.set(signed(posts));
    }

    /// The most POSTs that may be under way.
    pub fn in_flight_max(&self, posts: usize) {
        self.0.in_flight_max.set(signed(posts));
    }

    /// An attempt ended, of a class of `outbox.attempt.class`, after so long.
    pub fn attempted(&self, class: &'static str, took: Duration) {
        families::with(&self.0.attempts, "class", class).inc();
        let histogram = self.0.request_duration.get_or_create_owned(&[("class", class)]);
        histogram.observe(took.as_secs_f64());
    }

    /// So many outcomes wait to be recorded.
    pub fn pending(&self, outcomes: usize) {
        self.0.pending.set(signed(outcomes));
    }

    /// An outcome is on record: `delivered`, `dead`, `cancelled`, or `retry`.
    pub fn recorded(&self, outcome: &'static str) {
        families::with(&self.0.outcomes, "outcome", outcome).inc();
    }

    /// A delivery is on record as delivered, so long after its event happened.
    pub fn delivered_after(&self, since_the_event: Duration) {
        self.0.event_to_settled.observe(since_the_event.as_secs_f64());
    }

    /// A batch of so many outcomes was recorded in so long; so many of them were late.
    pub fn settled(&self, outcomes: usize, took: Duration, late: u64) {
        self.0.settle_batch_size.observe(count(outcomes));
        self.0.settle_duration.observe(took.as_secs_f64());
        self.0.late_outcomes.inc_by(late);
    }

    /// The session of a job was opened again after it was lost.
    pub fn reconnected(&self, job: &'static str) {
        families::with(&self.0.reconnects, "job", job).inc();
    }

    /// A job's session could not be opened, or a statement of it failed.
    pub fn database_failed(&self, job: &'static str) {
        families::with(&self.0.database_failures, "job", job).inc();
    }

    /// A ring was received.
    pub fn rang(&self) {
        self.0.doorbell_rings.inc();
    }

    /// The doorbell was armed.
    pub fn armed(&self) {
        self.0.doorbell_arms.inc();
    }

    /// The doorbell is in this state now, and in no other.
    pub fn doorbell(&self, state: &'static str) {
        self.0.doorbell_state.show(state);
    }

    /// What was found in the database, in place of what was found before: what is open, and how many subscriptions have which
    /// status; measuring took so long.
    pub fn backlog(&self, rows: Vec<Backlog>, statuses: Vec<(String, i64)>, took: Duration) {
        self.0.backlog.show(rows, statuses, took);
    }

    /// What was found in the database is too old to be shown.
    pub fn forget_backlog(&self) {
        self.0.backlog.forget();
    }

    /// Until when our certificates hold, in place of what was told before.
    pub fn expiries(&self, all: Vec<Expiry>) {
        self.0.expiries.show(all);
    }

    /// Certificates were read again.
    pub fn reloaded(&self, good: bool) {
        self.0.last_reload.set(i64::from(good));
        families::with(&self.0.reloads, "result", if good { "ok" } else { "failed" }).inc();
    }

    /// What `/readyz` says.
    pub fn ready(&self, ready: bool) {
        self.0.ready.set(i64::from(ready));
    }
}

#[allow(clippy::cast_precision_loss, reason = "batches are small")]
fn count(n: usize) -> f64 {
    n as f64
}

fn signed(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(metrics: &Metrics, begin: &str) -> Option<String> {
        let text = metrics.encode().expect("text");
        text.lines().find_map(|line| line.strip_prefix(begin)).map(|value| value.trim().to_owned())
    }

    #[test]
    fn a_relay_that_has_done_nothing_shows_zeros() {
        let metrics = Metrics::new("1.2.3");
        for series in [
            "outboxd_attempts_total{class=\"unknown\"}",
            "outboxd_claims_total{result=\"empty\"}",
            "outboxd_outcomes_total{outcome=\"dead\"}",
            "outboxd_reconnects_total{job=\"settle\"}",
            "outboxd_reloads_total{result=\"failed\"}",
            "outboxd_doorbell_rings_total",
            "outboxd_request_duration_seconds_count{class=\"delivered\"}",
        ] {
            assert_eq!(sample(&metrics, series).as_deref(), Some("0"), "{series}");
        }
        assert_eq!(sample(&metrics, "outboxd_build_info{version=\"1.2.3\"}").as_deref(), Some("1"));
    }

    #[test]
    fn the_last_reload_is_what_counts() {
        let metrics = Metrics::new("1.2.3");
        let last = || sample(&metrics, "outboxd_last_reload_successful");
        assert_eq!(last().as_deref(), Some("1"), "it started with good ones");
        for good in [false, false, true, false] {
            metrics.reloaded(good);
            assert_eq!(last().as_deref(), Some(if good { "1" } else { "0" }));
        }
        assert_eq!(sample(&metrics, "outboxd_reloads_total{result=\"failed\"}").as_deref(), Some("3"));
    }

    #[test]
    fn the_doorbell_is_in_one_state() {
        let metrics = Metrics::new("1.2.3");
        metrics.doorbell("heard");
        metrics.doorbell("kept");
        assert_eq!(sample(&metrics, "outboxd_doorbell_state{state=\"heard\"}").as_deref(), Some("0"));
        assert_eq!(sample(&metrics, "outboxd_doorbell_state{state=\"kept\"}").as_deref(), Some("1"));
    }
}
