//! Repair from SQL: what is open or dead is retried, skipped, cancelled or compacted, one by one or many, and the ledger says by
//! whom and why.

use crate::ring::{emit, ring};
use crate::stage::{SOON, Stage};
use crate::support::{Database, Gate, Reply};

/// What the ledger says of a delivery: attempt, class, outcome, error.
fn told(db: &Database, delivery: u32) -> String {
    db.psql(&format!(
        "select string_agg(concat_ws(' ', attempt, class, outcome, error), '; ' order by id) \
         from outbox.attempt where delivery = {delivery}"
    ))
}

/// Three that wait, three that are dead, one that is being sent: deliveries 1 to 7.
fn seven(hint: &str) -> Database {
    let db = ring(hint);
    emit(&db, 3);
    db.psql("select settle_all('dead')");
    emit(&db, 3);
    db.psql(
        "select settle_all(null); update outbox.delivery set due_at = clock_timestamp() + '1 hour', leased_by = null",
    );
    emit(&db, 1);
    assert_eq!(db.psql("select delivery from outbox.claim('r', 10, '{}', '{}', 0)"), "7");
    db
}

#[test]
fn one_delivery_is_skipped_or_cancelled_with_who_and_why() {
    let db = seven("repair_one");
    assert_eq!(
        db.psql("select outbox.skip(1, ' their id is wrong '), outbox.cancel(4, 'published by mistake')"),
        "skipped|cancelled"
    );
    assert_eq!(told(&db, 1), "1 rejected dead no; 1 skipped skipped by postgres: their id is wrong");
    assert_eq!(told(&db, 4), "1 rejected no; 1 cancelled cancelled by postgres: published by mistake");
    assert_eq!(
        db.psql(
            "select (select string_agg(delivery::text, ',' order by 1) from outbox.dead_letter),
             (select string_agg(id::text, ',' order by 1) from outbox.delivery)"
        ),
        "2,3|5,6,7"
    );
    let why = "select state, reason from outbox.why('1')";
    assert_eq!(db.psql(why), "skipped|skipped by postgres: their id is wrong");
    // A POST under way is left alone, until its lease has run out.
    let left = "select outbox.skip(7, 'x'), outbox.cancel(7, 'x'), outbox.retry(7) is not null, \
        (select count(*) from outbox.attempt where delivery = 7)";
    assert_eq!(db.psql(left), "under way|under way|t|0");
    db.psql("update outbox.delivery set due_at = clock_timestamp() where id = 7");
    assert_eq!(db.psql("select outbox.skip(7, 'x')"), "skipped");
    // Its POST may still succeed: that is recorded as late, and ends nothing twice.
    let late = "select (outbox.settle('r', false, '{7}', '{1}', '{1}', array[outbox.slot(now())], '{7}', '{10}', \
        '{5}', '{delivered}', \
        '{200}', '{null}', '{null}', '{null}', '{delivered}', '{null}')).late";
    assert_eq!(db.psql(late), "1");
    assert_eq!(told(&db, 7), "1 skipped skipped by postgres: x; 1 delivered");
    for call in ["skip(1, 'x')", "cancel(1, 'x')", "skip(99, 'x')", "cancel(null, 'x')"] {
        let error = db.try_psql(&format!("select outbox.{call}")).unwrap_err();
        assert_eq!(error.sqlstate, "OX008", "{call}");
        assert!(error.message.contains("is neither open nor a dead letter"), "{}", error.message);
    }
    for reason in ["null", "''", "E' \\n'", "repeat('x', 501)"] {
        let error = db.try_psql(&format!("select outbox.skip(2, {reason})")).unwrap_err();
        assert_eq!(error.sqlstate, "OX032", "{reason}");
    }
    assert_eq!(told(&db, 2), "1 rejected dead no");
}

/// Whoever comes second waits, and does what it is asked to with what the first has left.
#[tokio::test]
async fn who_skips_while_another_retries_waits_and_skips() {
    let db = seven("repair_crossing");
    let (retries, skips) = (db.session().await, db.session().await);
    retries.execute("begin; select outbox.retry(1)").await;
    let second = skips.clone();
    let task =
        tokio::spawn(async move { second.try_query_text("select outbox.skip(1, 'not wanted')").await });
    db.wait_until_locked_out(skips.pid(), SOON).await;
    retries.execute("commit").await;
    assert_eq!(task.await.unwrap().unwrap(), "skipped");
    assert_eq!(
        told(&db, 1),
        "1 rejected dead no; 0 sent again by postgres; 1 skipped skipped by postgres: not wanted"
    );
}

#[test]
fn a_retry_is_on_record_and_begins_the_age_anew() {
    let db = seven("repair_retry");
    db.psql("select outbox.retry(1, 'they are back'), outbox.retry(4)");
    assert_eq!(told(&db, 1), "1 rejected dead no; 0 sent again by postgres: they are back");
    assert_eq!(told(&db, 4), "1 rejected no; 0 sent again by postgres");
    let rows = "select string_agg(concat_ws(' ', id, attempt, retry_base, due_at <= clock_timestamp(), since = \
        due_at), ', ' order by id) \
        from outbox.delivery where since is not null";
    assert_eq!(db.psql(rows), "1 1 1 t t, 4 1 0 t t");
    // The age is that of the retry, for whoever watches.
    db.psql(
        "update outbox.event set occurred_at = occurred_at - interval '3 days'; delete from outbox.delivery \
        where since is null",
    );
    assert_eq!(
        db.psql(
            "select b.oldest_age < '1 hour', m.oldest_age < 3600 from outbox.backlog b, outbox.measure(5) m"
        ),
        "t|t"
    );
    assert_eq!(
        db.psql("select reason from outbox.why('1')"),
        "sent again by postgres: they are back",
        "not tried since"
    );
    assert_eq!(db.psql("select attempt from outbox.claim('r', 10, '{}', '{}', 0) order by delivery"), "2\n2");
}

#[test]
fn many_are_counted_first_and_then_repaired_in_batches() {
    let db = seven("repair_many");
    let counts = "dead, waiting, under_way, done";
    let all = format!("select subscriber_name, {counts} from outbox.repair('skip', event_type => '*')");
    assert_eq!(db.psql(&all), "a|3|3|1|0");
    assert_eq!(db.psql("select count(*) from outbox.attempt"), "6", "a dry run writes nothing");
    // Of each condition, what it leaves.
    let conditions: &[(&str, &str)] = &[
        ("deliveries => '{1,4}'", "1|1|0|0"),
        ("subscription => 1", "3|3|1|0"),
        ("subscriber => 'a', state => 'dead'", "3|0|0|0"),
        ("subscriber => 'a', state => 'open'", "0|3|1|0"),
        ("event_type => 'A'", "3|3|1|0"),
        ("object => 'Thing', object_id => '2'", "1|1|0|0"),
        ("object => 'Other'", ""),
        ("filter => '1'", "1|1|1|0"),
        ("\"from\" => (select occurred_at from outbox.event where id = 4)", "0|3|1|0"),
        ("\"to\" => (select occurred_at from outbox.event where id = 4)", "3|0|0|0"),
    ];
    for (condition, expected) in conditions {
        assert_eq!(
            db.psql(&format!("select {counts} from outbox.repair('cancel', {condition})")),
            *expected,
            "{condition}"
        );
    }
    let retry = format!(
        "select {counts} from outbox.repair('retry', 'mended', subscriber => 'a', dry_run => false, batch => 4)"
    );
    assert_eq!(db.psql(&retry), "3|3|1|4", "the oldest first");
    assert_eq!(db.psql(&retry), "0|2|1|2", "the next call goes on");
    assert_eq!(db.psql(&retry), "0|0|1|0");
    assert_eq!(
        db.psql("select string_agg(delivery || ' ' || attempt, ',' order by delivery) from outbox.claim('r', 10, '{}', '{}', 0)"),
        "1 2,2 2,3 2,4 2,5 2,6 2",
        "ids stay, and attempts go on"
    );
    assert_eq!(told(&db, 6), "1 rejected no; 0 sent again by postgres: mended");
    db.psql("update outbox.delivery set due_at = clock_timestamp()");
    let skip = format!(
        "select {counts} from outbox.repair('skip', 'not wanted', object => 'Thing', object_id => '1', dry_run => false)"
    );
    assert_eq!(db.psql(&skip), "0|3|0|3");
    assert_eq!(told(&db, 7), "1 skipped skipped by postgres: not wanted");
}

#[test]
fn what_makes_no_sense_is_refused_with_the_way_out() {
    let db = seven("repair_refused");
    let cases: &[(&str, &str, &str)] = &[
        ("repair('mend', event_type => '*')", "OX031", "retry, skip or cancel"),
        ("repair(null, event_type => '*')", "OX031", "NULL"),
        ("repair('skip')", "OX031", "subscriber => 'acme'"),
        ("repair('skip', event_type => '*', state => 'lost')", "OX031", "dead, open or all"),
        ("repair('skip', event_type => '*', batch => 0)", "OX031", "1 to 100000"),
        ("repair('skip', event_type => '*', batch => null)", "OX031", "1 to 100000"),
        ("repair('skip', event_type => '*', dry_run => false)", "OX032", "no reason"),
        ("repair('cancel', event_type => '*', dry_run => null)", "OX032", "no reason"),
        ("repair('retry', repeat('x', 501), event_type => '*')", "OX032", "501 characters"),
        ("repair('retry', event_type => 'B')", "OX001", "unknown event type: B"),
        ("repair('retry', event_type => '*.B')", "OX005", "pattern"),
        ("repair('retry', subscription => 9)", "OX008", "no such subscription: 9"),
        ("repair('retry', subscriber => 'b')", "OX008", "no such subscriber: b"),
        ("repair('retry', deliveries => '{1,98,null}')", "OX008", "98, NULL"),
        ("compact(9)", "OX008", "no such subscription: 9"),
        ("compact(null)", "OX008", "NULL"),
        ("compact(1, batch => 0)", "OX031", "1 to 1000000"),
    ];
    for (call, sqlstate, says) in cases {
        let error = db.try_psql(&format!("select * from outbox.{call}")).unwrap_err();
        assert_eq!(
            (error.sqlstate.as_str(), error.raw.contains(says)),
            (*sqlstate, true),
            "{call}: {}",
            error.raw
        );
    }
    // A subscription of somebody else.
    db.psql("select outbox.subscribe('b', 'A', 'https://e.com/')");
    let error = db
        .try_psql("select * from outbox.repair('retry', subscription => 1, subscriber => 'b')")
        .unwrap_err();
    assert!(error.message.contains("no such subscription: 1 of b"), "{}", error.message);
    assert_eq!(db.psql("select count(*) from outbox.attempt"), "6");
    // What hangs on a subscription that is gone can be ended, and not be retried.
    db.psql("select outbox.unsubscribe(1)");
    let gone = |action: &str| {
        db.psql(&format!(
            "select dead, waiting, done from outbox.repair('{action}', 'x', subscription => 1, dry_run => false, state => 'dead')"
        ))
    };
    assert_eq!(gone("retry"), "");
    assert_eq!(gone("skip"), "3|0|3");
}

#[test]
fn who_repairs_is_named_by_the_login() {
    let db = seven("repair_rights");
    crate::installed::login_roles(crate::support::shared(), &["repair_alice", "repair_bob"]);
    db.psql("grant outbox_admin to repair_alice; grant outbox_reader to repair_bob");
    db.psql_as("repair_alice", "set role outbox_admin; select outbox.skip(1, 'x')");
    assert_eq!(told(&db, 1), "1 rejected dead no; 1 skipped skipped by repair_alice: x");
    let calls = [
        "skip(2, 'x')",
        "cancel(2, 'x')",
        "retry(2)",
        "repair('skip', event_type => '*')",
        "compact(1)",
        "replay('*', '-infinity', now())",
    ];
    for call in calls {
        db.psql_as("repair_alice", &format!("begin; select outbox.{call}; rollback"));
        let refused = db.try_psql_as("repair_bob", &format!("select outbox.{call}")).unwrap_err();
        assert_eq!(refused.sqlstate, "42501", "{call}");
    }
    // The relay's role and a nobody do none of it either, and nobody does what is inside.
    let inside = [
        "end_deliveries('{2}', 'skipped', '{x}')",
        "reopen('{2}', 'x')",
        "claim_key('A', 'k', '1 day', null)",
    ];
    for (role, call) in inside
        .iter()
        .map(|call| ("outbox_admin", call))
        .chain(calls.iter().map(|call| ("outbox_relay", call)))
    {
        let refused = db.try_psql(&format!("set role {role}; select outbox.{call}")).unwrap_err();
        assert_eq!(refused.sqlstate, "42501", "{role}: {call}");
    }
}

#[test]
fn after_an_outage_only_the_newest_of_each_object_is_left() {
    let db = ring("repair_compact");
    db.psql("select outbox.subscribe('b', '*', 'https://e.com/b')");
    // Events 1 to 6 of objects 0, 1, 2; one of no object; 8, newer than what waits, is being sent, and so is 9, which is old.
    db.psql(
        "select outbox.emit('A', to_jsonb(n), 'Thing', (n % 3)::text) from generate_series(1, 6) n;
         select outbox.emit('A'), outbox.emit('A', '8', 'Thing', '1'), outbox.emit('A', '9', 'Thing', '2'), \
             outbox.emit('A', '10', 'Thing', '2');
         update outbox.delivery set leased_by = 'r', due_at = clock_timestamp() + '1 minute' where event_id in (8, 9)",
    );
    let open = "select string_agg(event_id::text, ',' order by event_id) from outbox.delivery where subscription = 1";
    assert_eq!(db.psql("select * from outbox.compact(1)"), "8|5|0");
    assert_eq!(db.psql(open), "1,2,3,4,5,6,7,8,9,10");
    assert_eq!(
        db.psql("select * from outbox.compact(1, 'the outage of Monday', dry_run => false, batch => 3)"),
        "8|5|3"
    );
    assert_eq!(
        db.psql("select * from outbox.compact(1, 'the outage of Monday', dry_run => false, batch => 3)"),
        "5|2|2"
    );
    assert_eq!(db.psql("select * from outbox.compact(1, dry_run => false)"), "3|0|0");
    assert_eq!(db.psql(open), "6,7,8,9,10");
    let ledger = "select string_agg(event_id || ' ' || outcome || ' ' || error, '; ' order by id) from \
        outbox.attempt where event_id < 3";
    assert_eq!(
        db.psql(ledger),
        "1 skipped superseded by event 8, compacted by postgres: the outage of Monday; \
         2 skipped superseded by event 10, compacted by postgres: the outage of Monday"
    );
    assert_eq!(
        db.psql("select count(*) from outbox.delivery where subscription = 2"),
        "10",
        "others keep theirs"
    );
}

/// What was ended is not sent, what was retried is, under the same id, and a POST under way arrives.
#[test]
fn a_relay_does_as_it_was_repaired() {
    let stage = Stage::new("repair_relay");
    let gate = Gate::new();
    let held = gate.clone();
    stage.receiver.reply_with(move |_, nth| match nth {
        1..=3 => Reply::status(400),
        4 => Reply::default().gate(&held),
        _ => Reply::default(),
    });
    stage.subscribe("max_attempts => 1, concurrency => 1");
    stage.emit(3);
    let _relay = stage.relay();
    stage.db.wait_until("select count(*) = 3 from outbox.dead_letter", SOON);
    stage.emit(2);
    stage.receiver.wait_for(4, SOON);
    let said = stage.db.psql(
        "select outbox.skip(1, 'x'), outbox.cancel(5, 'x'), outbox.skip(4, 'x'), \
         (select done from outbox.repair('retry', state => 'dead', event_type => '*', dry_run => false))",
    );
    assert_eq!(said, "skipped|cancelled|under way|2");
    gate.open();
    stage.receiver.wait_for(6, SOON);
    stage.wait_until_drained();
    let requests = stage.receiver.requests();
    let ids: Vec<_> = requests.iter().map(|request| request.header("webhook-id").unwrap()).collect();
    assert_eq!(ids.len(), 6);
    assert_eq!(ids[4..], ids[1..3], "those retried, with the ids they had");
    assert_eq!(
        stage.db.psql(
            "select string_agg(delivery || ' ' || outcome, ', ' order by id) from outbox.attempt \
            where outcome is not null"
        ),
        "1 dead, 2 dead, 3 dead, 1 skipped, 5 cancelled, 4 delivered, 2 delivered, 3 delivered"
    );
}
