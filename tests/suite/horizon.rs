//! How much longer, and who is in the way: the rate of the backlog, and who holds the xmin horizon.

use crate::ring::{SOON, emit, ring};
use crate::support::{Cluster, ClusterOptions, Database};

const RATE: &str = "select subscription, open, rate, eta from outbox.backlog order by 1";

#[test]
fn backlog_says_how_long_it_takes_at_the_last_minutes_rate() {
    let db = ring("rate");
    db.psql("select outbox.subscribe('b', 'A', 'https://b.com/')");
    emit(&db, 10);
    assert_eq!(db.psql(RATE), "1|10|0|\n2|10|0|", "nothing has ended: nobody can say");
    // Four of the first's end: delivered, dead, cancelled; a failed attempt ends nothing.
    db.psql(
        "create function done(d bigint, o text, age interval) returns void language sql as $$
             with gone as (delete from outbox.delivery where id = d and o is not null)
             insert into outbox.attempt (slot, delivery, attempt, subscription, event_slot, event_id, started_at,
                 class, outcome,
                 duration_ms)
             select outbox.slot(now() - age), id, 1, subscription, event_slot, event_id, now() - age - interval '5
                 s', 'rejected', o,
                 5000 from outbox.delivery where id = d $$;
         create table ids as select row_number() over (order by id) n, id from outbox.delivery where subscription = 1;
         select done(id, 'delivered', '3 minutes') from ids where n = 1;
         select done(id, 'delivered', '61 s') from ids where n = 2;
         select done(id, 'delivered', '40 s') from ids where n = 3;
         select done(id, 'dead', '30 s') from ids where n = 4;
         select done(id, 'cancelled', '2 s') from ids where n = 5;
         select done(id, null, '1 s') from ids where n in (6, 7)",
    );
    let seen =
        "select subscription, open, round(rate, 0), to_char(eta, 'HH24:MI') from outbox.backlog order by 1";
    assert_eq!(db.psql(seen), "1|5|3|00:01\n2|10|0|");
}

#[test]
fn a_busy_minute_is_read_as_far_as_it_is_worth() {
    let db = ring("rate_busy");
    emit(&db, 1);
    // 150,000 endings, 5,000 a second for 30 s, and 50,000 old ones below them.
    db.psql(
        "insert into outbox.attempt (slot, delivery, attempt, subscription, event_slot, event_id, started_at, \
            duration_ms, class, outcome)
         select outbox.slot(at), n, 1, 1, 0, n, at, 0, 'delivered', 'delivered'
         from (select n, now() - interval '30 s' - case when n <= 50000 then interval '1 h' else '0' end
             + (n - 50000) * interval '200 us' as at from generate_series(1, 200000) n) x;
         analyze outbox.attempt",
    );
    assert_eq!(db.psql("select rate between 60000 and 301000 from outbox.backlog"), "t", "{}", db.psql(RATE));
    let plan = db.psql("explain (analyze, timing off, costs off) select * from outbox.backlog");
    let read: f64 = plan
        .lines()
        .filter(|line| line.contains("attempt_") && line.contains("(actual"))
        .map(|line| {
            let number = |word: &str| -> f64 {
                let rest = line.split(word).nth(1).unwrap();
                rest.split([' ', ')']).next().unwrap().parse().unwrap()
            };
            number("rows=") * number("loops=")
        })
        .sum();
    assert!(read < 110_000.0, "{read} rows read\n{plan}");
    let scanned =
        plan.lines().find(|line| line.contains("Seq Scan on attempt_") && !line.contains("(never executed)"));
    assert!(scanned.is_none(), "{plan}");
}

#[test]
fn whoever_looks_an_event_up_reads_its_leaf_and_the_kept_one_only() {
    let db = ring("pruned");
    emit(&db, 50);
    db.psql("select settle_all(null); analyze");
    let event = "select event_type from outbox.delivery_history where event_id = 7";
    for query in [event, "select oldest_at from outbox.backlog"] {
        let plan = db.psql(&format!(
            "set enable_hashjoin = off; set enable_seqscan = off; set enable_material = off; \
             explain (analyze, timing off, costs off) {query}"
        ));
        let leaf = |line: &&str| line.contains(" on event_") && !line.contains("never executed");
        let read: Vec<_> = plan.lines().filter(leaf).collect();
        assert!(read.len() <= 2, "{read:#?}");
    }
}

/// Each row without what differs from run to run.
fn holders(db: &Database) -> String {
    db.psql(
        "select kind, regexp_replace(who, '[0-9]{3,}', 'N', 'g'), since is not null, transactions >= 0, holds from \
            outbox.oldest_xmin \
         where who !~ 'psql' order by transactions desc, kind",
    )
}

#[tokio::test]
async fn oldest_xmin_names_everybody_who_holds_it_and_nobody_else() {
    let cluster = Cluster::start(&ClusterOptions {
        conf: vec!["max_prepared_transactions = 5".into(), "wal_level = logical".into()],
        ..ClusterOptions::default()
    });
    let db = cluster.database("oldest");
    crate::installed::migrate(&db);
    let elsewhere = cluster.database("elsewhere");
    assert_eq!(holders(&db), "");
    // Oldest first: each begins after the one before, with a transaction in between.
    let tick = || db.psql("select pg_current_xact_id()");
    let writer = db.session().await;
    writer.execute("set application_name = 'shop'; begin; select pg_current_xact_id(), 'hush'").await;
    tick();
    db.psql("begin; select pg_current_xact_id(); prepare transaction 'forgotten'");
    tick();
    let other = elsewhere.session().await;
    other.execute("begin; select pg_current_xact_id()").await;
    tick();
    elsewhere.psql("begin; select pg_current_xact_id(); prepare transaction 'theirs'");
    let (idle, reader) = (db.session().await, elsewhere.session().await);
    // Neither matters here: an idle one without snapshot, and one that only reads elsewhere.
    idle.execute("begin; select 1").await;
    reader.execute("begin isolation level repeatable read; select 1").await;
    let seen = holders(&db);
    let expected = format!(
        "session|pid N of postgres in {0}, shop, idle in transaction|t|t|vacuum, doorbell\n\
         prepared transaction|forgotten of postgres in {0}|t|t|vacuum, doorbell\n\
         session|pid N of postgres in {1}, idle in transaction|t|t|doorbell\n\
         prepared transaction|theirs of postgres in {1}|t|t|doorbell",
        db.name(),
        elsewhere.name()
    );
    assert_eq!(seen, expected);
    for (remedy, left) in [("session", 3), ("prepared transaction", 2)] {
        let sql = db.psql(&format!(
            "select regexp_replace(remedy, '.*(: commit prepared .*),.*|.*or: ', '\\1') from outbox.oldest_xmin where \
                kind = '{remedy}' limit 1"
        ));
        db.psql(sql.trim_start_matches(": "));
        db.wait_until(&format!("select count(*) = {left} from outbox.oldest_xmin where who !~ 'psql'"), SOON);
    }
    other.execute("commit").await;
    elsewhere.psql("rollback prepared 'theirs'");
    db.psql("select pg_create_logical_replication_slot('unread', 'pgoutput')");
    // One that only reads, in this database: vacuum waits for it, the doorbell does not.
    let snapshot = db.session().await;
    snapshot.execute("begin isolation level repeatable read; select 1").await;
    let seen = holders(&db);
    assert!(seen.contains("replication slot|unread, unused|f|t|vacuum of system catalogs"), "{seen}");
    assert!(
        seen.contains(&format!("session|pid N of postgres in {}, idle in transaction|t|t|vacuum", db.name())),
        "{seen}"
    );
    assert!(!db.psql("select x::text from outbox.oldest_xmin x").contains("hush"));
    db.psql("select pg_drop_replication_slot('unread')");
}
