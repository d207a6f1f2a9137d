//! What the benchmarks with a relay stand on: a Postgres that writes through to its disk, the schema, certificates, relays.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::support::{
    Authority, Cluster, ClusterOptions, Database, Duplex, Outboxd, Output, RawReceiver, Receiver,
    ReceiverOptions, RelayProcess, TlsOptions, write_identity,
};

/// Longer than anything should take.
pub(crate) const SOON: Duration = Duration::from_mins(1);

pub(crate) struct Bench {
    pub(crate) cluster: Cluster,
    pub(crate) database: Database,
    pub(crate) files: tempfile::TempDir,
    authority: Authority,
    outboxd: Outboxd,
}

impl Bench {
    /// Starts Postgres with fsync on and installs the schema.
    pub(crate) fn set(outboxd: &Path, name: &str) -> Self {
        let files = tempfile::tempdir().expect("a temporary folder");
        let authority = Authority::new("bench CA");
        write_identity(files.path(), "default", Some(&authority.client("outboxd")), Some(&authority.pem()));
        let cluster = Cluster::start(&ClusterOptions {
            fsync: true,
            conf: vec!["shared_buffers = '256MB'".to_owned(), "max_wal_size = '4GB'".to_owned()],
            ..ClusterOptions::default()
        });
        let database = cluster.database(name);
        let outboxd = Outboxd::new(outboxd);
        let url = database.url();
        assert_eq!(outboxd.run(&["migrate"], &[("DATABASE_URL", url.as_str())]).code, 0, "migrate works");
        Self { cluster, database, files, authority, outboxd }
    }

    /// A subscriber that wants the relay's certificate and records when requests arrive.
    pub(crate) fn receiver(&self) -> Receiver {
        Receiver::start(&ReceiverOptions::mutual(
            self.authority.server(&["localhost"]),
            &self.authority.pem(),
        ))
    }

    /// A subscriber that does what the script says with each connection.
    pub(crate) fn raw_receiver(&self, script: fn(&mut dyn Duplex)) -> RawReceiver {
        RawReceiver::start(Some(&TlsOptions::new(self.authority.server(&["localhost"]))), script)
    }

    /// One that takes HTTP/2 too, and counts requests alone.
    pub(crate) fn receiver_of_both(&self) -> Receiver {
        let tls =
            TlsOptions::new(self.authority.server(&["localhost"])).require_client(&self.authority.pem());
        Receiver::start(&ReceiverOptions::tls(tls.http2()).counting_only())
    }

    /// Runs a relay that drains and exits.
    pub(crate) fn once(&self, within: Duration) -> Output {
        let (url, identities) = (self.database.url(), self.files.path().display().to_string());
        let arguments = ["run", "--once", "--log", "warn", "--identities", &identities];
        self.outboxd.run_within(&arguments, &[("DATABASE_URL", url.as_str())], within)
    }

    /// Starts a relay that logs problems only.
    pub(crate) fn relay(&self, options: &[&str]) -> RelayProcess {
        let (url, identities) = (self.database.url(), self.files.path().display().to_string());
        let mut arguments = vec!["run", "--log", "info", "--grace-s", "0", "--identities", &identities];
        arguments.extend(options);
        let relay = self.outboxd.spawn(&arguments, &[("DATABASE_URL", url.as_str())]);
        relay.wait_for_line("running", SOON);
        relay
    }

    /// Until a relay has armed the doorbell and found nothing more to do: its next claim is a poll away.
    pub(crate) fn asleep(&self) {
        self.database.wait_until("select last_value = 1 from outbox.doorbell", SOON);
        self.database.wait_until(
            "select not exists (select from outbox.delivery) and not exists (select from pg_stat_activity \
             where application_name like 'outboxd %' and backend_type = 'client backend' \
             and (state <> 'idle' or clock_timestamp() - state_change < interval '300 ms'))",
            SOON,
        );
    }
}

/// Stops relays, all at once.
pub(crate) fn stop(relays: Vec<RelayProcess>) {
    for relay in &relays {
        relay.signal("TERM");
    }
    for relay in relays {
        relay.wait(SOON);
    }
}

/// CPU time of a process since its start, in milliseconds, all threads: by the scheduler's own clock, since a relay that idles
/// for a minute takes a few of the ticks of 10 ms in which `/proc/PID/stat` has the same.
pub(crate) fn cpu_ms(pid: u32) -> Option<f64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let nanoseconds = threads.map(|thread| {
        let stat = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        stat.split_whitespace().next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<Option<f64>>().map(|sum| sum / 1e6)
}
