//! A session that is opened again when it is lost, at growing pauses.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, info, warn};

use super::Settings;
use crate::conninfo::Conninfo;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::schedule::Backoff;
use crate::store::{OpenError, Store, StoreError, Trouble};

/// Between tries to get the session back. Half of the pause is fixed, half is drawn, so that many relays of one
/// restarted server do not come all at once and none comes at once again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// After an error that only a person can mend.
const REFUSED_PAUSE: Duration = Duration::from_secs(5);

/// A session for one job, or the time at which to try for it again.
pub(super) struct Link {
    info: Conninfo,
    job: &'static str,
    store: Option<Store>,
    failures: u32,
    next_try: Instant,
    opened_before: bool,
    metrics: Metrics,
    health: Health,
}

impl Link {
    pub(super) fn new(settings: &Settings, job: &'static str) -> Self {
        Self {
            info: settings.database.clone(),
            job,
            store: None,
            failures: 0,
            next_try: Instant::now(),
            opened_before: false,
            metrics: settings.metrics.clone(),
            health: settings.health.clone(),
        }
    }

    /// The session, opened if need be.
    pub(super) async fn open(&mut self) -> Result<&Store, OpenError> {
        if self.store.as_ref().is_some_and(Store::is_lost) {
            self.store = None;
        }
        if self.store.is_none() {
            let store = Store::open(&self.info, self.job).await?;
            if self.failures > 0 {
                info!(job = self.job, database = self.info.describe(), "the database is back");
            }
            self.store = Some(store);
            if std::mem::replace(&mut self.opened_before, true) {
                self.metrics.reconnected(self.job);
            }
        }
        // Set just above.
        self.store.as_ref().ok_or_else(|| unreachable!("the session was opened"))
    }

    /// The session, if it is open.
    pub(super) fn at_hand(&self) -> Option<&Store> {
        self.store.as_ref().filter(|store| !store.is_lost())
    }

    /// The session, opened at the next time for it; waits and tries for as long as it takes.
    pub(super) async fn wait(&mut self) -> &Store {
        loop {
            tokio::time::sleep_until(self.next_try).await;
            match self.open().await {
                Ok(_) => break,
                Err(problem) => self.cannot_open(&problem),
            }
        }
        match &self.store {
            Some(store) => store,
            None => unreachable!("the session was opened"),
        }
    }

    /// When the next use makes sense.
    pub(super) fn next_try(&self) -> Instant {
        self.next_try
    }

    /// Notes that the session could not be opened.
    pub(super) fn cannot_open(&mut self, problem: &OpenError) {
        self.trouble(problem, false);
        // Once at first, then once a minute or so: a database that is away for an hour does not fill the log.
        if self.failures.is_multiple_of(12) {
            warn!(job = self.job, tries = self.failures + 1, "no database: {problem}");
        }
        self.pause();
    }

    /// Notes that a statement did its work: the next trouble starts with the shortest pause.
    pub(super) fn worked(&mut self) {
        self.failures = 0;
        self.health.worked(self.job);
    }

    /// Notes that a statement failed, and says what that means.
    pub(super) fn failed(&mut self, problem: &StoreError) -> Trouble {
        let trouble = problem.trouble();
        self.trouble(problem, trouble == Trouble::Refused);
        match trouble {
            Trouble::Session => {
                warn!(job = self.job, "{problem}");
                self.store = None;
                self.pause();
            }
            Trouble::Again => {
                // The first is nothing to talk about; the second in a row may be a lock that somebody forgot.
                if self.failures % 12 == 1 {
                    warn!(job = self.job, tries = self.failures + 1, "{problem}; trying again");
                }
                self.pause();
            }
            Trouble::Room => {
                warn!(job = self.job, "the database has no room: {problem}");
                self.pause();
            }
            Trouble::Refused => {
                error!(
                    job = self.job,
                    "{problem}; `outboxd migrate --check` says whether schema and grants fit"
                );
                self.next_try = Instant::now() + REFUSED_PAUSE;
            }
            Trouble::Data => {}
        }
        trouble
    }

    /// Notes that the session does not answer: it is closed, and whether its last statement was carried out is in doubt.
    pub(super) fn hung(&mut self) {
        let problem = "the database does not answer; opening another session";
        self.trouble(&problem, false);
        warn!(job = self.job, "{problem}");
        self.store = None;
        self.pause();
    }

    /// What goes wrong is counted, and told by `/readyz`.
    fn trouble(&self, problem: &dyn std::fmt::Display, refused: bool) {
        self.metrics.database_failed(self.job);
        self.health.failed(self.job, &problem.to_string(), refused);
    }

    fn pause(&mut self) {
        self.failures += 1;
        let (base, cap) = PAUSES;
        let ceiling = Backoff::new(base, cap).unwrap_or(Backoff::DEFAULT).ceiling(self.failures);
        self.next_try = Instant::now() + ceiling.mul_f64(0.5 + fastrand::f64() / 2.0);
    }
}
