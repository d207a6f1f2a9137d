//! The life of the listening session: opened, tried out, looked after, opened again. What is done with the doorbell is
//! the claimer's business.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::Settings;
use super::doorbell;
use super::rings::Rings;
use crate::schedule::Backoff;
use crate::store::{Bell, BellError};

/// Between two looks at the session at most, so that a path that went dead is noticed within 15 s: this, and the 5 s that
/// an answer may take.
const HEARTBEAT_MAX: Duration = Duration::from_secs(10);
/// Between two looks of a relay that does not keep the bell, at most: nobody else may keep it.
const HEARTBEAT_OF_OTHERS: Duration = Duration::from_secs(2);
/// Between two looks at least.
const HEARTBEAT_MIN: Duration = Duration::from_secs(1);
/// Between tries to get the session back.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Between tries when nothing is heard: a pooler does not change its mind soon.
const UNHEARD_PAUSES: (Duration, Duration) = (Duration::from_secs(30), Duration::from_mins(5));

/// What the claimer knows of the bell.
#[derive(Clone, Default)]
pub(super) struct Hearing {
    /// The session; `None` while there is none that hears.
    pub(super) session: Option<Arc<Bell>>,
    /// Whether this relay keeps the bell.
    pub(super) keeper: bool,
    /// Why commits do not ring.
    pub(super) silence: Option<String>,
}

impl Hearing {
    /// What there is of the bell, for the rule.
    pub(super) fn bell(&self) -> doorbell::Bell {
        match (&self.session, &self.silence, self.keeper) {
            (Some(_), None, true) => doorbell::Bell::Kept,
            (Some(_), None, false) => doorbell::Bell::Heard,
            _ => doorbell::Bell::None,
        }
    }

    /// For people, in `outbox.relay`.
    pub(super) fn in_words(&self) -> String {
        let word = self.bell().as_str();
        self.silence.as_ref().map_or_else(|| word.to_owned(), |silence| format!("{word}: {silence}"))
    }

    fn without(silence: String) -> Self {
        Self { session: None, keeper: false, silence: Some(silence) }
    }

    fn differs(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.session.as_ref(), other.session.as_ref());
        (ours.map(Arc::as_ptr), self.keeper, &self.silence)
            != (theirs.map(Arc::as_ptr), other.keeper, &other.silence)
    }
}

pub(super) struct Listener {
    settings: Arc<Settings>,
    /// Is told of every ring.
    rings: Arc<Rings>,
    hearing: watch::Sender<Hearing>,
    failures: u32,
}

impl Listener {
    pub(super) fn new(settings: Arc<Settings>, rings: Arc<Rings>) -> (Self, watch::Receiver<Hearing>) {
        let (hearing, receiver) = watch::channel(Hearing::default());
        (Self { settings, rings, hearing, failures: 0 }, receiver)
    }

    /// For ever; it ends by being dropped, and the session with it.
    pub(super) async fn run(mut self) {
        loop {
            let problem = match self.listen().await {
                Ok(never) => match never {},
                Err(problem) => problem,
            };
            self.tell(Hearing::without(problem.to_string()));
            // Once at first, then once a minute or so.
            if self.failures.is_multiple_of(12) {
                warn!(tries = self.failures + 1, "no doorbell, looking for work at short pauses: {problem}");
            }
            self.failures += 1;
            let (base, cap) = if matches!(problem, BellError::Unheard) { UNHEARD_PAUSES } else { PAUSES };
            let ceiling = Backoff::new(base, cap).unwrap_or(Backoff::DEFAULT).ceiling(self.failures);
            tokio::time::sleep(ceiling.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        }
    }

    /// One session, from its opening to its end.
    async fn listen(&mut self) -> Result<Infallible, BellError> {
        let Settings { database, listen, .. } = &*self.settings;
        let Some(listen) = listen else { return std::future::pending().await };
        let nonce = format!("test {:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        let rings = Arc::clone(&self.rings);
        let rung = move || rings.one();
        let bell = Arc::new(Bell::open(listen, database, &nonce, rung).await?);
        let pause = self.settings.poll.clamp(HEARTBEAT_MIN, HEARTBEAT_MAX);
        let mut keeper = false;
        loop {
            let beat = bell.heartbeat(keeper).await?;
            if self.failures > 0 {
                info!("the doorbell is back");
                self.failures = 0;
            }
            if beat.keeper && !keeper {
                debug!("this relay keeps the doorbell");
            }
            keeper = beat.keeper;
            if keeper && beat.silence.is_some() {
                // Nobody rings: so nobody need ask whether to.
                bell.disarm().await?;
            }
            self.tell(Hearing { session: Some(Arc::clone(&bell)), keeper, silence: beat.silence });
            let pause = if keeper { pause } else { pause.min(HEARTBEAT_OF_OTHERS) };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // The next heartbeat says what is wrong, or opens another when the session was given up.
                () = bell.lost() => return Err(BellError::Lost),
            }
        }
    }

    /// Tells the claimer, if it is news.
    fn tell(&self, now: Hearing) {
        if let (None, Some(silence)) = (&self.hearing.borrow().silence, &now.silence)
            && now.session.is_some()
        {
            warn!("commits do not ring, looking for work at short pauses: {silence}");
        }
        self.hearing.send_if_modified(|known| {
            let news = known.differs(&now);
            if news {
                *known = now;
            }
            news
        });
    }
}
