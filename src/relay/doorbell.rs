//! When to look for work, and when it is safe to sleep until somebody rings. A rule: no I/O, no clock of its own.
//!
//! # Why
//! NOTIFY takes a lock that all notifying commits of the cluster share, and holds it while the commit is flushed. So a
//! writer rings only when a relay sleeps. `outbox.doorbell` says so: a sequence, because its value is outside
//! transactions. The writer's half is in `sql/functions/ring.sql`: *after* it has inserted its deliveries, and so has a
//! transaction id, it reads the flag, and rings when that is armed.
//!
//! # How a relay falls asleep
//! It listens already. Then
//!
//! 1. [`Step::Arm`]: it sets the flag, in a transaction of its own, whatever the flag says already.
//! 2. [`Step::Horizon`]: in a later transaction it takes a *new* transaction id, the horizon.
//! 3. [`Step::Look`] and [`Step::Claim`], at growing pauses, until every transaction below the horizon has ended.
//! 4. The claim *after* that look is the last one. When it finds nothing, the relay sleeps.
//!
//! # Why no wake-up is lost
//! Take a delivery that the last claim did not see: its transaction ended after that claim's snapshot, so after the look
//! that let it be the last. Its id is therefore not below the horizon. Ids are handed out in order, so it got its id
//! after the horizon was taken, and so after the flag was set; and it read the flag after it had its id. It read "armed",
//! rang, and what it rang is heard, because the relay listened before it armed.
//!
//! Each part is needed. Without 1 writers read "not armed". Armed only when it looks disarmed: the keeper before this one may
//! have disarmed just after the look. With the horizon taken before the flag is set, or taken from a snapshot
//! (`pg_snapshot_xmax` is the latest *ended* id and one), it may be below a running writer that read "not armed". Without 3
//! such a writer commits while the relay sleeps. Without 4 it commits between the last claim and the look. When the
//! writer reads the flag before its insert, it has no id yet when it reads "not armed", and gets one above the horizon.
//! `tests/suite/interleaving.rs` plays all of it against Postgres, with each part and without.
//!
//! # Not always
//! A relay that is out of work for a moment is not out of work: at ten thousand commits a second, arming each time makes
//! every third commit ring. So while work comes often, found or announced, the flag is not armed, and the relay looks for
//! [`LINGER`] before it arms, and longer when arming turned out to be too early. When work is rare it stays armed even
//! when it has found some: such commits do not get into each other's way.
//!
//! A row that somebody has locked is passed over by a claim, and its lock may end without a commit. A relay whose claim failed
//! rings the others for that; what else locks deliveries is found at the next look.
//!
//! Of several relays one keeps the bell: of them it alone disarms, and whatever it does with the flag it answers for by claiming.
//! The others listen. A relay that has no bell, or whose database does not ring, looks at pauses of
//! [`PAUSES_WITHOUT_BELL`].

use std::time::Duration;

use tokio::time::Instant;

/// How long a keeper looks for more before it arms, while work comes often. Arming at once made 30 to 48 % of commits ring
/// at full load, this 0.04 %.
pub const LINGER: Duration = Duration::from_millis(20);
/// It lingers twice as long whenever it armed and had to disarm within [`CALM`], up to this: writers that queue for
/// NOTIFY are slow for a while even after the flag has gone.
const LINGER_MAX: Duration = Duration::from_secs(2);
/// Armed for longer than this, the bell was worth it.
const CALM: Duration = Duration::from_secs(1);
/// Between two looks while lingering at most.
const LINGER_PAUSE_MAX: Duration = Duration::from_millis(20);
/// Work comes often when this or less lies between two finds, on average, or three times what a durable claim takes, up to
/// [`OFTEN_MAX`]. Below a hundred commits a second the price of NOTIFY is not felt on a fast disk; on a slow one commits
/// that ring come no faster than it flushes, however many writers wait.
const OFTEN: Duration = Duration::from_millis(10);
const OFTEN_MAX: Duration = Duration::from_millis(50);
/// A gap counts as no longer than this, so that the average forgets a quiet night within a few finds.
const GAP_MAX: Duration = Duration::from_millis(100);
/// Between two looks while lingering: the first, then twice that, and so on.
const LINGER_PAUSE: Duration = Duration::from_millis(1);
/// Between two looks while transactions below the horizon run: the first, then twice that, up to the poll floor.
const HORIZON_PAUSE: Duration = Duration::from_millis(2);
/// Between two looks when nobody rings, from just after work to idle.
pub const PAUSES_WITHOUT_BELL: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));
/// Rings that led to nothing put off the next look, by so much more each time and at most five times that: anybody may
/// NOTIFY.
const FALSE_RING_PAUSE: Duration = Duration::from_millis(1);

/// What a relay has of the bell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bell {
    /// Nothing: it does not listen, or nobody rings.
    None,
    /// It listens; another relay keeps the bell, or will in a moment.
    Heard,
    /// It listens and keeps the bell.
    Kept,
}

impl Bell {
    /// The word in metrics and in `outbox.relay.doorbell`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Heard => "heard",
            Self::Kept => "kept",
        }
    }
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Look for work; answer with [`Doorbell::claimed`].
    Claim,
    /// Set the flag, in a transaction of its own; answer with [`Doorbell::armed`].
    Arm,
    /// Take a new transaction id; answer with [`Doorbell::horizon`].
    Horizon,
    /// Has every transaction below this id ended? Answer with [`Doorbell::looked`].
    Look(u64),
    /// Clear the flag; answer with [`Doorbell::disarmed`].
    Disarm,
    /// Nothing until then, or until [`Doorbell::rung`] or [`Doorbell::look_now`].
    Wait(Instant),
}

/// How far a keeper has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The flag is not armed, as far as this relay knows.
    Awake,
    /// It has found work that comes often: the flag has to go.
    Disarming,
    /// The flag is armed.
    Armed,
    /// Writers below the horizon may have read "not armed".
    Horizon { id: u64, looked: Option<bool>, pause: Duration },
    /// Everybody who commits rings.
    Asleep,
}

/// The rule for one relay.
#[derive(Debug)]
pub struct Doorbell {
    /// The longest pause between two looks in any case: for what no protocol covers.
    floor: Duration,
    bell: Bell,
    phase: Phase,
    /// When to claim next.
    next: Instant,
    /// The pause before that, where pauses grow.
    pause: Duration,
    /// When there was work the last time.
    active_at: Option<Instant>,
    /// Since when work is announced: before that, other relays may have had plenty.
    armed_at: Option<Instant>,
    /// Average time between two of those.
    gap: Duration,
    /// What a claim takes that is flushed to disk, on average.
    flush: Duration,
    /// How long to linger.
    linger: Duration,
    /// Nobody knows what the flag says: the keeper before this one may have left it armed.
    unsure: bool,
    false_rings: u32,
    /// Rings since the last claim.
    rings: u32,
}

impl Doorbell {
    /// A relay that has no bell yet and looks at once; `floor` is the longest pause between two looks.
    #[must_use]
    pub fn new(floor: Duration, now: Instant) -> Self {
        Self {
            floor,
            bell: Bell::None,
            phase: Phase::Awake,
            next: now,
            pause: Duration::ZERO,
            active_at: None,
            armed_at: None,
            gap: GAP_MAX,
            flush: Duration::ZERO,
            linger: LINGER,
            unsure: true,
            false_rings: 0,
            rings: 0,
        }
    }

    /// What the relay has of the bell now. What it knew of the flag is void when that has changed, and it looks at once:
    /// whatever rang before it listened is not heard.
    pub fn set_bell(&mut self, bell: Bell, now: Instant) {
        self.bell = bell;
        self.phase = Phase::Awake;
        self.unsure = true;
        self.look_now(now);
    }

    /// What the relay has of the bell.
    #[must_use]
    pub fn bell(&self) -> Bell {
        self.bell
    }

    /// Whether commits ring, as far as this relay is concerned.
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        self.phase == Phase::Asleep
    }

    /// Whether the relay sleeps when the next claim finds nothing.
    #[must_use]
    pub fn is_last_claim(&self) -> bool {
        matches!(self.phase, Phase::Horizon { looked: Some(true), .. })
    }

    /// What to do now.
    #[must_use]
    pub fn next(&self, now: Instant) -> Step {
        if self.phase == Phase::Disarming {
            return Step::Disarm;
        }
        match self.phase {
            Phase::Armed => Step::Horizon,
            Phase::Awake if self.bell == Bell::Kept && !self.lingers(now) && self.next > now => Step::Arm,
            Phase::Horizon { id, looked: None, .. } if self.next <= now => Step::Look(id),
            _ if self.next <= now => Step::Claim,
            _ => Step::Wait(self.next),
        }
    }

    /// The flag is set.
    pub fn armed(&mut self, now: Instant) {
        self.phase = Phase::Armed;
        self.unsure = false;
        self.armed_at = Some(now);
    }

    /// The new transaction id.
    pub fn horizon(&mut self, id: u64, now: Instant) {
        self.phase = Phase::Horizon { id, looked: None, pause: HORIZON_PAUSE };
        self.next = now;
    }

    /// Whether every transaction below the horizon has ended.
    pub fn looked(&mut self, ended: bool) {
        if let Phase::Horizon { looked, .. } = &mut self.phase {
            *looked = Some(ended);
        }
    }

    /// The flag is cleared.
    pub fn disarmed(&mut self) {
        self.phase = Phase::Awake;
        self.unsure = false;
    }

    /// A claim that found something took so long, its flush included.
    pub fn took(&mut self, took: Duration) {
        self.flush = (self.flush * 7 + took * 3) / 10;
    }

    /// All slots are taken, so nothing is claimed: whoever rings does so in vain.
    pub fn is_full(&mut self, now: Instant) {
        let rings = std::mem::take(&mut self.rings);
        if rings > 0 {
            self.active(rings, now);
        }
    }

    /// A claim was made.
    pub fn claimed(&mut self, found: bool, now: Instant) {
        if found {
            self.found(now);
        } else {
            self.found_nothing(now);
        }
    }

    /// Whether the next look is so far ahead that it is worth asking what becomes due before it.
    #[must_use]
    pub fn rests(&self, now: Instant) -> bool {
        self.next > now + LINGER
    }

    /// Somebody rang.
    pub fn rung(&mut self, now: Instant) {
        self.rings = self.rings.saturating_add(1);
        self.look_before(now + FALSE_RING_PAUSE * self.false_rings.min(5));
    }

    /// There may be work, for another reason than a commit.
    pub fn look_now(&mut self, now: Instant) {
        self.pause = Duration::ZERO;
        self.next = now;
    }

    /// As [`Self::look_now`], but at that time.
    pub fn look_before(&mut self, at: Instant) {
        self.next = self.next.min(at);
    }

    /// Work comes often, and the last came just now.
    fn lingers(&self, now: Instant) -> bool {
        self.is_busy() && self.active_at.is_some_and(|at| now.duration_since(at) < self.linger)
    }

    fn is_busy(&self) -> bool {
        self.gap <= (self.flush * 3).clamp(OFTEN, OFTEN_MAX)
    }

    /// There was work: found, or announced by a ring and taken by another relay.
    fn active(&mut self, rings: u32, now: Instant) {
        let since = self.active_at.max(self.armed_at);
        let times = rings.clamp(1, 100);
        let gap = since.map_or(GAP_MAX, |at| now.duration_since(at).min(GAP_MAX)) / times;
        for _ in 0..times {
            self.gap = (self.gap * 7 + gap * 3) / 10;
        }
        self.active_at = Some(now);
        if self.bell != Bell::Kept || !self.is_busy() || self.phase == Phase::Disarming {
            return;
        }
        if self.phase != Phase::Awake {
            let calm = self.armed_at.is_none_or(|at| now.duration_since(at) > CALM);
            self.linger = if calm { LINGER } else { (self.linger * 2).min(LINGER_MAX) };
        }
        if self.phase != Phase::Awake || self.unsure {
            self.phase = Phase::Disarming;
        }
    }

    fn found(&mut self, now: Instant) {
        self.false_rings = 0;
        self.look_now(now);
        let rings = std::mem::take(&mut self.rings);
        self.active(rings, now);
    }

    fn found_nothing(&mut self, now: Instant) {
        let rings = std::mem::take(&mut self.rings);
        if rings > 0 {
            self.false_rings = self.false_rings.saturating_add(1);
            self.active(rings, now);
        } else {
            self.false_rings = 0;
        }
        let lingers = self.lingers(now);
        let pause = match &mut self.phase {
            Phase::Horizon { looked: Some(true), .. } => {
                self.phase = Phase::Asleep;
                self.floor
            }
            Phase::Horizon { looked, pause, .. } => {
                *looked = None;
                let this = *pause;
                *pause = (*pause * 2).min(self.floor);
                this
            }
            _ if self.bell == Bell::None => {
                let (first, last) = PAUSES_WITHOUT_BELL;
                (self.pause * 2).clamp(first, last)
            }
            Phase::Awake | Phase::Disarming if lingers => {
                (self.pause * 2).clamp(LINGER_PAUSE, LINGER_PAUSE_MAX)
            }
            _ => self.floor,
        };
        self.pause = pause.min(self.floor);
        self.next = now + self.pause;
    }
}

#[cfg(test)]
mod tests;
