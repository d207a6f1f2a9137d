//! Relays behind `PgBouncer` in transaction mode, among others whose sessions they share.

use std::collections::HashSet;
use std::time::Duration;

use outboxd::conninfo::Conninfo;
use outboxd::store::Store;

use crate::installed::installed;
use crate::installing::{expect_code, expect_text, on};
use crate::stage::{SOON, Stage, outboxd};
use crate::support::{Database, Pgbouncer, RelayProcess, shared};

/// What a relay sets for its own statements.
const SETTINGS: &str = "select current_setting('statement_timeout'), current_setting('lock_timeout'), \
    current_setting('idle_in_transaction_session_timeout'), current_setting('synchronous_commit'), \
    current_setting('default_transaction_isolation'), current_setting('default_transaction_read_only')";

/// What others leave behind in a session: with each of these a relay's statement would fail or not last.
const LEFT_BEHIND: &str = "set statement_timeout = '1s'; set synchronous_commit = off; \
    set default_transaction_read_only = on; set default_transaction_isolation = 'serializable'; set lock_timeout = 0";

/// A relay of the stage that reaches its database through the pooler.
fn relay_through(pooler: &Pgbouncer, stage: &Stage, name: &str) -> RelayProcess {
    let url = pooler.database(&stage.db).tcp_url();
    let identities = stage.identities().to_str().unwrap().to_owned();
    let options = ["run", "--database-url", &url, "--identities", &identities, "--no-listen", "--name", name];
    outboxd().spawn(&options, &[])
}

/// What the relay logged that is not well.
fn complaints(relay: &RelayProcess) -> Vec<String> {
    let bad = |line: &String| [" WARN ", " ERROR "].iter().any(|level| line.contains(level));
    relay.lines().into_iter().filter(bad).collect()
}

/// Errors that the server logged for one database.
fn errors_in(db: &Database) -> Vec<String> {
    let of_ours = format!("@{} ", db.name());
    let bad = |line: &&str| {
        line.contains(&of_ours) && ["ERROR:", "FATAL:", "WARNING:"].iter().any(|word| line.contains(word))
    };
    shared().log().lines().filter(bad).map(str::to_owned).collect()
}

#[tokio::test]
async fn relays_share_sessions_with_others_and_neither_notices() {
    let stage = Stage::new("pooled");
    stage.db.psql(&format!("alter database {} set lock_timeout = '7s'", stage.db.name()));
    stage.subscribe("concurrency => 32");
    let pooler = Pgbouncer::start(shared(), 2, "");
    let shared_db = pooler.database(&stage.db);
    let relays: Vec<_> =
        ["one", "two", "three"].iter().map(|name| relay_through(&pooler, &stage, name)).collect();
    stage.db.wait_until_async("select count(*) = 3 from outbox.relay", SOON).await;
    for round in 0..10 {
        stage.emit(100);
        // A writer behind the pooler, as applications are.
        let rows = format!("insert into orders select {round} * 10 + i from generate_series(1, 10) i");
        assert_eq!(shared_db.psql(&format!("{SETTINGS}; {rows}")), "0|7s|0|on|read committed|off");
    }
    stage.receiver.wait_for(1100, SOON);
    stage.wait_until_drained();
    // Both sessions of the pool, at once.
    let (one, two) = (shared_db.tcp_session().await, shared_db.tcp_session().await);
    let settings = format!("begin; select pg_backend_pid(); {SETTINGS}");
    let (first, second) = (one.query_text(&settings).await, two.query_text(&settings).await);
    let (first, second) = (first.split_once('\n').unwrap(), second.split_once('\n').unwrap());
    assert_ne!(first.0, second.0);
    assert_eq!((first.1, second.1), ("0|7s|0|on|read committed|off", "0|7s|0|on|read committed|off"));
    one.execute("rollback").await;
    two.execute("rollback").await;
    assert_eq!(
        (stage.receiver.count(), stage.count("outbox.attempt where outcome = 'delivered'")),
        (1100, 1100)
    );
    let sessions = "pg_stat_activity where datname = current_database() and application_name like 'outboxd%'";
    assert!(stage.count(sessions) <= 2);
    for relay in &relays {
        assert_eq!(complaints(relay), [""; 0]);
    }
    drop(relays);
    assert_eq!(errors_in(&stage.db), [""; 0]);
}

#[test]
fn what_others_leave_in_a_session_does_not_reach_a_relay() {
    let stage = Stage::new("pooled_leaks");
    stage.db.psql(
        "create table seen (durable text, isolation text);
         create function slow() returns trigger language plpgsql as $$ begin
             perform pg_sleep(1.1); return null; end $$;
         create trigger slow after update on outbox.delivery for each statement execute function slow();
         create function note() returns trigger language plpgsql as $$ begin
             insert into public.seen values (current_setting('synchronous_commit'), current_setting('transaction_isolation'));
             return null; end $$;
         create constraint trigger note after update on outbox.delivery deferrable initially deferred
             for each row execute function note()",
    );
    stage.subscribe("");
    let pooler = Pgbouncer::start(shared(), 1, "");
    pooler.database(&stage.db).psql(LEFT_BEHIND);
    let relay = relay_through(&pooler, &stage, "tidy");
    stage.db.wait_until("select count(*) = 1 from outbox.relay", SOON);
    stage.emit(5);
    stage.receiver.wait_for(5, SOON);
    stage.wait_until_drained();
    // At the commit of the claim.
    assert_eq!(stage.db.psql("select distinct * from seen"), "on|read committed");
    assert_eq!(complaints(&relay), [""; 0]);
    let left = pooler.database(&stage.db).psql("show statement_timeout; show synchronous_commit");
    assert_eq!(left, "1s\noff", "the relay was in the session that others had set up");
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_no_transaction_open() {
    let db = installed("given_up");
    let info = Conninfo::resolve(Some(&db.url()), &|_| None).unwrap();
    let store = Box::pin(Store::open(&info, "given up")).await.unwrap();
    let holder = db.session().await;
    holder.execute("begin; lock table outbox.relay").await;
    let of_the_store =
        "from pg_stat_activity where application_name = 'outboxd given up' and datname = current_database()";
    let waiting = format!("select wait_event_type = 'Lock' {of_the_store}");
    tokio::select! {
        _ = store.report("r", "h", "0", "", Duration::from_secs(1)) => panic!("the table is locked"),
        () = db.wait_until_async(&waiting, SOON) => {}
    }
    holder.execute("rollback").await;
    db.wait_until_async(&format!("select state = 'idle' {of_the_store}"), SOON).await;
    assert_eq!(db.psql("select name from outbox.relay"), "r", "it was committed all the same");
    store.report("r", "h", "1", "", Duration::from_secs(1)).await.unwrap();
    assert_eq!(db.psql("select release from outbox.relay"), "1");
}

#[test]
fn sessions_killed_under_the_pooler_lose_nothing() {
    let stage = Stage::new("pooled_kill");
    stage.subscribe("concurrency => 8");
    let pooler = Pgbouncer::start(shared(), 2, "server_login_retry = 1");
    let relays = [relay_through(&pooler, &stage, "one"), relay_through(&pooler, &stage, "two")];
    stage.db.wait_until("select count(*) = 2 from outbox.relay", SOON);
    for _round in 0..10 {
        stage.emit(100);
        stage.db.psql(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity
             where datname = current_database() and client_port > 0 and pid <> pg_backend_pid()",
        );
        // Leases of claims whose session died before they were told.
        stage
            .db
            .psql("update outbox.delivery set due_at = clock_timestamp() where due_at > clock_timestamp()");
    }
    stage.db.wait_until(
        "with due as (update outbox.delivery set due_at = clock_timestamp() where due_at > clock_timestamp() + '1 s' \
         returning 1) select not exists (select from due) and not exists (select from outbox.delivery)",
        SOON,
    );
    let ids: HashSet<_> = stage
        .receiver
        .requests()
        .iter()
        .map(|request| request.header("webhook-id").unwrap().to_owned())
        .collect();
    assert_eq!((ids.len(), stage.count("outbox.attempt where outcome = 'delivered'")), (1000, 1000));
    assert!(relays.iter().all(RelayProcess::is_running));
    assert_eq!(
        stage.count(
            // Between two messages of one transaction it shows for a moment.
            "pg_stat_activity where state like 'idle in transaction%' and datname = current_database() \
             and state_change < clock_timestamp() - interval '1 s'"
        ),
        0
    );
}

#[test]
fn installing_and_removing_through_a_pooler_is_refused_and_checking_is_not() {
    let db = shared().database("pooled_migrate");
    for (size, settings) in [(1, ""), (2, ""), (3, "server_round_robin = 1")] {
        let pooler = Pgbouncer::start(shared(), size, settings);
        let shared_db = pooler.database(&db);
        let migrate =
            |arguments: &[&str]| outboxd().run(arguments, &[("DATABASE_URL", &shared_db.tcp_url())]);
        let refused = migrate(&["migrate"]);
        expect_code(1, &refused);
        expect_text(&refused.stderr, "goes through a pooler in transaction mode");
        assert_eq!(db.psql("select to_regnamespace('outbox') is null"), "t");
        expect_code(0, &on(&db, &["migrate"]));
        expect_code(0, &migrate(&["migrate", "--check"]));
        expect_code(1, &migrate(&["uninstall"]));
        expect_code(0, &on(&db, &["uninstall"]));
    }
}

#[test]
fn a_relay_waits_for_a_pooler_that_cannot_reach_the_server() {
    let stage = Stage::new("pooled_away");
    stage.subscribe("");
    let pooler = Pgbouncer::start(shared(), 2, "server_login_retry = 1");
    let relay = relay_through(&pooler, &stage, "patient");
    stage.db.wait_until("select count(*) = 1 from outbox.relay", SOON);
    let name = stage.db.name();
    let admin = shared().admin();
    admin.psql(&format!("alter database {name} with allow_connections false"));
    admin.psql(&format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"));
    relay.wait_for_line("WARN", SOON);
    admin.psql(&format!("alter database {name} with allow_connections true"));
    stage.emit(5);
    stage.receiver.wait_for(5, SOON + Duration::from_secs(15));
    assert!(relay.is_running());
}

/// LISTEN succeeds there, and nothing ever comes; and what a session sets, locks or listens to would be the next client's.
#[test]
fn a_relay_that_listens_through_a_pooler_says_so_and_leaves_nothing_behind() {
    let stage = Stage::new("pooled_listen");
    stage.subscribe("");
    let pooler = Pgbouncer::start(shared(), 2, "");
    let url = pooler.database(&stage.db).tcp_url();
    let relay = stage.relay_with(&["--poll-ms", "60000", "--listen-url", &url]);
    relay.wait_for_line("does not arrive at the listening session", SOON);
    stage.emit(3);
    stage.receiver.wait_for(3, SOON);
    let shared_db = pooler.database(&stage.db);
    let left = "select count(*) from pg_listening_channels(); show synchronous_commit; \
        select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database \
            where datname = current_database()) and classid <> 'outbox.turn'::regclass::oid";
    assert_eq!(shared_db.psql(left), "0\non\n0");
}
