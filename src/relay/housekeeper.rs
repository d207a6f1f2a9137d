//! What is done now and then: being seen, idle connections; and by one relay for all of them, while it holds the duty: ended
//! subscriptions, old leaves of the ring, what was kept and has had its time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, timeout};
use tracing::{debug, info};

use super::custodian::Custodian;
use super::link::Link;
use super::listener::Hearing;
use super::measurer::Measurer;
use super::rings::Rings;
use super::{RelayError, Settings};
use crate::delivery::Pool;
use crate::shutdown::Stop;
use crate::store::{Store, StoreError, Turn};

/// Between two rounds. With nothing to do, one costs two short statements.
const ROUND: Duration = Duration::from_secs(10);
/// After so long without the database, what was measured is forgotten.
const AWAY: Duration = Duration::from_secs(15);
/// Between two looks for subscriptions that are off when it is woken.
const LOOK: Duration = Duration::from_secs(1);
/// A round may hang for as long as a statement may take, 30 s, and the duty is still ours.
const LEASE: Duration = Duration::from_secs(40);
/// Between two looks for leaves that are due. A leaf has a day to be emptied.
const TURN: Duration = Duration::from_mins(1);
/// Between two looks at what is kept: they read all of it, and nothing is in a hurry there.
const PURGE: Duration = Duration::from_hours(1);
/// How long taking leave may hold up a stop.
const LEAVING: Duration = Duration::from_millis(500);

pub(super) struct Housekeeper {
    link: Link,
    settings: Arc<Settings>,
    pool: Arc<Pool>,
    rings: Arc<Rings>,
    hearing: watch::Receiver<Hearing>,
    next_turn: Instant,
    next_purge: Instant,
    on_duty: bool,
}

impl Housekeeper {
    /// When somebody rings it looks for subscriptions that are off, but not more often than [`LOOK`].
    pub(super) fn new(
        link: Link,
        settings: Arc<Settings>,
        pool: Arc<Pool>,
        rings: Arc<Rings>,
        hearing: watch::Receiver<Hearing>,
    ) -> Self {
        let now = Instant::now();
        Self { link, settings, pool, rings, hearing, next_turn: now, next_purge: now, on_duty: false }
    }

    /// Round after round until `stop`; then it is seen that the relay ends, and another may have the duty.
    pub(super) async fn run(mut self, stop: Stop) {
        tokio::select! {
            () = wait(stop) => {}
            () = self.rounds() => {}
        }
        if let Some(store) = self.link.at_hand() {
            // The lease would run out by itself, and the relay be missed.
            let _ = timeout(LEAVING, store.leave(&self.settings.name, &self.settings.host)).await;
        }
    }

    /// What a run that drains and exits does of it.
    pub(super) async fn once(mut self) -> Result<(), RelayError> {
        let store = self.link.open().await?;
        store.cancel_gone(Duration::MAX).await?;
        store.keep_subscriptions(Duration::MAX).await?;
        let end = Instant::now() + ROUND;
        empty_leaves(store, end).await?;
        purge_old(store, end).await?;
        Ok(())
    }

    async fn rounds(&mut self) {
        let mut ticks = tokio::time::interval(ROUND);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let rings = Arc::clone(&self.rings);
        let mut measurer = Measurer::new(Arc::clone(&self.settings));
        let mut custodian = Custodian::new(Arc::clone(&self.settings), Arc::clone(&self.pool));
        let (mut identities, pool) = (self.settings.identities.watch(), Arc::clone(&self.pool));
        let mut next_look = Instant::now();
        let mut hearing = self.hearing.clone();
        loop {
            let news = async {
                match hearing.changed().await {
                    // Whoever is woken for something else meanwhile must not have taken note of it.
                    Ok(()) => hearing.mark_changed(),
                    Err(_) => std::future::pending().await,
                }
                tokio::time::sleep_until(next_look).await;
            };
            let woken = async {
                rings.for_housekeeper().await;
                tokio::time::sleep_until(next_look).await;
            };
            let certificates = async {
                tokio::select! {
                    // They never end: the settings hold them.
                    _ = identities.changed() => {}
                    () = pool.peers().news() => {}
                }
            };
            tokio::select! {
                _ = ticks.tick() => {
                    self.pool.sweep();
                    custodian.look();
                    if timeout(AWAY, self.link.wait()).await.is_err() {
                        // What was measured last is not so now.
                        measurer.forget();
                    }
                    self.round().await;
                    measurer.measure(&mut self.link).await;
                    custodian.report(&mut self.link).await;
                }
                () = certificates => {
                    custodian.look();
                    if self.link.at_hand().is_some() {
                        custodian.report(&mut self.link).await;
                    }
                }
                () = woken, if self.on_duty => self.look().await,
                // What it has of the doorbell is shown soon, not a round later. Waiting for a database that is away is
                // the rounds' part.
                () = news => {
                    hearing.mark_unchanged();
                    if self.link.at_hand().is_some() {
                        self.round().await;
                    }
                }
            }
            next_look = Instant::now() + LOOK;
        }
    }

    /// What cannot wait for the next round: a subscription may have been removed, paused or disabled.
    async fn look(&mut self) {
        let result = keep_subscriptions(self.link.wait().await).await;
        if let Err(problem) = result {
            self.link.failed(&problem);
        }
    }

    async fn round(&mut self) {
        let begun = Instant::now();
        let (turn, purge) = (begun >= self.next_turn, begun >= self.next_purge);
        let settings = Arc::clone(&self.settings);
        let store = self.link.wait().await;
        let doorbell = self.hearing.borrow().in_words();
        // What fails is not tried again in the next round: a statement that takes too long once does so again.
        self.next_turn = if turn { begun + TURN } else { self.next_turn };
        self.next_purge = if purge { begun + PURGE } else { self.next_purge };
        match keep(store, &settings, &doorbell, turn, purge).await {
            Ok(done) => {
                self.link.worked();
                self.on_duty = done.on_duty;
                if turn && !done.turned {
                    self.next_turn = begun;
                }
                if purge && !done.purged {
                    self.next_purge = begun;
                }
            }
            Err(problem) => {
                self.on_duty = false;
                self.link.failed(&problem);
            }
        }
    }
}

async fn wait(mut stop: Stop) {
    stop.wait().await;
}

/// What a round brought to its end.
#[derive(Default)]
struct Done {
    on_duty: bool,
    turned: bool,
    purged: bool,
}

/// One round, and no longer than it takes until the next is due: what is left is done then.
async fn keep(
    store: &Store,
    settings: &Settings,
    doorbell: &str,
    turn: bool,
    purge: bool,
) -> Result<Done, StoreError> {
    let end = Instant::now() + ROUND;
    let Settings { name, host, .. } = settings;
    if !store.report(name, host, env!("CARGO_PKG_VERSION"), doorbell, LEASE).await? {
        return Ok(Done::default());
    }
    keep_subscriptions(store).await?;
    let turned = turn && empty_leaves(store, end).await?;
    let purged = purge && purge_old(store, end).await?;
    Ok(Done { on_duty: true, turned, purged })
}

async fn keep_subscriptions(store: &Store) -> Result<(), StoreError> {
    let cancelled = store.cancel_gone(ROUND).await?;
    if cancelled > 0 {
        info!(cancelled, "cancelled deliveries of ended subscriptions");
    }
    let skipped = store.keep_subscriptions(ROUND).await?;
    if skipped > 0 {
        info!(skipped, "skipped deliveries of paused and disabled subscriptions");
    }
    Ok(())
}

/// Step by step, each leaf that is in somebody's way once; true when nothing is left to do now.
async fn empty_leaves(store: &Store, end: Instant) -> Result<bool, StoreError> {
    let (mut skip, mut moved, mut soon) = (Vec::new(), 0, false);
    while Instant::now() < end {
        match store.turn_ring(&skip).await? {
            Turn::Nothing | Turn::Later(None, _) => return Ok(!soon),
            Turn::Moving(rows) => moved += rows,
            Turn::Emptied(leaf) => {
                info!(leaf, moved = std::mem::take(&mut moved), "emptied a leaf of the ring");
            }
            Turn::Later(Some(leaf), why) => {
                debug!(leaf, why, "a leaf of the ring is emptied later; outbox.turn says what is in its way");
                // Transactions that it waits for end sooner than locks that people hold.
                soon |= why == "waiting";
                skip.push(leaf);
            }
        }
    }
    Ok(false)
}

async fn purge_old(store: &Store, end: Instant) -> Result<bool, StoreError> {
    while Instant::now() < end {
        let purged = store.purge_old().await?;
        if purged.is_nothing() {
            return Ok(true);
        }
        let (letters, events, attempts, keys) = (purged.letters, purged.events, purged.attempts, purged.keys);
        info!(letters, events, attempts, keys, "purged what was kept and has had its time");
    }
    Ok(false)
}
