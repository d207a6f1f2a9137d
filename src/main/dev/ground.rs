//! Where `outboxd dev` plays: in a server made for it, or in a database that is there and stays.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use outboxd::conninfo::Conninfo;
use outboxd::dev::{self, Database};
use outboxd::model::SeenRelay;
use outboxd::store::{Leftovers, PAUSE_ALL, StoreError, Workbench};
use outboxd::throwaway::{Folder, Login, Options, Server, Surroundings};
use outboxd::{config, database, schema};

use tokio::time::{Interval, MissedTickBehavior, interval};

use super::guard::Guard;
use super::load::Load;
use crate::connection::require_direct;
use crate::run::host_name;

/// Names the directory of the server's programs.
const PROGRAMS: &str = "OUTBOXD_PG_BIN";

/// How the name of the folder begins.
const PREFIX: &str = "outboxd-dev-";

/// How long ago a relay may have been seen that counts as there: three times as long as between two signs of its life.
const SEEN: f64 = 30.0;

/// Between two looks for a server that does not answer, and for how long one of ours is looked for.
const LOOK: Duration = Duration::from_millis(200);
const LOOKS: u32 = 50;

/// Between two looks for other relays.
const COMPANY: Duration = Duration::from_secs(5);

/// Where it plays.
pub(super) struct Ground {
    pub(super) info: Conninfo,
    /// Who subscribes, and the relay's name.
    pub(super) name: String,
    /// The identity that leads to our receiver, where another relay could come by.
    pub(super) identity: Option<String>,
    /// A session that stays: its end is how we hear of the server's.
    pub(super) workbench: Workbench,
    place: Place,
    /// When to look for other relays, and of which we have spoken.
    looks: Interval,
    told: HashSet<String>,
}

/// What one must know of the place.
pub(super) enum News {
    /// A relay came.
    Relay(SeenRelay),
    /// There is nothing to play on any more, for this reason.
    Gone(anyhow::Error),
}

enum Place {
    Throwaway { server: Arc<Server>, psql: String, loads: Vec<Load> },
    Existing { folder: Folder, url: String, guard: Option<Guard>, deliver_all: bool },
}

impl Ground {
    fn new(
        info: Conninfo,
        name: String,
        identity: Option<String>,
        workbench: Workbench,
        place: Place,
    ) -> Self {
        let mut looks = interval(COMPANY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { info, name, identity, workbench, place, looks, told: HashSet::new() }
    }

    pub(super) async fn open(asked: &Database) -> Result<Self> {
        let surroundings = Surroundings::new(std::env::vars_os(), PROGRAMS);
        match asked {
            Database::Throwaway { port, load } => throwaway(surroundings, *port, load.clone()).await,
            Database::Existing { url, deliver_all } => open_existing(&surroundings, url, *deliver_all).await,
        }
    }

    /// The folder for certificates.
    pub(super) fn folder(&self) -> &Folder {
        match &self.place {
            Place::Throwaway { server, .. } => server.folder(),
            Place::Existing { folder, .. } => folder,
        }
    }

    /// How to get in with psql, where the user cannot know.
    pub(super) fn psql(&self) -> Option<&str> {
        match &self.place {
            Place::Throwaway { psql, .. } => Some(psql),
            Place::Existing { .. } => None,
        }
    }

    /// Where the database is, for messages.
    pub(super) fn at(&self) -> String {
        match &self.place {
            Place::Throwaway { server, .. } => format!("127.0.0.1:{}", server.port()),
            Place::Existing { .. } => self.info.describe(),
        }
    }

    /// Runs the files that were given.
    pub(super) async fn load(&mut self) -> Result<()> {
        if let Place::Throwaway { loads, .. } = &mut self.place {
            for load in loads.drain(..) {
                load.run().await?;
            }
        }
        Ok(())
    }

    /// Refuses what is in the way of a relay here. A dump may have brought subscriptions too, but no relay.
    pub(super) async fn require_free(&self) -> Result<()> {
        let (relays, deliver_all) = match &self.place {
            Place::Throwaway { .. } => (Vec::new(), false),
            Place::Existing { deliver_all, .. } => (self.other_relays().await?, *deliver_all),
        };
        let mut others = self.workbench.others(&self.name).await?;
        // We have the lock: whoever else developed here is gone, and what is left of them is removed, but not before we stay.
        others.retain(|other| !other.subscriber.starts_with(dev::PREFIX));
        match dev::obstacle(&relays, &others, deliver_all, PAUSE_ALL) {
            Some(obstacle) => bail!("{}: {obstacle}", self.at()),
            None => Ok(()),
        }
    }

    /// Relays for more than development that were seen here just now; none can come into a database of ours.
    pub(super) async fn other_relays(&self) -> Result<Vec<SeenRelay>, StoreError> {
        if matches!(self.place, Place::Throwaway { .. }) {
            return Ok(Vec::new());
        }
        let mut relays = self.workbench.relays(SEEN).await?;
        relays.retain(|relay| !relay.name.starts_with(dev::PREFIX));
        Ok(relays)
    }

    /// From now on whatever is left here is removed, however we end.
    pub(super) fn watch_over(&mut self) -> Result<()> {
        if let Place::Existing { url, guard, .. } = &mut self.place {
            *guard = Some(Guard::start(url, &self.name)?);
        }
        Ok(())
    }

    /// Waits for what one must know of the place.
    pub(super) async fn news(&mut self) -> News {
        loop {
            tokio::select! {
                () = self.workbench.lost() => {
                    if let Err(problem) = self.come_back().await {
                        return News::Gone(problem);
                    }
                }
                _ = self.looks.tick() => {
                    let looked = self.other_relays().await.unwrap_or_default();
                    if let Some(relay) = looked.into_iter().find(|relay| !self.told.contains(&relay.name)) {
                        return News::Relay(relay);
                    }
                }
            }
        }
    }

    /// No news any more.
    pub(super) fn told(&mut self, relay: SeenRelay) {
        self.told.insert(relay.name);
    }

    /// Opens another session in place of the one that was lost.
    async fn come_back(&mut self) -> Result<()> {
        let mut refused = 0;
        for look in 0.. {
            if let Place::Throwaway { server, .. } = &self.place
                && (look == LOOKS || !tokio::task::block_in_place(|| server.is_running()))
            {
                let log = server.log();
                let lines: Vec<&str> = log.lines().collect();
                let last = lines[lines.len().saturating_sub(5)..].join("\n");
                bail!("the throw-away Postgres has ended; its last words:\n{last}");
            }
            if let Ok(workbench) = Workbench::open(&self.info).await {
                let ours = match &self.place {
                    Place::Throwaway { .. } => Ok(true),
                    // The server may not have noticed yet that our former session has ended.
                    Place::Existing { .. } => workbench.hold().await,
                };
                match ours {
                    Ok(true) => {
                        self.workbench = workbench;
                        return Ok(());
                    }
                    Ok(false) if refused == LOOKS => {
                        bail!("{}: another `outboxd dev` took over while the connection was lost", self.at())
                    }
                    Ok(false) => refused += 1,
                    Err(_) => {}
                }
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Takes everything away, and says what became of it.
    pub(super) async fn end(self) -> Result<String> {
        let Self { workbench, place, .. } = self;
        drop(workbench);
        match place {
            Place::Throwaway { server, .. } => {
                let place = server.folder().path().display().to_string();
                let removed = tokio::task::spawn_blocking(move || server.remove()).await?;
                if !removed {
                    bail!(
                        "{place} could not be removed: pg_ctl stop -D {place}/data, if it runs, and remove it by hand"
                    );
                }
                Ok("Postgres, its data and the certificates are gone".to_owned())
            }
            Place::Existing { folder, guard, .. } => {
                let cleaned = tokio::task::spawn_blocking(move || {
                    let cleaned = guard.map(|mut guard| guard.clean_up()).transpose();
                    let removed = folder.remove();
                    cleaned.map(|cleaned| (cleaned, removed))
                });
                let (removed, _) = cleaned.await??;
                Ok(removed.unwrap_or_else(|| "no subscription was made yet".to_owned()))
            }
        }
    }
}

async fn throwaway(surroundings: Surroundings, port: Option<u16>, files: Vec<PathBuf>) -> Result<Ground> {
    let password = Login::random_password().context("/dev/urandom cannot be read")?;
    let (place, url) = tokio::task::spawn_blocking(move || {
        let options = Options {
            prefix: PREFIX.to_owned(),
            port,
            login: Login::Password(password.clone()),
            conf: Vec::new(),
            hba: Vec::new(),
            tls: None,
        };
        let server = Arc::new(Server::start(&surroundings, &options)?);
        let load = |file| Load::new(&server, &surroundings, &password, file);
        let loads = files.into_iter().map(load).collect::<Result<_>>()?;
        let url = server.url("postgres");
        let program = match server.programs().client("psql") {
            Some(path) if !surroundings.finds("psql") => path.display().to_string(),
            _ => "psql".to_owned(),
        };
        let psql = format!("{program} '{url}'");
        anyhow::Ok((Place::Throwaway { server, psql, loads }, url))
    })
    .await??;
    let info = Conninfo::resolve(Some(&url), &|_| None).map_err(|found| anyhow!(found.to_string()))?;
    let workbench = Workbench::open(&info).await?;
    Ok(Ground::new(info, dev::SUBSCRIBER.to_owned(), None, workbench, place))
}

/// The settings for a database that was named; of the environment all but what names another one, or who one is there.
pub(super) fn existing(url: &str) -> Result<Conninfo, config::ConfigError> {
    let variable = |name: &str| if dev::LEADS.contains(&name) { None } else { std::env::var(name).ok() };
    Conninfo::resolve(Some(url), &variable).map_err(|found| config::ConfigError(found.problems))
}

async fn open_existing(surroundings: &Surroundings, url: &str, deliver_all: bool) -> Result<Ground> {
    let info = existing(url)?;
    let connection = database::connect(&info, "dev").await?;
    require_direct(&info, &connection).await?;
    let workbench = Workbench::open(&info).await?;
    if !workbench.hold().await? {
        bail!("{}: another `outboxd dev` works on this database; end it first", info.describe());
    }
    let folder = Folder::make(surroundings, PREFIX)?;
    let host: String = host_name().chars().take(60).collect();
    let process = std::process::id();
    let place = Place::Existing { folder, url: url.to_owned(), guard: None, deliver_all };
    let name = format!("{}{host}:{process}", dev::PREFIX);
    let ground = Ground::new(info, name, Some(dev::identity(process)), workbench, place);
    // Looks first: who is refused has changed nothing.
    if ground.workbench.is_installed().await? {
        schema::require_home(&connection.client).await?;
        ground.require_free().await?;
        ground.workbench.clear(Leftovers::Beginning(dev::PREFIX)).await?;
    }
    Ok(ground)
}
