//! The loop: wait, claim, start posts, mind the doorbell. It never waits for a post or for an outcome to be recorded.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::batch::posts;
use super::bellkeeper::Bellkeeper;
use super::doorbell::{Doorbell, Step};
use super::endpoints::Endpoints;
use super::link::Link;
use super::outcomes::Outcomes;
use super::scheduler::Scheduler;
use super::sending::{attempt, unsent};
use super::verdict::verdict;
use super::{RelayError, Settings};
use crate::delivery::{Failure, Pool};
use crate::model::{Attempt, Claim, Class, Report, Verdict};
use crate::shutdown::Stop;
use crate::store::Wanted;

/// After the settings of a subscription could not be read: each such try counts as an attempt.
const SETTINGS_PAUSE: Duration = Duration::from_secs(5);
/// After a claim failed, at least.
const CLAIM_PAUSE: Duration = Duration::from_millis(100);
/// While claims find work, between two looks for events that writers have left to relays.
const EXPAND_PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Claimer {
    link: Link,
    settings: Arc<Settings>,
    pool: Arc<Pool>,
    outcomes: Outcomes,
    scheduler: Scheduler,
    endpoints: Endpoints,
    posts: JoinSet<()>,
    /// Posts under way, so that one that is aborted or panics still gets an outcome.
    underway: HashMap<Id, Vec<Claim>>,
    doorbell: Doorbell,
    bell: Bellkeeper,
    /// No claim before this: the last one failed.
    not_before: Instant,
    /// When to look for events that are not expanded, although there is work.
    next_expand: Instant,
    stop: Stop,
}

impl Claimer {
    pub(super) fn new(
        link: Link,
        settings: Arc<Settings>,
        pool: Arc<Pool>,
        outcomes: Outcomes,
        bell: Bellkeeper,
        stop: Stop,
    ) -> Self {
        let now = Instant::now();
        Self {
            link,
            scheduler: Scheduler::new(settings.in_flight_max),
            doorbell: Doorbell::new(settings.poll, now),
            bell,
            settings,
            pool,
            outcomes,
            endpoints: Endpoints::default(),
            posts: JoinSet::new(),
            underway: HashMap::new(),
            not_before: now,
            next_expand: now,
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
        self.bell.leave(&mut self.doorbell).await;
        self.drain(end).await;
        (end, result)
    }

    async fn work(&mut self) -> Result<(), RelayError> {
        while !self.stop.asked() && !self.outcomes.gave_up() {
            self.reap();
            self.bell.hear(&mut self.doorbell);
            self.bell.tell(&mut self.doorbell);
            let step = self.doorbell.next(Instant::now());
            match step {
                Step::Claim if self.may_claim() => {
                    let idle = self.posts.is_empty() && self.outcomes.pending() == 0;
                    match self.claim().await {
                        Ok(0) if self.settings.once && idle => break,
                        Ok(_) => {}
                        Err(problem) if self.settings.once => return Err(problem),
                        Err(_) => {
                            self.not_before = self.link.next_try().max(Instant::now() + CLAIM_PAUSE);
                            self.bell.claim_failed();
                        }
                    }
                }
                // When there is no way, commits are to ring for the others; full, there is no need.
                Step::Claim if self.has_way() => self.doorbell.is_full(Instant::now()),
                Step::Claim | Step::Wait(_) => {}
                step => {
                    self.bell.step(step, &mut self.doorbell).await;
                    continue;
                }
            }
            // Before all else: writers queue until then, and so would a ring of ours.
            if self.doorbell.next(Instant::now()) == Step::Disarm {
                continue;
            }
            if self.has_way() {
                self.bell.go_on(self.holds_back()).await;
            } else {
                self.bell.give_way(&mut self.doorbell).await;
            }
            self.wait().await;
        }
        Ok(())
    }

    fn may_claim(&self) -> bool {
        self.has_room() && Instant::now() >= self.not_before
    }

    /// Whether claims come through, and outcomes go back.
    fn has_way(&self) -> bool {
        !self.outcomes.is_stuck() && Instant::now() >= self.not_before
    }

    /// Whether there may be work that this relay does not take, but another could.
    fn holds_back(&self) -> bool {
        self.scheduler.holds_back() || !self.has_room()
    }

    /// Slots for more, and a way for their outcomes into the database.
    fn has_room(&self) -> bool {
        let waiting = self.outcomes.pending();
        self.scheduler.free() > 0 && waiting < self.settings.in_flight_max && !self.outcomes.is_stuck()
    }

    /// One claim, and the start of what it gave. A claim that gave something is followed by another at once: it stops at
    /// nothing, or where a subscription has all it may have. What writers have left to relays is work as well: a claim that
    /// gave nothing looks for that before it says so, so what makes sure that no delivery is overlooked holds for it too.
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
        let asked = Instant::now();
        let claimed = match store.claim(&self.settings.name, &wanted).await {
            Ok(claims) if claims.is_empty() => store.expand().await.map(|made| (claims, made.is_some())),
            Ok(claims) => Ok((claims, false)),
            Err(problem) => Err(problem),
        };
        let (claims, expanded) = match claimed {
            Ok(found) => found,
            Err(problem) => {
                self.settings.metrics.claim_failed();
                self.link.failed(&problem);
                return Err(problem.into());
            }
        };
        self.scheduler.claimed(&wanted, &claims);
        if !claims.is_empty() {
            self.doorbell.took(asked.elapsed());
        }
        self.doorbell.claimed(expanded || !claims.is_empty(), Instant::now());
        if !self.settings.once && self.doorbell.rests(Instant::now()) {
            // When it fails the next claim will, and says so.
            if let Ok(Some(due)) = store.next_due(asked.elapsed()).await {
                self.doorbell.look_before(Instant::now() + due);
            }
        }
        note(&self.settings, &wanted, &claims);
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
                self.not_before = self.link.next_try().max(Instant::now() + SETTINGS_PAUSE);
            }
        }
        if self.endpoints.follow(&self.settings.identities) {
            self.pool.clear();
        }
        let count = claims.len();
        for claims in posts(claims) {
            self.start(claims);
        }
        if count > 0 {
            self.expand().await;
        }
        Ok(count + usize::from(expanded))
    }

    /// Where claims never come to an end, what writers have left to relays does not wait for that.
    async fn expand(&mut self) {
        let now = Instant::now();
        if now < self.next_expand {
            return;
        }
        self.next_expand = now + EXPAND_PAUSE;
        let Some(store) = self.link.at_hand() else { return };
        if let Err(problem) = store.expand().await {
            self.link.failed(&problem);
            self.not_before = self.link.next_try().max(Instant::now() + CLAIM_PAUSE);
        }
    }

    fn start(&mut self, claims: Vec<Claim>) {
        let Some(known) = self.endpoints.of(&claims[0]) else {
            for claim in claims {
                let failure =
                    Failure::not_sent("settings", "the relay could not read the subscription".into());
                let attempt = unsent(&claim, failure);
                self.outcomes.send(Report::new(claim, Some(attempt), Verdict::Retry(SETTINGS_PAUSE)));
            }
            return;
        };
        self.scheduler.started(claims[0].subscription, known.subscription.concurrency);
        let (pool, outcomes) = (Arc::clone(&self.pool), self.outcomes.clone());
        let bare = claims.iter().map(Claim::without_message).collect();
        let task = self.posts.spawn(async move {
            for report in attempt(claims, &known, &pool).await {
                outcomes.send(report);
            }
        });
        self.underway.insert(task.id(), bare);
        self.settings.metrics.in_flight(self.underway.len());
    }

    /// Until there may be something to do: a post ended, work may be due, somebody rang, outcomes were recorded, or it is
    /// over.
    async fn wait(&mut self) {
        let can_claim = self.has_room();
        let now = Instant::now();
        let next = match self.doorbell.next(now) {
            Step::Wait(next) => next,
            _ => now,
        };
        let ringing = self.holds_back() && self.has_way() && self.bell.has_bell();
        let (next_ring, rings) = (self.bell.next_ring(), self.bell.rings());
        tokio::select! {
            () = self.stop.wait() => {}
            Some(ended) = self.posts.join_next_with_id(), if !self.posts.is_empty() => self.ended(ended),
            () = tokio::time::sleep_until(next.max(self.not_before)), if can_claim => {}
            () = tokio::time::sleep_until(next_ring), if ringing => {}
            () = rings.for_claimer() => {}
            () = self.bell.news() => {}
            due = self.outcomes.next_retry() => self.doorbell.look_before(due),
            () = self.outcomes.changed(), if self.settings.once || !can_claim => {
                if self.settings.once {
                    self.doorbell.look_now(Instant::now());
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
        let Some(claims) = self.underway.remove(&id) else { return };
        self.settings.metrics.in_flight(self.underway.len());
        if self.scheduler.finished(claims[0].subscription) {
            self.doorbell.look_now(Instant::now());
        }
        if let Err(problem) = ended {
            for claim in claims {
                self.lost(claim, problem.is_panic());
            }
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
            hold: None,
            tls: None,
            started: claim.received,
            duration: claim.received.elapsed(),
        };
        let verdict = match self.endpoints.of(&claim) {
            Some(known) if panicked => verdict(&attempt, &claim, &known.subscription.policy, fastrand::f64()),
            _ => Verdict::Retry(Duration::ZERO),
        };
        self.outcomes.send(Report::new(claim, Some(attempt), verdict));
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
