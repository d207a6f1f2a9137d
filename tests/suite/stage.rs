//! What a test of the relay plays on: a database with the outbox, a subscriber over mTLS, and the
//! certificates of both.

#![allow(unreachable_pub, reason = "public towards the test files; a test binary exports nothing")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    Authority, Cluster, Database, Outboxd, Output, Receiver, ReceiverOptions, RelayProcess, shared,
    write_identity,
};

/// Longer than anything here takes on a laden machine.
pub const SOON: Duration = Duration::from_secs(30);

/// The names by which the receivers are reached.
pub const LOCAL: [&str; 2] = ["localhost", "127.0.0.1"];

/// Settings of a subscription whose failures are tried again at once, however many there are.
pub const HASTY: &str = "backoff_base => '1 ms', backoff_cap => '1 ms', breaker_after => 1000";

/// Most tests change rows behind the relay's back, which nobody rings for; `--poll-ms` overrules it.
const LOOKS_OFTEN: [(&str, &str); 1] = [("OUTBOXD_POLL_MS", "20")];

/// A database with one watched table (`orders`, events `Order.*`) and one receiver that knows our client
/// certificate.
pub struct Stage {
    /// The database; `postgres` owns all of it.
    pub db: Database,
    /// Signs the receiver's certificate and our own.
    pub authority: Authority,
    /// The subscriber, over mutual TLS.
    pub receiver: Receiver,
    home: TempDir,
    relays: AtomicU32,
}

impl Stage {
    /// On the cluster that all tests share.
    pub fn new(hint: &str) -> Self {
        Self::on(shared(), hint)
    }

    /// On a cluster of the test's own.
    pub fn on(cluster: &Cluster, hint: &str) -> Self {
        let db = cluster.database(hint);
        let migrated = outboxd().run(&["migrate", "--database-url", &db.url()], &[]);
        assert_eq!(migrated.code, 0, "{}", migrated.stderr);
        db.psql(
            "create table orders (id bigint primary key, note text, total numeric, detail jsonb); \
             select outbox.watch('orders', 'Order')",
        );
        let authority = Authority::new("stage authority");
        let options = ReceiverOptions::mutual(authority.server(&LOCAL), &authority.pem());
        let receiver = Receiver::start(&options);
        let home = tempfile::tempdir().unwrap();
        write_identity(home.path(), "default", Some(&authority.client("relay")), Some(&authority.pem()));
        Self { db, authority, receiver, home, relays: AtomicU32::new(0) }
    }

    /// The folder of identities; `default` shows the certificate of `relay` and trusts the stage's authority.
    pub fn identities(&self) -> &Path {
        self.home.path()
    }

    /// Subscribes the stage's receiver to everything; `settings` are further arguments of
    /// `outbox.subscribe()`.
    pub fn subscribe(&self, settings: &str) -> i64 {
        self.subscribe_url(&self.receiver.url("/hook"), settings)
    }

    /// Subscribes a URL to everything.
    pub fn subscribe_url(&self, url: &str, settings: &str) -> i64 {
        let comma = if settings.is_empty() { "" } else { ", " };
        let id = self.db.psql(&format!("select outbox.subscribe('acme', '*', '{url}'{comma}{settings})"));
        id.parse().unwrap()
    }

    /// The signing secret that the subscriber holds.
    pub fn secret(&self, subscription: i64) -> String {
        self.db.psql(&format!("select outbox.signing_secret({subscription})"))
    }

    /// Publishes `n` events whose data are `{"n": 1}` and so on.
    pub fn emit(&self, n: usize) {
        self.db.psql(&format!(
            "select count(outbox.emit('Order.Update', jsonb_build_object('n', i))) \
             from generate_series(1, {n}) i"
        ));
    }

    /// Starts a relay.
    pub fn relay(&self) -> RelayProcess {
        self.relay_with(&[])
    }

    /// Starts a relay with further arguments; the last of two equal ones would be refused.
    pub fn relay_with(&self, arguments: &[&str]) -> RelayProcess {
        let number = self.relays.fetch_add(1, Ordering::Relaxed) + 1;
        let name = format!("relay {number}");
        let url = self.db.url();
        let mut all = self.arguments(&url);
        all.extend(["--name", &name]);
        all.extend(arguments);
        outboxd().spawn(&all, &LOOKS_OFTEN)
    }

    /// Runs a relay that drains and exits.
    pub fn once(&self) -> Output {
        let url = self.db.url();
        let mut all = self.arguments(&url);
        all.push("--once");
        outboxd().run(&all, &LOOKS_OFTEN)
    }

    fn arguments<'a>(&'a self, url: &'a str) -> Vec<&'a str> {
        let identities = self.identities().to_str().unwrap();
        vec!["run", "--database-url", url, "--identities", identities]
    }

    /// Waits until no delivery is open.
    #[track_caller]
    pub fn wait_until_drained(&self) {
        self.db.wait_until("select not exists (select from outbox.delivery)", SOON);
    }

    /// Waits for so many rows in the ledger, and returns all there are, in the order of recording.
    #[track_caller]
    pub fn wait_for_attempts(&self, n: usize) -> Vec<Value> {
        self.db.wait_until(&format!("select count(*) >= {n} from outbox.attempt"), SOON);
        self.attempts()
    }

    /// The ledger, in the order of recording; each row an object with the columns of `outbox.attempt`.
    pub fn attempts(&self) -> Vec<Value> {
        let rows = self.db.psql("select coalesce(json_agg(a order by a.id), '[]') from outbox.attempt a");
        serde_json::from_str(&rows).unwrap()
    }

    /// Makes every open delivery due: the clock's stand-in when a test does not want to wait for a lease to
    /// end.
    pub fn end_leases(&self) {
        self.db.psql("update outbox.delivery set due_at = clock_timestamp()");
    }

    /// What a query returns, as a number.
    #[track_caller]
    pub fn count(&self, from: &str) -> usize {
        self.db.psql(&format!("select count(*) from {from}")).parse().unwrap()
    }
}

/// The binary under test.
pub fn outboxd() -> Outboxd {
    Outboxd::new(&PathBuf::from(env!("CARGO_BIN_EXE_outboxd")))
}

/// A column of a ledger row as text; empty when it is null.
pub fn text<'a>(row: &'a Value, column: &str) -> &'a str {
    row[column].as_str().unwrap_or_default()
}
