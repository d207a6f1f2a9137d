//! Events of the past, sent again: to whom, as what, and never twice.

use crate::published::publisher;
use crate::ring::{emit, ring};
use crate::stage::{SOON, Stage};
use crate::support::Database;

const COUNTS: &str = "select subscription_id, events, open, superseded, next_after from outbox.replay('*', \
    '-infinity', now(), 'lost'";

/// What a replay says, one line per subscription; `rest` are its further arguments.
fn replay(db: &Database, rest: &str) -> String {
    let comma = if rest.is_empty() { "" } else { ", " };
    db.psql(&format!("{COUNTS}{comma}{rest})"))
}

fn for_real(db: &Database, rest: &str) -> String {
    let comma = if rest.is_empty() { "" } else { ", " };
    replay(db, &format!("dry_run => false{comma}{rest}"))
}

/// Ten delivered events.
fn ten(hint: &str) -> Database {
    let db = ring(hint);
    emit(&db, 10);
    db.psql("select settle_all('delivered')");
    db
}

#[test]
fn it_counts_first_and_then_sends_under_the_same_id() {
    let db = ten("replay_counts");
    let before = db.psql("select string_agg(webhook_id, ',' order by event_id) from outbox.delivery_history");
    assert_eq!(replay(&db, ""), "1|10|0|0|");
    assert_eq!(db.psql("select count(*) from outbox.delivery"), "0", "a dry run writes nothing");
    assert_eq!(for_real(&db, ""), "1|10|0|0|");
    assert_eq!(replay(&db, ""), "1|0|10|0|", "open ones are counted and not doubled");
    assert_eq!(for_real(&db, ""), "1|0|10|0|");
    let rows = "select count(*), min(id) > 10, bool_and(since = due_at and due_at <= clock_timestamp()), \
        max(attempt) from outbox.delivery";
    assert_eq!(db.psql(rows), "10|t|t|0", "rows of their own");
    let note = "select string_agg(concat_ws(' ', attempt, class, outcome, error), '; ' order by id) from \
        outbox.attempt where event_id = 1";
    assert_eq!(db.psql(note), "1 delivered delivered no; 0 sent again by postgres: lost");
    assert_eq!(db.psql("select state, reason from outbox.why('1')"), "due|sent again by postgres: lost");
    let sent =
        "select string_agg(webhook_id, ',' order by event_id) from outbox.claim('r', 99, '{}', '{}', 0)";
    assert_eq!(db.psql(sent), before);
    // The age is that of the replay.
    db.psql("update outbox.event set occurred_at = occurred_at - interval '3 days'");
    let age =
        "select b.oldest_age < '1 hour', m.oldest_age < 3600 from outbox.backlog b, outbox.measure(5) m";
    assert_eq!(db.psql(age), "t|t");
}

#[test]
fn what_is_asked_for_and_nothing_else() {
    let db = ten("replay_conditions");
    db.psql(
        "select outbox.define_event_type('B.C');
         select outbox.subscribe('b', '*', 'https://e.com/b', filter_path => '$ == 3'), outbox.subscribe('c', \
             'A', 'https://e.com/c', object_id => '4'),
             outbox.subscribe('d', 'A', 'https://e.com/d', filter => '{\"x\": 1}'), outbox.subscribe('e', 'A', \
                 'https://e.com/e', exclude_source => 'me'),
             outbox.subscribe('f', 'A', 'https://e.com/f', filter_path => '$.x == 1');
         select outbox.ping(1);
         begin; set local outbox.source = 'me'; select outbox.emit('A', '{\"x\": 1}', 'Thing', '4'); commit;
         select outbox.emit('B.C', '3'); delete from outbox.delivery",
    );
    // Those that came later get what came after them; with made_later all they would have got. A ping is nobody else's.
    assert_eq!(replay(&db, ""), "1|11|0|0|\n2|1|0|0|\n3|1|0|0|\n4|1|0|0|\n6|1|0|0|");
    assert_eq!(
        replay(&db, "made_later => true"),
        "1|11|0|0|\n2|2|0|0|\n3|2|0|0|\n4|1|0|0|\n5|10|0|0|\n6|1|0|0|"
    );
    let cases: &[(&str, &str)] = &[
        ("subscriber => 'b', made_later => true", "2|2|0|0|"),
        ("subscription => 4", "4|1|0|0|"),
        ("subscription => 5", ""),
        (
            "object => 'Thing', object_id => '4', made_later => true",
            "1|2|0|0|\n3|2|0|0|\n4|1|0|0|\n5|1|0|0|\n6|1|0|0|",
        ),
        ("filter => '3'", "1|1|0|0|\n2|1|0|0|"),
        ("after => 10, subscription => 1", "1|1|0|0|"),
    ];
    for (arguments, expected) in cases {
        assert_eq!(replay(&db, arguments), *expected, "{arguments}");
        assert_eq!(
            db.psql(&format!("begin; {COUNTS}, dry_run => false, {arguments}); rollback")),
            *expected,
            "for real: {arguments}"
        );
    }
    let span = "select events from outbox.replay('A', (select occurred_at from outbox.event where id = 3), \
        (select occurred_at from outbox.event where id = 6), subscription => 1)";
    assert_eq!(db.psql(span), "3", "from the beginning on, and before the end");
    assert_eq!(db.psql("select events from outbox.replay('B.*', '-infinity', 'infinity')"), "1");
    db.psql("select outbox.unsubscribe(1); update outbox.subscription set status = 'paused' where id = 2");
    assert_eq!(for_real(&db, "subscription => 1"), "");
    assert_eq!(for_real(&db, "subscription => 2"), "2|1|0|0|", "a paused one gets it when it is resumed");
    let cases: &[(&str, &str, &str)] = &[
        ("'A', now(), now()", "OX031", "span of time"),
        ("'A', null, now()", "OX031", "NULL"),
        ("'A', '-infinity', now(), batch => 100001", "OX031", "1 to 100000"),
        ("'A', '-infinity', now(), dry_run => false", "OX032", "reason"),
        ("'X', '-infinity', now()", "OX001", "unknown event type"),
        ("'A', '-infinity', now(), subscription => 99", "OX008", "99"),
        ("'A', '-infinity', now(), subscriber => 'x'", "OX008", "no such subscriber"),
    ];
    for (arguments, sqlstate, says) in cases {
        let error = db.try_psql(&format!("select * from outbox.replay({arguments})")).unwrap_err();
        assert_eq!(
            (error.sqlstate.as_str(), error.raw.contains(says)),
            (*sqlstate, true),
            "{arguments}: {}",
            error.raw
        );
    }
}

#[test]
fn many_events_are_replayed_batch_by_batch() {
    let db = ten("replay_batches");
    assert_eq!(for_real(&db, "batch => 4"), "1|4|0|0|4");
    assert_eq!(for_real(&db, "batch => 4, after => 4"), "1|4|0|0|8");
    assert_eq!(for_real(&db, "batch => 4, after => 8"), "1|2|0|0|");
    db.psql("select settle_all('delivered')");
    // None of the batch is wanted: there is more all the same.
    db.psql("select outbox.subscribe('b', 'A', 'https://e.com/b', filter_path => '$ == 9')");
    assert_eq!(for_real(&db, "subscription => 2, made_later => true, batch => 5"), "|0|0|0|5");
    let commits = "select count(distinct xmin::text) from outbox.delivery";
    db.psql("call outbox.replay_all('A', '-infinity', now(), 'all of it', batch => 4)");
    assert_eq!(db.psql(&format!("select count(*), ({commits}) from outbox.delivery")), "10|3");
    db.psql(
        "call outbox.replay_all('A', '-infinity', now(), 'again', subscription => 2, made_later => true, \
        batch => 4, after => 8)",
    );
    assert_eq!(db.psql("select count(*) from outbox.delivery where subscription = 2"), "1");
    let refused = db.try_psql("begin; call outbox.replay_all('A', '-infinity', now(), 'x')").unwrap_err();
    assert_eq!(refused.sqlstate, "2D000");
    crate::installed::login_roles(crate::support::shared(), &["replay_alice"]);
    db.psql("grant outbox_admin to replay_alice");
    db.psql_as("replay_alice", "call outbox.replay_all('A', '-infinity', now(), 'x')");
}

#[test]
fn what_is_open_in_any_way_is_not_doubled_and_a_dead_letter_gives_way() {
    let db = ring("replay_open");
    emit(&db, 4);
    db.psql(
        "update outbox.delivery set due_at = clock_timestamp() + interval '1 hour' where id > 2; select settle_all('dead');
         update outbox.delivery set due_at = clock_timestamp() - interval '1 s' where id = 3",
    );
    assert_eq!(db.psql("select count(*) from outbox.claim('r', 1, '{}', '{}', 0)"), "1");
    assert_eq!(for_real(&db, ""), "1|2|2|0|", "of the open ones one is being sent");
    assert_eq!(db.psql("select count(*) from outbox.dead_letter"), "0");
    let ended = "select string_agg(concat_ws(' ', delivery, outcome, error), '; ' order by delivery) from \
        outbox.attempt where outcome = 'skipped'";
    assert_eq!(
        db.psql(ended),
        "1 skipped sent again by postgres: lost as delivery 5; 2 skipped sent again by postgres: lost as delivery 6"
    );
    // Left to relays, which have not made them yet.
    db.psql(
        "insert into outbox.subscription (subscriber, pattern, url)
         select 'many', 'A', 'https://e.com/' || n from generate_series(1, 250) n; select outbox.emit('A')",
    );
    let told = "select sum(events), sum(open) from outbox.replay('A', '-infinity', now(), 'x', after => 4";
    assert_eq!(db.psql(&format!("{told})")), "0|251");
    db.psql("select outbox.expand(100)");
    assert_eq!(db.psql(&format!("{told}, dry_run => false)")), "0|251");
    db.psql("select outbox.expand(1000); delete from outbox.delivery where event_id = 5");
    assert_eq!(db.psql(&format!("{told}, dry_run => false)")), "251|0");
}

#[test]
fn of_an_object_of_mode_latest_only_news_is_sent() {
    let db = publisher("replay_latest");
    db.psql(
        "insert into outbox.object (name, owner, mode) values ('Order', 'postgres', 'latest') \
             on conflict (name) do update set mode = excluded.mode;
         select outbox.subscribe('a', 'Order.*', 'https://e.com/'), outbox.subscribe('b', 'Order.*', \
             'https://e.com/b', filter => '{\"n\": 1}');
         select publish('{\"n\": 1}', '7'), publish('{\"n\": 1}', '8'), publish('{\"n\": 2}', '7'), publish('{\"n\": 3}');
         delete from outbox.delivery",
    );
    assert_eq!(for_real(&db, ""), "1|3|0|1|\n2|2|0|0|", "to whom a newer one is no news, the older one is");
}

/// Two at once, and the ring that turns meanwhile.
#[tokio::test]
async fn two_at_once_send_nothing_twice_and_no_event_is_lost_to_the_ring() {
    let db = ten("replay_at_once");
    db.psql("select days_pass(7)");
    while !["", "waiting"].contains(
        &db.psql("select step from outbox.turn_ring('{}', noon(), 100) where leaf like 'attempt%'").as_str(),
    ) {}
    let (first, second) = (db.session().await, db.session().await);
    let replay = "select events || ' ' || open from outbox.replay('A', '-infinity', 'infinity', 'x', dry_run => \
        false, made_later => true)";
    assert_eq!(first.query_text(&format!("begin; {replay}")).await, "10 0");
    assert_eq!(
        db.psql("select step from outbox.turn_ring('{}', noon())"),
        "locked",
        "no old event goes meanwhile"
    );
    assert_eq!(db.psql("select events from outbox.purge_old(noon() + interval '9 days')"), "0");
    let pid = second.pid();
    let waiting = tokio::spawn(async move { second.query_text(replay).await });
    db.wait_until_locked_out(pid, SOON).await;
    first.execute("commit").await;
    assert_eq!(waiting.await.unwrap(), "0 10");
    db.psql("call turn()");
    assert_eq!(
        db.psql("select count(distinct place(event_id)), min(place(event_id)) from outbox.delivery"),
        "1|outbox.event_kept"
    );
    assert_eq!(db.psql("select count(body) from outbox.claim('r', 99, '{}', '{}', 0)"), "10");
    // The note about one that was not tried yet is kept with it.
    assert_eq!(
        db.psql(
            "select count(*) from outbox.delivery_history where error like 'sent again%' and object = 'Thing'"
        ),
        "10"
    );
    // Kept events are replayed like others.
    db.psql("update outbox.delivery set due_at = clock_timestamp(); select settle_all('delivered')");
    assert_eq!(db.psql(replay), "10 0");
    for isolation in ["repeatable read", "serializable"] {
        let error = db.try_psql(&format!("begin isolation level {isolation}; {replay}")).unwrap_err();
        assert_eq!(error.sqlstate, "OX013");
    }
}

#[test]
fn a_relay_sends_them_again() {
    let stage = Stage::new("replay_relay");
    stage.subscribe("");
    stage.emit(3);
    let _relay = stage.relay_with(&["--poll-ms", "60000"]);
    stage.receiver.wait_for(3, SOON);
    stage.wait_until_drained();
    stage.db.psql(
        "select * from outbox.replay('Order.Update', '-infinity', now(), 'they lost it', dry_run => false)",
    );
    let requests = stage.receiver.wait_for(6, SOON);
    let ids = |requests: &[crate::support::Request]| {
        let mut ids: Vec<_> = requests.iter().map(|r| r.header("webhook-id").unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&requests[..3]), ids(&requests[3..]));
    stage.wait_until_drained();
    assert_eq!(stage.count("outbox.attempt where outcome = 'delivered'"), 6);
}
