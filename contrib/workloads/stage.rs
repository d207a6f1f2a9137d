//! What every workload plays on: database, subscribers, relay, certificates.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::guard::Guard;
use crate::support::{
    Authority, Cluster, ClusterOptions, Database, Outboxd, Receiver, ReceiverOptions, RelayProcess,
    write_identity,
};

/// Longer than anything should take.
pub(crate) const SOON: Duration = Duration::from_mins(1);

/// Where all subscribers are.
const HERE: &str = "127.0.0.0/8";

/// What a server needs from its start on, so that later it can be told to log who commits what (see `live`).
const TELLING: [&str; 5] = [
    "logging_collector = on",
    "log_destination = 'jsonlog'",
    "log_timezone = 'UTC'",
    "log_rotation_age = 0",
    "log_rotation_size = '32MB'",
];

/// Where a subscriber listens, and with which client certificate it wants to be met.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    /// The relay's identity. Each has an authority of its own, which no other receiver trusts.
    pub(crate) identity: &'static str,
    /// Whom its client certificate names.
    pub(crate) common_name: &'static str,
}

/// The one subscriber of most workloads.
pub(crate) const DEMO: &[Place] =
    &[Place { name: "demo", path: "/hooks", identity: "default", common_name: "outboxd" }];

/// A subscriber that listens.
pub(crate) struct Station {
    pub(crate) place: Place,
    pub(crate) receiver: Receiver,
}

pub(crate) struct Stage {
    // In this order: the relay's files and the subscribers go before the server they belong to.
    guard: Guard,
    pub(crate) stations: Vec<Station>,
    pub(crate) database: Database,
    pub(crate) cluster: Cluster,
    binary: PathBuf,
    outboxd: Outboxd,
    identities: PathBuf,
    _files: tempfile::TempDir,
}

impl Stage {
    /// Starts Postgres and the subscribers, and installs the schema; `telling` when the timeline is to follow.
    pub(crate) fn set(binary: &Path, telling: bool, places: &[Place]) -> Result<Self, String> {
        let files = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
        let guard = Guard::over(files.path())?;
        let identities = files.path().join("identities");
        let stations = stations(places, &identities);
        let mut conf = if telling { TELLING.map(str::to_owned).to_vec() } else { Vec::new() };
        // Which commit came first.
        conf.push("track_commit_timestamp = on".to_owned());
        // Roles that an example makes come over the socket, which nobody else reaches.
        let hba = vec!["local all all trust".to_owned()];
        let options = ClusterOptions { fsync: true, password: true, conf, hba, ..ClusterOptions::default() };
        let cluster = Cluster::start(&options);
        let database = cluster.database("demo");
        println!("Postgres {} on port {}, to look around in:", cluster.major_version(), cluster.port());
        println!("  psql '{}'", database.tcp_url());
        for station in &stations {
            let name = if station.place.name == "demo" { "" } else { station.place.name };
            println!("Subscriber that wants a client certificate: {} {name}", station.url());
        }
        println!();
        let outboxd = Outboxd::new(binary);
        let url = database.url();
        let output = outboxd.run(&["migrate"], &[("DATABASE_URL", url.as_str())]);
        if output.code != 0 {
            return Err(format!("outboxd migrate failed: {}", output.stderr));
        }
        print!("$ outboxd migrate\n{}", output.stdout);
        let binary = binary.to_owned();
        Ok(Self { guard, stations, database, cluster, binary, outboxd, identities, _files: files })
    }

    /// Starts a relay and waits until it runs.
    pub(crate) fn relay(&self) -> RelayProcess {
        println!("$ outboxd run --identities {} --allow-address {HERE}", self.identities.display());
        let relay = self.start_relay();
        relay.wait_for_line("running", SOON);
        relay
    }

    /// Starts a relay, which goes when we do.
    pub(crate) fn start_relay(&self) -> RelayProcess {
        let (url, identities) = (self.database.url(), self.identities.display().to_string());
        let arguments = ["run", "--allow-address", HERE, "--identities", &identities];
        let relay = self.outboxd.spawn(&arguments, &[("DATABASE_URL", url.as_str())]);
        self.guard.relay(Some(relay.pid()));
        relay
    }

    /// The relay has ended.
    pub(crate) fn relay_is_gone(&self) {
        self.guard.relay(None);
    }

    /// What to paste into a shell for a relay like ours.
    pub(crate) fn relay_line(&self) -> String {
        let (binary, identities) = (self.binary.display(), self.identities.display());
        let url = self.database.tcp_url();
        format!("{binary} run --database-url '{url}' --allow-address {HERE} --identities {identities}")
    }

    /// The subscriber, or the first of several.
    pub(crate) fn receiver(&self) -> &Receiver {
        &self.stations[0].receiver
    }

    /// Subscribes it and returns the signing secret.
    pub(crate) fn subscribe(&self, pattern: &str, options: &str) -> String {
        let url = self.stations[0].url();
        let statement = format!("select outbox.subscribe('demo', '{pattern}', '{url}'{options});");
        println!("demo=# {statement}");
        let id = self.database.psql(&statement);
        self.database.psql(&format!("select outbox.signing_secret({id})"))
    }

    /// Until nothing is open any more.
    pub(crate) fn drained(&self, within: Duration) {
        let nothing_open =
            "select not exists (select from outbox.delivery) and not exists (select from outbox.fan_out)";
        self.database.wait_until(nothing_open, within);
    }
}

impl Station {
    /// Where it is to be reached.
    pub(crate) fn url(&self) -> String {
        self.receiver.url(self.place.path)
    }
}

/// Writes the relay's identities and starts the subscribers that ask for them.
fn stations(places: &[Place], identities: &Path) -> Vec<Station> {
    let mut authorities = BTreeMap::new();
    let start = |place: &Place| {
        let authority = authorities.entry(place.identity).or_insert_with(|| {
            let authority = Authority::new(&format!("{} CA", place.identity));
            let client = authority.client(place.common_name);
            write_identity(identities, place.identity, Some(&client), Some(&authority.pem()));
            authority
        });
        let options = ReceiverOptions::mutual(authority.server(&["localhost"]), &authority.pem());
        Station { place: *place, receiver: Receiver::start(&options) }
    };
    places.iter().map(start).collect()
}
