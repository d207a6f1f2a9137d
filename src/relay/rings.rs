//! Who has rung, from the listening session to those who act on it.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::Notify;

use crate::metrics::Metrics;

/// Rings since the claimer asked, and a permit for each of the two who wait for them.
pub(super) struct Rings {
    count: AtomicU32,
    claimer: Notify,
    housekeeper: Notify,
    metrics: Metrics,
}

impl Rings {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { count: AtomicU32::new(0), claimer: Notify::new(), housekeeper: Notify::new(), metrics }
    }

    /// Somebody rang. Called by the task that carries the session's bytes: it neither blocks nor waits.
    pub(super) fn one(&self) {
        self.metrics.rang();
        self.count.fetch_add(1, Ordering::Relaxed);
        self.claimer.notify_one();
        self.housekeeper.notify_one();
    }

    /// How many have rung since this was asked the last time.
    pub(super) fn take(&self) -> u32 {
        self.count.swap(0, Ordering::Relaxed)
    }

    /// Completes after a ring; for the claimer.
    pub(super) async fn for_claimer(&self) {
        self.claimer.notified().await;
    }

    /// Completes after a ring; for the housekeeper.
    pub(super) async fn for_housekeeper(&self) {
        self.housekeeper.notified().await;
    }
}
