//! The ring turns: what has had its time goes, what is needed stays and is found, and nobody has to wait for it.

use std::process::{Command, Stdio};
use std::time::Instant;

use crate::installing::can_dump_or_says_so;
use crate::ring::{SOON, emit, ring};
use crate::support::{Database, shared};

/// Where rows are, one line per leaf that has any.
const PLACES: &str = "select (tableoid::regclass)::text, count(*) from outbox.event group by 1
    union all select (tableoid::regclass)::text, count(*) from outbox.attempt group by 1 order by 1";

/// How many rows of the leaves that were written `days` ago are still there.
fn left(db: &Database, days: u32) -> String {
    db.psql(&format!(
        "select (select count(*) from outbox.event where slot = outbox.slot(noon() - interval '{days} days')), \
         (select count(*) from outbox.attempt where slot = outbox.slot(noon() - interval '{days} days'))"
    ))
}

#[test]
fn what_is_needed_is_kept_and_found_and_the_rest_goes() {
    let db = ring("ring_kept");
    emit(&db, 30);
    // 10 are delivered, 10 dead, 10 wait for their next attempt.
    for (first, outcome) in [(1, "delivered"), (11, "dead"), (21, "")] {
        db.psql(&format!(
            "update outbox.delivery set due_at = clock_timestamp() + case when event_id between {first} and {first} + 9 \
             then interval '-1 s' else '1 day' end; select settle_all(nullif('{outcome}', ''))"
        ));
    }
    let history = "select string_agg(concat_ws(' ', event_id, object, object_id, attempt, class, outcome, webhook_id), ';' \
        order by event_id) from outbox.delivery_history where event_id > 10";
    let before = db.psql(history);
    db.psql("select days_pass(7)");
    let (event, attempt) =
        (db.psql("select leaf from outbox.due_leaves(noon()) limit 1 offset 1"), "attempt_");
    assert!(event.starts_with("event_"), "{event}");
    assert_eq!(
        db.psql("call turn()"),
        format!("{attempt}{0} emptied, event_{0} emptied", event.trim_start_matches("event_"))
    );
    assert_eq!(db.psql(PLACES), "outbox.attempt_kept|20\noutbox.event_kept|20");
    assert_eq!(db.psql("select count(*) from outbox.turn"), "0");
    assert_eq!(db.psql(history), before, "history says what it said");
    assert_eq!(db.psql("select open, oldest_at < now() - interval '6 days' from outbox.backlog"), "10|t");
    let found = "select f.event, f.state, f.object_id, f.attempt, f.data from outbox.event e, outbox.find(e.uid::text) f \
        where e.id in (11, 21) order by 1";
    assert_eq!(db.psql(found), "11|dead|11|1|11\n21|due|21|1|21");
    // A dead one is retried after the turn: the same id, the whole body.
    let id = db.psql("select webhook_id from outbox.delivery_history where event_id = 11");
    assert_eq!(db.psql("select outbox.retry(11)"), id);
    let claimed = db.psql(
        "select delivery, attempt, webhook_id, body::jsonb ->> 'data' from outbox.claim('r', 99, \
        '{}', '{}', 0) where delivery = 11",
    );
    assert_eq!(claimed, format!("11|2|{id}|11"));
    assert_eq!(db.psql("call turn()"), "", "nothing is left to do");
}

#[test]
fn a_leaf_is_due_when_the_last_day_it_was_written_on_is_long_enough_ago() {
    let db = ring("ring_due");
    emit(&db, 1);
    let slot: u32 = db.psql("select slot from outbox.event").parse().unwrap();
    // Hours since the beginning of the day on which it was written; the ring comes round after 8 days of 24.
    let cases: &[(&str, f64, bool)] = &[
        ("6 days", 12.0, false),
        ("6 days", 7.0 * 24.0 - 0.01, false),
        ("6 days", 7.0 * 24.0, true),
        // Ten minutes before it is written again, until ten minutes after.
        ("6 days", 8.0 * 24.0 - 0.2, true),
        ("6 days", 8.0 * 24.0 - 0.1, false),
        ("6 days", 8.0 * 24.0 + 12.0, false),
        ("6 days", 9.0 * 24.0 + 0.1, false),
        ("6 days", 9.0 * 24.0 + 0.2, true),
        ("6 days", 8.0 * 240.0 + 24.0 + 1.0, true),
        ("1 hour", 24.1, false),
        ("1 hour", 25.0, true),
        ("1 hour", 12.0, false),
        ("1 hour 30 minutes", 25.4, false),
        ("1 hour 30 minutes", 25.5, true),
    ];
    for (retention, hours, due) in cases {
        db.psql(&format!("update outbox.setting set retention = '{retention}'"));
        let found = db.psql(&format!(
            "set timezone = 'America/New_York'; select count(*) from outbox.due_leaves(date_trunc('day', now() at \
                time zone 'UTC') \
             at time zone 'UTC' + make_interval(hours => 0, secs => {hours} * 3600))"
        ));
        assert_eq!(found, if *due { "1" } else { "0" }, "{retention}, {hours} h, slot {slot}");
    }
}

#[test]
fn a_leaf_with_the_rows_of_two_days_waits_for_the_younger() {
    let db = ring("ring_two_days");
    emit(&db, 5);
    db.psql("select settle_all('delivered'); select days_pass(8)");
    emit(&db, 5);
    db.psql("select settle_all('delivered'); select days_pass(6)");
    assert_eq!(left(&db, 6), "10|10", "two days share the leaf");
    assert_eq!(db.psql("call turn()"), "");
    db.psql("select days_pass(1)");
    assert!(db.psql("call turn()").contains("emptied"));
    assert_eq!(left(&db, 7), "0|0");
}

#[test]
fn an_attempt_recorded_after_midnight_stays_for_its_leafs_time() {
    let db = ring("ring_midnight");
    emit(&db, 1);
    db.psql("select settle_all('delivered')");
    // It began on the day before the one whose leaf it is in.
    db.psql("update outbox.attempt set started_at = date_trunc('day', started_at) - interval '1 s'");
    assert_eq!(
        db.psql(
            "select written_on - current_date from outbox.due_leaves(noon() + interval '7 days') where \
        leaf ~ 'att'"
        ),
        "0"
    );
    // As one whose outcome could not be recorded for five days; the leaf is not a day older for it.
    db.psql("update outbox.attempt set started_at = started_at - interval '5 days'");
    assert_eq!(
        db.psql(
            "select written_on - current_date from outbox.due_leaves(noon() + interval '7 days') where \
        leaf ~ 'att'"
        ),
        "0"
    );
}

#[test]
fn one_row_from_a_clock_that_stood_wrong_does_not_make_a_leaf_old() {
    let db = ring("ring_clock");
    db.psql("update outbox.setting set retention = '1 hour'");
    emit(&db, 50);
    emit(&db, 1);
    db.psql("select days_pass(1); update outbox.event set occurred_at = occurred_at - interval '8 days' where id = 51");
    assert_eq!(db.psql("select now()::date - written_on from outbox.due_leaves(noon())"), "1");
}

#[tokio::test]
async fn an_idle_writer_holds_up_its_own_leaf_only_and_loses_nothing() {
    let db = ring("ring_writer");
    emit(&db, 3);
    db.psql("select settle_all('delivered'); select days_pass(1)");
    emit(&db, 3);
    db.psql("select settle_all('delivered'); select days_pass(6)");
    // It wrote into the older leaf a week ago and sits there since; another wrote today.
    let writer = db.session().await;
    writer
        .execute(
            "begin; with e as (insert into outbox.event (slot, type, occurred_at, data)
                 values (outbox.slot(noon() - interval '7 days'), 'A', noon() - interval '7 days', '\"late\"') returning slot, id)
             insert into outbox.delivery (subscription, event_slot, event_id) select 1, slot, id from e",
        )
        .await;
    let today = db.session().await;
    today.execute("begin; select outbox.emit('A')").await;
    let begun = Instant::now();
    let said = db.psql("update outbox.setting set retention = '5 days'; call turn()");
    assert!(begun.elapsed() < SOON, "it took {:?}", begun.elapsed());
    assert_eq!(said.matches("emptied").count(), 3, "{said}");
    assert_eq!(said.matches("locked").count(), 1, "{said}");
    assert_eq!(left(&db, 7), "3|0");
    assert_eq!(left(&db, 6), "0|0");
    assert_eq!(
        db.psql("select obstacle ~ 'pg_locks where relation = ''outbox.event_' from outbox.turn"),
        "t"
    );
    writer.execute("commit").await;
    assert_eq!(db.psql("call turn()").matches("emptied").count(), 1);
    assert_eq!(db.psql("select place(event_id) from outbox.delivery"), "outbox.event_kept");
    assert_eq!(db.psql("select body::jsonb ->> 'data' from outbox.claim('r', 10, '{}', '{}', 0)"), "late");
    today.execute("commit").await;
}

#[tokio::test]
async fn a_writer_that_ends_while_the_leaf_is_being_emptied_loses_nothing() {
    let db = ring("ring_late_writer");
    emit(&db, 3);
    db.psql(
        "update outbox.setting set retention = '1 hour'; select settle_all('delivered'); delete from outbox.attempt; \
         select days_pass(3); alter function outbox.turn_ring set lock_timeout = '20s'; \
         alter function outbox.empty_leaf set lock_timeout = '20s'; select outbox.turn_ring(moment => noon())",
    );
    let writer = db.session().await;
    writer
        .execute(
            "begin; with e as (insert into outbox.event (slot, type, occurred_at, data) \
                 values (outbox.slot(noon() - interval '3 days'), 'A', noon() - interval '3 days', '1') returning slot, id) \
             insert into outbox.delivery (subscription, event_slot, event_id) select 1, slot, id from e",
        )
        .await;
    let keeper = db.session().await;
    let pid = keeper.pid();
    let turning = tokio::spawn(async move {
        keeper.query_text("select step from outbox.turn_ring(moment => noon())").await
    });
    db.wait_until_locked_out(pid, SOON).await;
    writer.execute("commit").await;
    assert_eq!(turning.await.unwrap(), "moving", "the last look came after the writer's commit");
    assert!(db.psql("call turn()").ends_with("emptied"));
    assert_eq!(db.psql("select place(event_id) from outbox.delivery"), "outbox.event_kept");
}

#[tokio::test]
async fn a_reader_in_a_transaction_puts_it_off_and_sees_each_row_once() {
    let db = ring("ring_reader");
    emit(&db, 20);
    db.psql("update outbox.setting set retention = '1 hour'; select days_pass(3)");
    let count = "select count(*), count(distinct id) from outbox.event";
    // One has a snapshot and has not looked at the leaf yet, one has a cursor on it.
    let (old, reading) = (db.session().await, db.session().await);
    old.execute("begin isolation level repeatable read; select count(*) from outbox.subscription").await;
    let said = db.psql("call turn()");
    assert!(said.ends_with("waiting"), "{said}");
    assert_eq!(left(&db, 3), "0|0", "moved it is");
    assert_eq!(old.query_text(count).await, "20|20");
    let said = db.psql("call turn()");
    assert!(said.ends_with("waiting"), "{said}");
    assert_eq!(
        db.psql("select obstacle from outbox.turn"),
        "transactions that began before it was ready are still open"
    );
    reading.execute(&format!("begin; {count}")).await;
    old.execute("commit").await;
    assert!(db.psql("call turn()").ends_with("locked"), "read committed: no old snapshot, but a lock");
    assert_eq!(reading.query_text(count).await, "20|20");
    reading.execute("commit").await;
    assert!(db.psql("call turn()").ends_with("emptied"));
    assert_eq!(db.psql(count), "20|20");
}

#[test]
fn a_running_dump_is_not_disturbed_and_disturbs_nobody() {
    if !can_dump_or_says_so(shared(), "a dump while the ring turns") {
        return;
    }
    let db = ring("ring_dump");
    // More than a pipe holds, so that the dump stands still until it is read.
    db.psql("create table big as select n, repeat('x', 100) from generate_series(1, 20000) n");
    emit(&db, 10);
    db.psql(
        "update outbox.setting set retention = '1 hour'; select settle_all('delivered'); select days_pass(3)",
    );
    let mut dump = Command::new(shared().bin("pg_dump"));
    dump.env_clear().args(["--data-only", "--inserts", "-d", &db.url()]).stdout(Stdio::piped());
    let dump = dump.spawn().unwrap();
    db.wait_until(
        "select count(*) > 0 from pg_locks l join pg_stat_activity a using (pid) where a.application_name = 'pg_dump'
             and a.datname = current_database() and l.relation = 'outbox.event_kept'::regclass",
        SOON,
    );
    let said = db.psql("call turn()");
    assert_eq!(said.matches("waiting").count(), 2, "{said}");
    // As a dump that has the locks and began later than the ring was ready.
    db.psql("update outbox.turn set readers = '{}'");
    let begun = Instant::now();
    let said = db.psql("call turn()");
    assert_eq!(said.matches("locked").count(), 2, "{said}");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    db.psql("set lock_timeout = '1ms'; select outbox.emit('A'); select settle_all('delivered')");
    let output = dump.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.matches("INSERT INTO outbox.event_").count(), 17, "ten events, seven types");
    db.wait_until(
        "select not exists (select from pg_stat_activity where application_name = 'pg_dump'
        and datname = current_database())",
        SOON,
    );
    assert_eq!(db.psql("call turn()").matches("emptied").count(), 2);
}

#[tokio::test]
async fn two_at_once_do_not_come_into_each_others_way() {
    let db = ring("ring_two");
    db.psql("update outbox.setting set retention = '1 hour'");
    for _ in 0..4 {
        emit(&db, 50);
        db.psql("select settle_all(null); select days_pass(1)");
    }
    let first = db.session().await;
    first.execute("begin; select outbox.turn_ring(moment => noon())").await;
    assert_eq!(db.psql("select leaf is null, step from outbox.turn_ring(moment => noon())"), "t|locked");
    first.execute("rollback").await;
    let mut keepers = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let keeper = db.session().await;
        keepers.spawn(async move {
            // Until nothing is due; being told that another is at it is an answer, too.
            while keeper.query_text("select exists (select from outbox.due_leaves(noon()))").await == "t" {
                keeper.execute("select outbox.turn_ring('{}', noon(), 7)").await;
            }
        });
    }
    keepers.join_all().await;
    assert_eq!(db.psql("select count(*), count(distinct id), min(slot) > 7 from outbox.event"), "200|200|t");
    assert_eq!(db.psql("select count(*), count(distinct id) from outbox.attempt where slot > 7"), "500|500");
}

#[tokio::test]
async fn it_can_be_broken_off_anywhere() {
    let db = ring("ring_broken_off");
    db.psql("update outbox.setting set retention = '1 hour'");
    emit(&db, 20);
    db.psql("select settle_all(null); select days_pass(3)");
    let intact = "select count(distinct e.id), count(distinct a.id), count(*) from outbox.delivery d
        join outbox.event e on e.id = d.event_id and e.slot in (d.event_slot, d.event_slot + 8)
        join outbox.attempt a on a.delivery = d.id";
    let mut steps = 0;
    while db.psql("select exists (select from outbox.due_leaves(noon()))") == "t" {
        let keeper = db.session().await;
        let step = "select step from outbox.turn_ring('{}', noon(), 7)";
        let done = keeper.query_text(&format!("begin; {step}")).await;
        let pid = keeper.pid();
        db.psql(&format!("select pg_terminate_backend({pid}, 10000)"));
        assert_eq!(db.psql(intact), "20|20|20", "killed before its commit, having done: {done}");
        assert_eq!(db.psql(step), done);
        assert_eq!(db.psql(intact), "20|20|20", "after: {done}");
        steps += 1;
    }
    assert_eq!(steps, 8, "three batches, a leaf; twice");
}

#[test]
fn it_works_under_a_publication_of_all_tables_and_for_the_relays_role_alone() {
    let db = ring("ring_published");
    db.psql("create publication everything for all tables; update outbox.setting set retention = '1 hour'");
    emit(&db, 10);
    db.psql(
        "select settle_all('dead'); select days_pass(3); grant execute on function noon() to outbox_relay",
    );
    let say = |sql: &str| db.psql(&format!("set role outbox_relay; {sql}"));
    while !say("select step from outbox.turn_ring('{}', noon())").is_empty() {}
    assert_eq!(db.psql(PLACES), "outbox.attempt_kept|10\noutbox.event_kept|10");
    assert_eq!(
        say("select letters, events, attempts from outbox.purge_old(noon() + interval '91 days')"),
        "10|10|10"
    );
    for isolation in ["repeatable read", "serializable"] {
        let error = db
            .try_psql(&format!("begin isolation level {isolation}; select outbox.turn_ring()"))
            .unwrap_err();
        assert_eq!(error.sqlstate, "OX013");
    }
}

#[test]
fn what_was_kept_goes_when_its_time_is_over_and_nobody_needs_it() {
    let db = ring("ring_purge");
    emit(&db, 3);
    db.psql(
        "select settle_all(null); select settle_all('dead') from outbox.delivery where id = 0; select \
        days_pass(7); call turn()",
    );
    let purge = "select letters, events, attempts from outbox.purge_old(noon())";
    assert_eq!(db.psql(purge), "0|0|0", "open deliveries need them");
    // One is delivered: its last attempt is in the ring, and for as long as it is there its event can be read.
    db.psql(
        "update outbox.delivery set due_at = clock_timestamp() + interval '1 day' where id <> 1; select \
        settle_all('delivered')",
    );
    db.psql(
        "update outbox.delivery set due_at = clock_timestamp() + interval '1 day' where id <> 2; \
             update outbox.delivery set due_at = clock_timestamp() where id = 2; select settle_all('dead')",
    );
    assert_eq!(db.psql(purge), "0|0|0");
    assert_eq!(db.psql("select count(object_id) from outbox.delivery_history where delivery = 1"), "2");
    db.psql("select days_pass(7); call turn()");
    assert_eq!(db.psql(purge), "0|1|1", "the delivered one");
    assert_eq!(db.psql(purge), "0|0|0");
    assert_eq!(
        db.psql("select delivery, count(object_id) from outbox.delivery_history group by 1 order by 1"),
        "2|2\n3|1"
    );
    db.psql("select days_pass(82)");
    assert_eq!(db.psql(purge), "0|0|0");
    db.psql("select days_pass(2)");
    assert_eq!(db.psql(purge), "1|1|2", "dead for 90 days and more");
    assert_eq!(db.psql("select delivery, count(object_id) from outbox.delivery_history group by 1"), "3|1");
}

#[test]
fn rows_of_a_leaf_that_somebody_dropped_go_in_their_time() {
    let db = ring("ring_dropped");
    let slot = db.psql("select outbox.slot(now())");
    db.psql(&format!("drop table outbox.event_{slot}"));
    db.psql("select outbox.emit('A'); select settle_all('delivered'); delete from outbox.attempt");
    assert_eq!(db.psql("select place(1)"), "outbox.event_kept");
    assert_eq!(
        db.psql("call turn(); select events from outbox.purge_old(noon() + interval '5 days')"),
        "\n0"
    );
    assert_eq!(db.psql("select events from outbox.purge_old(noon() + interval '7 days')"), "1");
}
