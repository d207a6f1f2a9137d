//! The claimer's side of the doorbell: carries out what the rule says on the session that the listener looks after.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};
use tracing::warn;

use super::doorbell::{self, Doorbell, Step};
use super::listener::Hearing;
use super::rings::Rings;
use crate::metrics::Metrics;
use crate::store::{Bell, BellError};

/// Between two rings of a relay that has more work than slots, for the others.
const RINGS_FOR_OTHERS: Duration = Duration::from_millis(100);
/// For the last word to the other relays.
const LEAVING: Duration = Duration::from_secs(2);

pub(super) struct Bellkeeper {
    hearing: watch::Receiver<Hearing>,
    rings: Arc<Rings>,
    session: Option<Arc<Bell>>,
    next_ring: Instant,
    /// [`Self::give_way`] was done, and nothing has undone it since.
    gave_way: bool,
    metrics: Metrics,
    listener: Option<AbortHandle>,
}

impl Bellkeeper {
    /// `listener` is the task that opens sessions, if there is one.
    pub(super) fn new(
        hearing: watch::Receiver<Hearing>,
        rings: Arc<Rings>,
        metrics: Metrics,
        listener: Option<AbortHandle>,
    ) -> Self {
        metrics.doorbell(doorbell::Bell::None.as_str());
        let next_ring = Instant::now();
        Self { hearing, rings, session: None, next_ring, gave_way: false, metrics, listener }
    }

    /// Takes note of what the listener says.
    pub(super) fn hear(&mut self, rule: &mut Doorbell) {
        if self.hearing.has_changed().unwrap_or(false) {
            let hearing = self.hearing.borrow_and_update().clone();
            self.set_bell(rule, hearing.bell());
            self.session = hearing.session;
            self.gave_way = false;
        }
    }

    /// Whether there is a session to ring with.
    pub(super) fn has_bell(&self) -> bool {
        self.session.is_some()
    }

    /// Who has rung.
    pub(super) fn rings(&self) -> Arc<Rings> {
        Arc::clone(&self.rings)
    }

    /// Completes when the listener has news, for [`Self::hear`].
    pub(super) async fn news(&mut self) {
        match self.hearing.changed().await {
            Ok(()) => self.hearing.mark_changed(),
            // There is no listener.
            Err(_) => std::future::pending().await,
        }
    }

    /// Tells the rule of all who have rung since.
    pub(super) fn tell(&self, rule: &mut Doorbell) {
        let now = Instant::now();
        for _ in 0..self.rings.take() {
            rule.rung(now);
        }
    }

    /// Carries out a step that concerns the bell.
    pub(super) async fn step(&mut self, step: Step, rule: &mut Doorbell) {
        let Some(bell) = self.session.clone() else {
            return self.set_bell(rule, doorbell::Bell::None);
        };
        let result = match step {
            Step::Arm => bell.arm().await.map(|()| {
                self.metrics.armed();
                rule.armed(Instant::now());
            }),
            Step::Horizon => bell.horizon().await.map(|id| rule.horizon(id, Instant::now())),
            Step::Look(id) => bell.has_passed(id).await.map(|ended| rule.looked(ended)),
            Step::Disarm => bell.disarm().await.map(|()| {
                self.gave_way = false;
                rule.disarmed();
            }),
            Step::Claim | Step::Wait(_) => Ok(()),
        };
        self.note(result, rule);
    }

    /// A claim failed: what it had locked was passed over by whoever looked meanwhile, so giving way before does not count.
    pub(super) fn claim_failed(&mut self) {
        self.gave_way = false;
    }

    /// This relay cannot claim: commits ring from now on, if that is for it to say, and the others are woken for what has
    /// been committed, and for what a claim of ours that failed had locked. Done once for each such claim.
    pub(super) async fn give_way(&mut self, rule: &mut Doorbell) {
        let Some(bell) = self.session.clone().filter(|_| !self.gave_way) else { return };
        self.gave_way = true;
        let armed = if rule.bell() == doorbell::Bell::Kept {
            bell.arm().await.map(|()| {
                self.metrics.armed();
                rule.armed(Instant::now());
            })
        } else {
            Ok(())
        };
        let result = match armed {
            Ok(()) => bell.ring().await,
            failed => failed,
        };
        self.note(result, rule);
    }

    /// This relay can claim; `holds_back` when it, or a subscription, has more work than slots: then the others are rung.
    pub(super) async fn go_on(&mut self, holds_back: bool) {
        self.gave_way = false;
        let now = Instant::now();
        if !holds_back || now < self.next_ring {
            return;
        }
        self.next_ring = now + RINGS_FOR_OTHERS;
        if let Some(bell) = &self.session
            && bell.ring().await.is_err()
        {
            bell.give_up();
        }
    }

    /// When [`Self::go_on`] rings again.
    pub(super) fn next_ring(&self) -> Instant {
        self.next_ring
    }

    /// The end: as [`Self::give_way`], but not for long. The session ends with it: who drains must not keep the bell.
    pub(super) async fn leave(&mut self, rule: &mut Doorbell) {
        self.hear(rule);
        self.gave_way = false;
        // Without it the others find out when they look the next time.
        let _ = timeout(LEAVING, self.give_way(rule)).await;
        if let Some(listener) = &self.listener {
            listener.abort();
        }
        self.session = None;
    }

    fn note(&mut self, result: Result<(), BellError>, rule: &mut Doorbell) {
        if let Err(problem) = result {
            warn!("no doorbell: {problem}");
            if let Some(bell) = self.session.take() {
                bell.give_up();
            }
            self.set_bell(rule, doorbell::Bell::None);
        }
    }

    fn set_bell(&self, rule: &mut Doorbell, bell: doorbell::Bell) {
        rule.set_bell(bell, Instant::now());
        self.metrics.doorbell(bell.as_str());
    }
}
