//! What every workload plays on: database, subscriber, relay, certificates.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::{
    Authority, Cluster, ClusterOptions, Database, Outboxd, Receiver, ReceiverOptions, RelayProcess, Request,
    verify_signature, write_identity,
};

/// Longer than anything should take.
pub(crate) const SOON: Duration = Duration::from_mins(1);

pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    pub(crate) database: Database,
    pub(crate) receiver: Receiver,
    outboxd: Outboxd,
    identities: PathBuf,
    _files: tempfile::TempDir,
}

impl Stage {
    /// Starts Postgres and the subscriber, and installs the schema.
    pub(crate) fn set(outboxd: &Path) -> Result<Self, String> {
        let files = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
        let authority = Authority::new("demo CA");
        let identities = files.path().join("identities");
        write_identity(&identities, "default", Some(&authority.client("outboxd")), Some(&authority.pem()));
        let receiver =
            Receiver::start(&ReceiverOptions::mutual(authority.server(&["localhost"]), &authority.pem()));
        let cluster = Cluster::start(&ClusterOptions { fsync: true, ..ClusterOptions::default() });
        let database = cluster.database("demo");
        println!("Postgres {} on port {}, to look around in:", cluster.major_version(), cluster.port());
        println!("  psql {}", database.tcp_url());
        println!("Subscriber that wants a client certificate: {}\n", receiver.url("/hooks"));
        let outboxd = Outboxd::new(outboxd);
        let url = database.url();
        let output = outboxd.run(&["migrate"], &[("DATABASE_URL", url.as_str())]);
        if output.code != 0 {
            return Err(format!("outboxd migrate failed: {}", output.stderr));
        }
        print!("$ outboxd migrate\n{}", output.stdout);
        Ok(Self { cluster, database, receiver, outboxd, identities, _files: files })
    }

    /// Starts a relay.
    pub(crate) fn relay(&self) -> RelayProcess {
        let (url, identities) = (self.database.url(), self.identities.display().to_string());
        println!("$ outboxd run --identities {identities}");
        let relay =
            self.outboxd.spawn(&["run", "--identities", &identities], &[("DATABASE_URL", url.as_str())]);
        relay.wait_for_line("running", SOON);
        relay
    }

    /// Subscribes the receiver and returns the signing secret.
    pub(crate) fn subscribe(&self, pattern: &str, options: &str) -> String {
        let url = self.receiver.url("/hooks");
        let statement = format!("select outbox.subscribe('demo', '{pattern}', '{url}'{options});");
        println!("demo=# {statement}");
        let id = self.database.psql(&statement);
        self.database.psql(&format!("select outbox.signing_secret({id})"))
    }

    /// Until nothing is open any more.
    pub(crate) fn drained(&self, within: Duration) {
        self.database.wait_until("select not exists (select from outbox.delivery)", within);
    }
}

/// The event that a request carries.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) object_id: String,
    pub(crate) sequence: u64,
    pub(crate) data: serde_json::Value,
    /// From the capture in the writer's transaction to the arrival here; both clocks are this machine's.
    pub(crate) age_ms: f64,
}

impl Event {
    /// Reads a request, after its signature was verified by a library that is not ours.
    pub(crate) fn verified(secret: &str, request: &Request) -> Result<Self, String> {
        verify_signature(secret, request)?;
        if request.peer_common_name.as_deref() != Some("outboxd") {
            return Err("a request came without our client certificate".to_owned());
        }
        let body = request.json();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let arrived =
            request.arrived_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1000.0;
        Ok(Self {
            kind: text("type"),
            object_id: text("object_id"),
            sequence: body["sequence"].as_u64().ok_or("a body has no sequence")?,
            age_ms: arrived - millis(&text("timestamp")).ok_or("a body has no timestamp")?,
            data: body["data"].clone(),
        })
    }
}

/// `2026-01-31T12:00:00.123456Z` within the last day, as milliseconds since 1970: the date is today's or yesterday's, so
/// the time of day is enough.
fn millis(timestamp: &str) -> Option<f64> {
    let time = timestamp.split_once('T')?.1.strip_suffix('Z')?;
    let mut parts = time.split(':').map(str::parse::<f64>);
    let (hours, minutes, seconds) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let of_day = ((hours * 60.0 + minutes) * 60.0 + seconds) * 1000.0;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs_f64() * 1000.0;
    let day = 86_400_000.0;
    let today = (now / day).floor() * day + of_day;
    Some(if today > now + day / 2.0 { today - day } else { today })
}
