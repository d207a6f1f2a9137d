//! The relay: claims due deliveries, has them sent, has their outcomes recorded. It decides; `store` and `delivery` do.
//!
//! Four tasks, each with a database session of its own, so that none waits for another's statement: `claimer` (what to
//! start), `settler` (what came of it), `housekeeper` (what nobody wants or needs any more; one relay at a time),
//! `listener` (who rings). [`doorbell`], `scheduler` with `limits`, `batch` and `verdict` are the decisions alone, without I/O.

mod batch;
mod bellkeeper;
mod claimer;
mod custodian;
pub mod doorbell;
mod endpoints;
mod housekeeper;
mod limits;
mod link;
mod listener;
mod measurer;
mod outcomes;
mod rings;
mod scheduler;
mod sending;
mod settler;
mod underway;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{error, info};

use crate::conninfo::Conninfo;
use crate::delivery::{Dialler, Guard, Named, Pool};
use crate::health::Health;
use crate::identity::Identities;
use crate::metrics::Metrics;
use crate::secrets::Secrets;
use crate::shutdown::Stop;
use crate::store::OpenError;
use bellkeeper::Bellkeeper;
use claimer::Claimer;
use housekeeper::Housekeeper;
use link::Link;
use listener::Listener;
pub use outcomes::Counts;
use outcomes::Outcomes;
use rings::Rings;
use settler::Settler;

/// What a relay is told at its start.
pub struct Settings {
    /// Where the database is.
    pub database: Conninfo,
    /// Where to listen: the same database, not through a transaction pooler; `None` to look at short pauses instead.
    pub listen: Option<Conninfo>,
    /// Certificates by name.
    pub identities: Identities,
    /// Secrets by name.
    pub secrets: Secrets,
    /// URLs by name.
    pub named: Named,
    /// What it may connect to.
    pub guard: Guard,
    /// Its name in `outbox.relay`, `delivery.leased_by` and `attempt.relay`.
    pub name: String,
    /// The machine it runs on, for people.
    pub host: String,
    /// The longest pause between two looks for work, whoever rings.
    pub poll: Duration,
    /// POSTs at a time in all.
    pub in_flight_max: usize,
    /// How long POSTs under way may go on after a stop was asked for.
    pub grace: Duration,
    /// Stop when nothing is due any more.
    pub once: bool,
    /// Whether anybody can ask for the backlog: measuring it costs the database something.
    pub measure: bool,
    /// Where it counts.
    pub metrics: Metrics,
    /// Where it notes how it is doing.
    pub health: Health,
}

/// How long recording the last outcomes may take in any case, when the posts have used up the grace time.
const RECORDING: Duration = Duration::from_secs(2);

/// How much longer than the posts the housekeeper may take to give back its duty.
const LEAVING: Duration = Duration::from_millis(500);

/// Why a relay ended otherwise than asked.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The database could not be used at the start.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A statement failed in a run that was to drain and exit.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// Outcomes are lost: their deliveries come again.
    #[error(
        "{0} outcomes could not be recorded before the end; their deliveries will be repeated with the same webhook-id"
    )]
    Unrecorded(usize),
}

/// Runs a relay until `stop`, or with `once` until nothing is due.
///
/// # Errors
/// With `once`, when the database cannot be used. Otherwise it waits for the database for as long as it takes, and only
/// outcomes that could not be recorded at the end are an error.
pub async fn run(settings: Settings, stop: Stop) -> Result<Counts, RelayError> {
    let settings = Arc::new(settings);
    let pool = Arc::new(Pool::new(Dialler::new(settings.guard.clone())));
    let link = |job| Link::new(&settings, job);
    let (outcomes, reports) = Outcomes::channel(&settings);
    let health = settings.health.clone();
    settings.metrics.in_flight_max(settings.in_flight_max);
    let settler = Settler::new(link("settle"), settings.name.clone(), outcomes.clone(), settings.once);
    let settler = tokio::spawn({
        let health = health.clone();
        async move { health.beating("settle", settler.run(reports)).await }
    });
    let rings = Arc::new(Rings::new(settings.metrics.clone()));
    let (listener, hearing) = Listener::new(Arc::clone(&settings), Arc::clone(&rings));
    let housekeeper = Housekeeper::new(
        link("housekeeping"),
        Arc::clone(&settings),
        Arc::clone(&pool),
        Arc::clone(&rings),
        hearing.clone(),
    );
    let listening = (!settings.once).then(|| {
        let health = health.clone();
        tokio::spawn(async move { health.beating("listen", listener.run()).await })
    });
    let handle = listening.as_ref().map(JoinHandle::abort_handle);
    let bell = Bellkeeper::new(hearing, rings, settings.metrics.clone(), handle);
    let claimer =
        Claimer::new(link("claim"), Arc::clone(&settings), pool, outcomes.clone(), bell, stop.clone());

    let (end, result) = if settings.once {
        housekeeper.once().await?;
        claimer.run().await
    } else {
        let mut keeping = tokio::spawn({
            let health = health.clone();
            async move { health.beating("housekeeping", housekeeper.run(stop)).await }
        });
        let ended = health.beating("claim", claimer.run()).await;
        if timeout(LEAVING, &mut keeping).await.is_err() {
            keeping.abort();
        }
        health.retire("listen");
        health.retire("housekeeping");
        ended
    };
    // The claimer and its posts are gone: the settler has all reports, and ends when they are recorded.
    outcomes.close();
    if timeout_at(end.max(Instant::now() + RECORDING), settler).await.is_err() {
        error!(pending = outcomes.pending(), "the database did not take the last outcomes in time");
    }
    result?;
    let counts = outcomes.counts();
    info!(
        delivered = counts.delivered,
        retrying = counts.retrying,
        dead = counts.dead,
        expired = counts.expired,
        cancelled = counts.cancelled,
        "stopped"
    );
    match outcomes.unrecorded() {
        0 => Ok(counts),
        unrecorded => Err(RelayError::Unrecorded(unrecorded)),
    }
}
