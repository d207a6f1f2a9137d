//! The loop: wait, claim, start posts, mind the doorbell. It never waits for a post or for an outcome to be recorded.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::batch::posts;
use super::bellkeeper::Bellkeeper;
use super::doorbell::{Doorbell, Step};
use super::endpoints::Endpoints;
use super::limits::Went;
use super::link::Link;
use super::outcomes::Outcomes;
use super::scheduler::{Ended, Lane, Scheduler};
use super::sending::{attempt, judged, lost, unsent};
use super::underway::{Post, Underway};
use super::{RelayError, Settings};
use crate::delivery::{Failure, Pool};
use crate::model::{Claim, Report, Verdict};
use crate::shutdown::Stop;
use crate::store::{StoreError, Wanted};

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
    posts: JoinSet<Went>,
    underway: Underway,
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
            underway: Underway::default(),
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

    /// A round of claims, and the start of what they gave. One that gave something is followed by another at once: it stops at
    /// nothing, or where a subscription has all it may have. What writers have left to relays is work as well: a round that
    /// gave nothing looks for that before it says so, so what makes sure that no delivery is overlooked holds for it too.
    async fn claim(&mut self) -> Result<usize, RelayError> {
        let asked = Instant::now();
        let mut count = 0;
        for lane in self.scheduler.lanes() {
            if let Some(wanted) = self.scheduler.wanted(lane) {
                count += self.claim_for(lane, &wanted).await?;
            }
        }
        self.settings.health.limited(self.scheduler.limited());
        let mut expanded = false;
        if count > 0 {
            self.doorbell.took(asked.elapsed());
        } else if let Some(store) = self.link.at_hand() {
            match store.expand().await {
                Ok(made) => expanded = made.is_some(),
                Err(problem) => return Err(self.claim_failed(problem)),
            }
        }
        self.doorbell.claimed(expanded || count > 0, Instant::now());
        if !self.settings.once
            && self.doorbell.rests(Instant::now())
            && let Some(store) = self.link.at_hand()
        {
            // When it fails the next claim will, and says so.
            if let Ok(Some(due)) = store.next_due(asked.elapsed(), &self.scheduler.limited()).await {
                self.doorbell.look_before(Instant::now() + due);
            }
        }
        if count > 0 {
            self.expand().await;
        }
        Ok(count + usize::from(expanded))
    }

    /// One claim, and the start of what it gave.
    async fn claim_for(&mut self, lane: Lane, wanted: &Wanted) -> Result<usize, RelayError> {
        self.settings.health.claiming();
        let store = match self.link.open().await {
            Ok(store) => store,
            Err(problem) => {
                self.settings.metrics.claim_failed();
                self.link.cannot_open(&problem);
                return Err(problem.into());
            }
        };
        let claims = match store.claim(&self.settings.name, wanted).await {
            Ok(claims) => claims,
            Err(problem) => return Err(self.claim_failed(problem)),
        };
        let unfilled = self.scheduler.claimed(lane, wanted, &claims);
        let first = claims.iter().filter(|claim| claim.attempt == 1).count();
        self.settings.metrics.claimed(claims.len(), first);
        self.settings.health.claimed(unfilled);
        let outdated = self.endpoints.outdated(&claims);
        let read = if outdated.is_empty() { Ok(Vec::new()) } else { store.subscriptions(&outdated).await };
        match read {
            Ok(read) => {
                let Settings { identities, secrets, named, .. } = &*self.settings;
                self.endpoints.learn(read, identities, secrets, named);
                self.link.worked();
            }
            Err(problem) => {
                // The leases are ours: start() gives back what it cannot send.
                self.link.failed(&problem);
                self.not_before = self.link.next_try().max(Instant::now() + SETTINGS_PAUSE);
            }
        }
        let Settings { identities, secrets, named, .. } = &*self.settings;
        if self.endpoints.follow(identities, secrets, named) {
            self.pool.clear();
        }
        let count = claims.len();
        for claims in posts(claims) {
            self.start(claims);
        }
        Ok(count)
    }

    fn claim_failed(&mut self, problem: StoreError) -> RelayError {
        self.settings.metrics.claim_failed();
        self.link.failed(&problem);
        problem.into()
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

    /// Starts one POST of claims of one subscription.
    fn start(&mut self, claims: Vec<Claim>) {
        let Some(known) = self.endpoints.of(&claims[0]) else {
            let failure = Failure::not_sent("settings", "the relay could not read the subscription".into());
            for claim in claims {
                let attempt = unsent(&claim, failure.clone());
                let verdict = Verdict::Retry(SETTINGS_PAUSE);
                self.outcomes.send(Report::new(claim.without_message(), Some(attempt), verdict));
            }
            return;
        };
        let concurrency = known.subscription.concurrency;
        let number = self.scheduler.started(claims[0].subscription, concurrency);
        let (pool, outcomes) = (Arc::clone(&self.pool), self.outcomes.clone());
        let bare = claims.iter().map(Claim::without_message).collect();
        let task = self.posts.spawn(async move {
            let (reports, went) = attempt(claims, &known, &pool).await;
            for report in reports {
                outcomes.send(report);
            }
            went
        });
        self.underway.insert(task.id(), Post { claims: bare, number, concurrency, begun: Instant::now() });
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
        let long = self.underway.next_long();
        tokio::select! {
            () = self.stop.wait() => {}
            Some(ended) = self.posts.join_next_with_id(), if !self.posts.is_empty() => self.ended(ended),
            () = tokio::time::sleep_until(next.max(self.not_before)), if can_claim => {}
            () = tokio::time::sleep_until(next_ring), if ringing => {}
            () = tokio::time::sleep_until(long.unwrap_or(now)), if long.is_some() => {}
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

    /// Takes note of every post that has ended since, and of those that take long.
    fn reap(&mut self) {
        while let Some(ended) = self.posts.try_join_next_with_id() {
            self.ended(ended);
        }
        let now = Instant::now();
        while let Some(subscription) = self.underway.take_long(now) {
            if self.scheduler.overdue(subscription) {
                self.doorbell.look_now(now);
            }
        }
    }

    fn ended(&mut self, ended: Result<(Id, Went), JoinError>) {
        let (id, went) = match &ended {
            Ok((id, went)) => (*id, *went),
            Err(problem) => (problem.id(), Went::Neither),
        };
        let Some(Post { claims, number, concurrency, begun }) = self.underway.remove(id) else { return };
        self.settings.metrics.in_flight(self.underway.len());
        let subscription = claims[0].subscription;
        let before = self.scheduler.limit(subscription);
        if self.scheduler.finished(subscription, Ended { number, went, took: begun.elapsed(), concurrency }) {
            self.doorbell.look_now(Instant::now());
        }
        let (posts, pace) = self.scheduler.limit(subscription);
        if (posts, pace) != before {
            debug!(subscription, posts, ?pace, "may have another number of POSTs at a time");
        }
        if let Err(problem) = ended {
            self.lost(claims, problem.is_panic());
        }
    }

    /// A post that told nothing: it may have been sent.
    fn lost(&self, claims: Vec<Claim>, panicked: bool) {
        if panicked {
            error!(delivery = claims[0].delivery, "a post panicked; please report this");
        }
        let attempt = lost(&claims[0], panicked);
        let policy = self.endpoints.of(&claims[0]).map(|known| known.subscription.policy.clone());
        for report in judged(claims, &attempt, &policy.unwrap_or_default()) {
            let verdict = if panicked { report.verdict } else { Verdict::Retry(Duration::ZERO) };
            self.outcomes.send(Report { verdict, ..report });
        }
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

/// Completes the grace time after a stop was asked for.
async fn grace_over(mut stop: Stop, grace: Duration) {
    stop.wait().await;
    tokio::time::sleep(grace).await;
}
