//! The way from the posts to the settler, and what the claimer wants to know about it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::Settings;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::model::{Report, Verdict};

/// What became of deliveries since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Delivered.
    pub delivered: usize,
    /// Failed attempts whose delivery will be tried again.
    pub retrying: usize,
    /// Given up.
    pub dead: usize,
    /// Too old to be of use.
    pub expired: usize,
    /// Without anything to send, or anybody to send to.
    pub cancelled: usize,
}

/// Where reports go. Clones are the same.
#[derive(Clone)]
pub(super) struct Outcomes(Arc<Shared>);

struct Shared {
    sender: Mutex<Option<mpsc::UnboundedSender<Report>>>,
    pending: AtomicUsize,
    refused: AtomicUsize,
    stuck: AtomicBool,
    gave_up: AtomicBool,
    counts: Mutex<Counts>,
    settled: Notify,
    /// When the next delivery becomes due whose failure was recorded since the claimer asked.
    retry_at: Mutex<Option<Instant>>,
    retries: Notify,
    metrics: Metrics,
    health: Health,
}

impl Outcomes {
    /// The sending side and the settler's. The channel needs no bound: nothing is claimed while as many reports wait as
    /// may be in flight, nor while they cannot be recorded.
    pub(super) fn channel(settings: &Settings) -> (Self, mpsc::UnboundedReceiver<Report>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let shared = Shared {
            sender: Mutex::new(Some(sender)),
            pending: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            // Until the settler has its session: what is sent before may find no way back.
            stuck: AtomicBool::new(!settings.once),
            gave_up: AtomicBool::new(false),
            counts: Mutex::new(Counts::default()),
            settled: Notify::new(),
            retry_at: Mutex::new(None),
            retries: Notify::new(),
            metrics: settings.metrics.clone(),
            health: settings.health.clone(),
        };
        (Self(Arc::new(shared)), receiver)
    }

    /// Hands a report to the settler.
    pub(super) fn send(&self, report: Report) {
        if let Some(attempt) = &report.attempt {
            self.0.metrics.attempted(attempt.class.as_str(), attempt.duration);
        }
        let sender = self.0.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = sender.as_ref() {
            let before = self.0.pending.fetch_add(1, Ordering::SeqCst);
            self.0.metrics.pending(before + 1);
            // Fails only when the settler is gone, at the very end; then it stays pending and is told of.
            let _ = sender.send(report);
        }
    }

    /// No more reports: the settler ends when it has recorded those it has.
    pub(super) fn close(&self) {
        self.0.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Reports not yet recorded.
    pub(super) fn pending(&self) -> usize {
        self.0.pending.load(Ordering::SeqCst)
    }

    /// Whether recording fails at the moment: then nothing new may be sent.
    pub(super) fn is_stuck(&self) -> bool {
        self.0.stuck.load(Ordering::SeqCst)
    }

    /// Says whether recording fails.
    pub(super) fn set_stuck(&self, stuck: bool) {
        if self.0.stuck.swap(stuck, Ordering::SeqCst) != stuck {
            self.0.health.recording_is_stuck(stuck);
            self.0.settled.notify_one();
        }
    }

    /// Whether a run that was to drain has given up recording.
    pub(super) fn gave_up(&self) -> bool {
        self.0.gave_up.load(Ordering::SeqCst)
    }

    /// Says that some reports will never be recorded: they stay pending, and are told of at the end.
    pub(super) fn give_up(&self) {
        self.0.gave_up.store(true, Ordering::SeqCst);
        self.0.settled.notify_one();
    }

    /// Counts one report as never to be recorded: the database takes it in no form.
    pub(super) fn refused(&self) {
        self.0.refused.fetch_add(1, Ordering::SeqCst);
        self.take(1);
    }

    /// Reports that have not been recorded, and those that never will be.
    pub(super) fn unrecorded(&self) -> usize {
        self.pending() + self.0.refused.load(Ordering::SeqCst)
    }

    /// Counts reports as recorded; the deliveries in `dead` died by that.
    pub(super) fn settled(&self, reports: &[Report], dead: &[i64]) {
        let verdict = |report: &Report| {
            if dead.contains(&report.claim.delivery) { Verdict::Dead } else { report.verdict }
        };
        let pauses = reports.iter().filter_map(|report| match verdict(report) {
            Verdict::Retry(pause) => Some(pause),
            // What comes next in its lane may be sent.
            _ => report.claim.place.map(|_| Duration::ZERO),
        });
        if let Some(pause) = pauses.min() {
            self.retry_in(pause);
        }
        let mut counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for report in reports {
            match verdict(report) {
                Verdict::Delivered => counts.delivered += 1,
                Verdict::Dead => counts.dead += 1,
                Verdict::Expired => counts.expired += 1,
                Verdict::Cancelled | Verdict::Gone => counts.cancelled += 1,
                Verdict::Retry(_) => counts.retrying += 1,
            }
        }
        drop(counts);
        for report in reports {
            self.0.metrics.recorded(verdict(report).as_str());
            if let (Verdict::Delivered, Some(age)) = (report.verdict, report.claim.event_age()) {
                self.0.metrics.delivered_after(age);
            }
        }
        self.take(reports.len());
    }

    /// Says that a batch was put on record, how long that took, and how many of it were late.
    pub(super) fn recorded(&self, outcomes: usize, took: Duration, late: i32) {
        self.0.metrics.settled(outcomes, took, u64::try_from(late).unwrap_or(0));
    }

    fn take(&self, reports: usize) {
        let before = self.0.pending.fetch_sub(reports, Ordering::SeqCst);
        self.0.metrics.pending(before.saturating_sub(reports));
        self.0.settled.notify_one();
    }

    /// The database has just made a delivery due after this pause: so it is due no later than that from now.
    fn retry_in(&self, pause: Duration) {
        let at = Instant::now() + pause;
        let mut retry_at = self.0.retry_at.lock().unwrap_or_else(PoisonError::into_inner);
        *retry_at = Some(retry_at.map_or(at, |other| other.min(at)));
        drop(retry_at);
        self.0.retries.notify_one();
    }

    /// Completes when failures have been recorded, with the time at which the first of their deliveries becomes due. There
    /// is one waiter, the claimer.
    pub(super) async fn next_retry(&self) -> Instant {
        loop {
            let retry_at = self.0.retry_at.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(at) = retry_at {
                return at;
            }
            self.0.retries.notified().await;
        }
    }

    /// Completes after the next change of [`Self::pending`], [`Self::is_stuck`] or [`Self::gave_up`]; there is one
    /// waiter, the claimer.
    pub(super) async fn changed(&self) {
        self.0.settled.notified().await;
    }

    /// What became of deliveries so far.
    pub(super) fn counts(&self) -> Counts {
        *self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
