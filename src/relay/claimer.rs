//! The loop: wait, claim, start posts. It never waits for a post or for an outcome to be recorded.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::endpoints::{Endpoints, Known};
use super::link::Link;
use super::outcomes::Outcomes;
use super::scheduler::Scheduler;
use super::verdict::verdict;
use super::{RelayError, Settings};
use crate::delivery::{Failure, Pool, post};
use crate::model::{Attempt, Claim, Class, Report, Verdict};
use crate::shutdown::Stop;
use crate::store::Wanted;

/// After the settings of a subscription could not be read: each such try counts as an attempt.
const SETTINGS_PAUSE: Duration = Duration::from_secs(5);

pub(super) struct Claimer {
    link: Link,
    settings: Arc<Settings>,
    pool: Arc<Pool>,
    outcomes: Outcomes,
    scheduler: Scheduler,
    endpoints: Endpoints,
    posts: JoinSet<()>,
    /// Posts under way, so that one that is aborted or panics still gets an outcome.
    underway: HashMap<Id, Claim>,
    next_claim: Instant,
    stop: Stop,
}

impl Claimer {
    pub(super) fn new(
        link: Link,
        settings: Arc<Settings>,
        pool: Arc<Pool>,
        outcomes: Outcomes,
        stop: Stop,
    ) -> Self {
        Self {
            link,
            scheduler: Scheduler::new(settings.in_flight_max),
            settings,
            pool,
            outcomes,
            endpoints: Endpoints::default(),
            posts: JoinSet::new(),
            underway: HashMap::new(),
            next_claim: Instant::now(),
            stop,
        }
    }

    /// Until a stop is asked for, or with `once` until a claim finds nothing while nothing is under way. Ends no
    /// later than the grace time after the stop; says when that is over.
    pub(super) async fn run(mut self) -> (Instant, Result<(), RelayError>) {
        let over = grace_over(self.stop.clone(), self.settings.grace);
        let result = tokio::select! {
            result = self.work() => result,
            // A database that does not answer does not hold up the stop: what it claims for us waits for its
            // lease to end.
            () = over => Ok(()),
        };
        let end = Instant::now() + self.settings.grace;
        let end = self.stop.asked_at().map_or(end, |asked| Instant::from_std(asked) + self.settings.grace);
        self.drain(end).await;
        (end, result)
    }

    async fn work(&mut self) -> Result<(), RelayError> {
        while !self.stop.asked() && !self.outcomes.gave_up() {
            self.reap();
            if self.may_claim() {
                let idle = self.posts.is_empty() && self.outcomes.pending() == 0;
                match self.claim().await {
                    Ok(0) if self.settings.once && idle => break,
                    Ok(_) => {}
                    Err(problem) if self.settings.once => return Err(problem),
                    Err(_) => {
                        self.next_claim = self.link.next_try().max(Instant::now() + self.settings.poll);
                    }
                }
            }
            self.wait().await;
        }
        Ok(())
    }

    fn may_claim(&self) -> bool {
        self.has_room() && Instant::now() >= self.next_claim
    }

    /// Slots for more, and a way for their outcomes into the database.
    fn has_room(&self) -> bool {
        let waiting = self.outcomes.pending();
        self.scheduler.free() > 0 && waiting < self.settings.in_flight_max && !self.outcomes.is_stuck()
    }

    /// One claim, and the start of what it gave. A claim that gave something is followed by another at once: it stops at
    /// nothing, or where a subscription has all it may have.
    async fn claim(&mut self) -> Result<usize, RelayError> {
        let wanted = self.scheduler.wanted();
        self.settings.health.claiming();
        let store = match self.link.open().await {
            Ok(store) => store,
            Err(problem) => {
                self.settings.metrics.claim_failed();
                self.link.cannot_open(&problem);
                return Err(problem.into());
            }
        };
        let claimed = store.claim(&self.settings.name, &wanted).await;
        let claims = match claimed {
            Ok(claims) => claims,
            Err(problem) => {
                self.settings.metrics.claim_failed();
                self.link.failed(&problem);
                return Err(problem.into());
            }
        };
        self.scheduler.claimed(&wanted, &claims);
        note(&self.settings, &wanted, &claims);
        self.next_claim =
            Instant::now() + if claims.is_empty() { self.settings.poll } else { Duration::ZERO };
        let outdated = self.endpoints.outdated(&claims);
        let read = if outdated.is_empty() { Ok(Vec::new()) } else { store.subscriptions(&outdated).await };
        match read {
            Ok(read) => {
                self.endpoints.learn(read, &self.settings.identities);
                self.link.worked();
            }
            Err(problem) => {
                // The leases are ours: start() gives back what it cannot send.
                self.link.failed(&problem);
                self.next_claim = self.link.next_try().max(Instant::now() + SETTINGS_PAUSE);
            }
        }
        if self.endpoints.follow(&self.settings.identities) {
            self.pool.clear();
        }
        let count = claims.len();
        for claim in claims {
            self.start(claim);
        }
        Ok(count)
    }

    fn start(&mut self, claim: Claim) {
        let Some(known) = self.endpoints.of(&claim) else {
            let failure = Failure::not_sent("settings", "the relay could not read the subscription".into());
            let attempt = unsent(&claim, failure);
            self.outcomes.send(Report {
                claim,
                attempt: Some(attempt),
                verdict: Verdict::Retry(SETTINGS_PAUSE),
            });
            return;
        };
        let subscription = claim.subscription;
        self.scheduler.started(subscription, known.subscription.concurrency);
        let (pool, outcomes) = (Arc::clone(&self.pool), self.outcomes.clone());
        let task = self.posts.spawn({
            let claim = claim.clone();
            async move { outcomes.send(attempt(claim, &known, &pool).await) }
        });
        self.underway.insert(task.id(), claim);
        self.settings.metrics.in_flight(self.underway.len());
    }

    /// Until there may be something to do: a post ended, work may be due, outcomes were recorded, or it is over.
    async fn wait(&mut self) {
        let can_claim = self.has_room();
        tokio::select! {
            () = self.stop.wait() => {}
            Some(ended) = self.posts.join_next_with_id(), if !self.posts.is_empty() => self.ended(ended),
            () = tokio::time::sleep_until(self.next_claim), if can_claim => {}
            () = self.outcomes.changed(), if self.settings.once || !can_claim => {
                if self.settings.once {
                    self.next_claim = Instant::now();
                }
            }
        }
    }

    /// Takes note of every post that has ended since.
    fn reap(&mut self) {
        while let Some(ended) = self.posts.try_join_next_with_id() {
            self.ended(ended);
        }
    }

    fn ended(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(problem) => problem.id(),
        };
        let Some(claim) = self.underway.remove(&id) else { return };
        self.settings.metrics.in_flight(self.underway.len());
        if self.scheduler.finished(claim.subscription) {
            self.next_claim = Instant::now().min(self.next_claim).max(self.link.next_try());
        }
        if let Err(problem) = ended {
            self.lost(claim, problem.is_panic());
        }
    }

    /// A post that told nothing: it may have been sent.
    fn lost(&self, claim: Claim, panicked: bool) {
        if panicked {
            error!(delivery = claim.delivery, "a post panicked; please report this");
        }
        let (word, sentence) = if panicked {
            ("panic", "the relay failed while sending; see its log")
        } else {
            ("stopped", "the relay was stopped before the subscriber answered")
        };
        let attempt = Attempt {
            class: Class::Unknown,
            status: None,
            error_class: Some(word),
            error: Some(sentence.to_owned()),
            response: None,
            started: claim.received,
            duration: claim.received.elapsed(),
        };
        let verdict = match self.endpoints.of(&claim) {
            Some(known) if panicked => verdict(&attempt, &claim, &known.subscription, fastrand::f64()),
            _ => Verdict::Retry(Duration::ZERO),
        };
        self.outcomes.send(Report { claim, attempt: Some(attempt), verdict });
    }

    /// Lets what is under way end until `end`; what does not is due again at once.
    async fn drain(mut self, end: Instant) {
        if !self.posts.is_empty() {
            info!(in_flight = self.posts.len(), "finishing what is under way");
        }
        while let Ok(Some(ended)) = tokio::time::timeout_at(end, self.posts.join_next_with_id()).await {
            self.ended(ended);
        }
        if !self.posts.is_empty() {
            warn!(in_flight = self.posts.len(), "the grace time is over: giving up on what is under way");
            self.posts.abort_all();
            while let Some(ended) = self.posts.join_next_with_id().await {
                self.ended(ended);
            }
        }
    }
}

/// What a claim says about how it goes.
fn note(settings: &Settings, wanted: &Wanted, claims: &[Claim]) {
    let first = claims.iter().filter(|claim| claim.attempt == 1).count();
    settings.metrics.claimed(claims.len(), first);
    settings.health.claimed(claims.len() < usize::try_from(wanted.free).unwrap_or(0));
}

/// Completes the grace time after a stop was asked for.
async fn grace_over(mut stop: Stop, grace: Duration) {
    stop.wait().await;
    tokio::time::sleep(grace).await;
}

/// One delivery: sent, judged, told.
async fn attempt(claim: Claim, known: &Known, pool: &Pool) -> Report {
    let Some(message) = claim.message.clone() else {
        return Report { claim, attempt: None, verdict: Verdict::Cancelled };
    };
    let attempt = match &known.endpoint {
        _ if !claim.is_fresh() => {
            let sentence = "the relay stood still since it claimed this, and its lease may be over";
            unsent(&claim, Failure::not_sent("lease", sentence.into()))
        }
        Ok(endpoint) => post(endpoint, pool, &claim, &message).await,
        Err(problem) => unsent(&claim, Failure::not_sent("subscription", problem.to_string())),
    };
    let verdict = verdict(&attempt, &claim, &known.subscription, fastrand::f64());
    tell(&claim, &message.event_type, &attempt, verdict);
    Report { claim, attempt: Some(attempt), verdict }
}

fn unsent(claim: &Claim, failure: Failure) -> Attempt {
    Attempt {
        class: failure.class,
        status: None,
        error_class: Some(failure.word),
        error: Some(failure.sentence),
        response: None,
        started: claim.received,
        duration: claim.received.elapsed(),
    }
}

/// One line per failed attempt; successes are in the ledger. Never the payload.
fn tell(claim: &Claim, event_type: &str, attempt: &Attempt, verdict: Verdict) {
    let (delivery, number, subscription) = (claim.delivery, claim.attempt, claim.subscription);
    let error = attempt.error.as_deref().unwrap_or_default();
    match verdict {
        Verdict::Delivered | Verdict::Cancelled => {
            debug!(delivery, attempt = number, subscription, event_type, "delivered");
        }
        Verdict::Retry(pause) => {
            warn!(
                delivery,
                attempt = number,
                subscription,
                event_type,
                ?pause,
                "failed, will retry: {error}"
            );
        }
        Verdict::Dead => {
            error!(
                delivery,
                attempt = number,
                subscription,
                event_type,
                "dead after the last attempt: {error}"
            );
        }
    }
}
