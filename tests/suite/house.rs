//! The relay keeps house: one of them at a time, and what was held for weeks is delivered as it was.

use crate::ring::add_helpers;
use crate::stage::{SOON, Stage};

const HOLDER: &str = "select relay from outbox.duty where name = 'housekeeping'";

/// A stage with the helpers of the ring, and a retention that makes three days ago due at any time of day.
fn stage(hint: &str) -> Stage {
    let stage = Stage::new(hint);
    add_helpers(&stage.db);
    stage.db.psql("update outbox.setting set retention = '1 hour'");
    stage
}

#[test]
fn a_duty_is_held_by_one_renewed_and_passed_on() {
    let stage = stage("duty");
    let take = |relay: &str| stage.db.psql(&format!("select outbox.take_duty('d', '{relay}', '1 hour')"));
    assert_eq!((take("a"), take("b"), take("a")), ("t".into(), "f".into(), "t".into()));
    assert_eq!(stage.db.psql("select outbox.take_duty('other', 'b', '1 hour')"), "t");
    assert_eq!(stage.db.psql("select outbox.leave_duty('d', 'b'), outbox.leave_duty('d', 'a')"), "f|t");
    assert_eq!((take("b"), take("a")), ("t".into(), "f".into()));
    stage.db.psql("update outbox.duty set held_until = clock_timestamp()");
    assert_eq!((take("a"), take("b")), ("t".into(), "f".into()));
    // The lease has run out, and two come at once.
    stage.db.psql("update outbox.duty set held_until = clock_timestamp()");
    let first = stage.db.psql(
        "begin; select outbox.take_duty('d', 'x', '1 hour'); rollback; select \
        outbox.take_duty('d', 'y', '1 hour')",
    );
    assert_eq!(first, "t\nt");
}

#[tokio::test]
async fn of_two_that_ask_at_once_one_gets_it() {
    let stage = stage("duty_race");
    stage.db.psql("insert into outbox.duty values ('d', 'gone', now())");
    let (first, second) = (stage.db.session().await, stage.db.session().await);
    assert_eq!(first.query_text("begin; select outbox.take_duty('d', 'x', '1 hour')").await, "t");
    let pid = second.pid();
    let other =
        tokio::spawn(async move { second.query_text("select outbox.take_duty('d', 'y', '1 hour')").await });
    stage.db.wait_until_locked_out(pid, SOON).await;
    first.execute("commit").await;
    assert_eq!(other.await.unwrap(), "f");
}

#[test]
fn a_relay_that_stops_gives_the_duty_back_and_one_that_is_killed_loses_it() {
    let stage = stage("duty_relays");
    let first = stage.relay();
    stage.db.wait_until(&format!("select ({HOLDER}) = 'relay 1'"), SOON);
    let second = stage.relay();
    stage.db.wait_until("select count(*) = 2 from outbox.relay", SOON);
    assert_eq!(stage.db.psql(HOLDER), "relay 1");
    first.signal("TERM");
    assert_eq!(first.wait(SOON), 0);
    assert_ne!(stage.db.psql(HOLDER), "relay 1");
    stage.db.wait_until(&format!("select ({HOLDER}) = 'relay 2'"), SOON);
    second.signal("KILL");
    assert_eq!(second.wait(SOON), 137);
    let lease = "select held_until - clock_timestamp() between '1 s' and '41 s' from outbox.duty";
    assert_eq!(stage.db.psql(lease), "t");
    let _third = stage.relay();
    stage.db.wait_until("select count(*) = 3 from outbox.relay", SOON);
    assert_eq!(stage.db.psql(HOLDER), "relay 2", "its lease is respected");
    stage.db.psql("update outbox.duty set held_until = clock_timestamp()");
    stage.db.wait_until(&format!("select ({HOLDER}) = 'relay 3'"), SOON);
}

#[test]
fn only_the_holder_cancels_and_turns_the_ring() {
    let stage = stage("duty_work");
    stage
        .db
        .psql("insert into outbox.duty values ('housekeeping', 'somebody else', now() + interval '1 hour')");
    let subscription = stage.subscribe("");
    stage.db.psql("update outbox.subscription set status = 'paused'");
    stage.emit(3);
    stage.db.psql("select days_pass(3)");
    stage.emit(2);
    let _relay = stage.relay();
    stage.db.wait_until("select last_seen_at > started_at from outbox.relay", SOON);
    assert_eq!(stage.count("outbox.event where slot > 7"), 0);
    stage.db.psql(&format!("select outbox.unsubscribe({subscription}); delete from outbox.duty"));
    stage.db.wait_until("select count(*) = 5 from outbox.attempt where outcome = 'cancelled'", SOON);
    stage.db.wait_until("select count(*) = 2 from outbox.event", SOON);
}

#[test]
fn what_was_held_while_the_ring_turned_twice_is_delivered_as_it_was() {
    let stage = stage("held");
    let subscription = stage.subscribe("");
    stage.db.psql("update outbox.subscription set status = 'paused'");
    stage.db.psql(
        "insert into orders values (1, 'größer als — \u{1F600}', 12345678901234567890.10, '{\"z\": 1.0, \
        \"a\": [1e400]}')",
    );
    stage.emit(20);
    // The ring turns twice; other things happen meanwhile, and go.
    let mut bodies = String::new();
    for round in 0..4 {
        stage.db.psql("select days_pass(4); call turn()");
        let expected = "select string_agg(e.id || ' ' || outbox.body(e), E'\\n' order by e.id) \
            from outbox.event e where e.id <= 21";
        bodies = stage.db.psql(expected);
        stage.db.psql(
            "update outbox.object set history = true; select outbox.emit('Order.Delete'); delete from \
            outbox.delivery where event_id > 21",
        );
        assert_eq!(bodies.lines().count(), 21, "round {round}");
    }
    assert_eq!(stage.count("outbox.event where slot > 7"), 21);
    let id = stage.db.psql(&format!(
        "select outbox.webhook_id(e.uid, s.key) from outbox.event e, outbox.subscription s where e.id = 1 and s.id = \
            {subscription}"
    ));
    assert_eq!(
        stage.db.psql(&format!("select event, state, object_id from outbox.find('{id}')")),
        "1|held|1"
    );
    stage.db.psql("update outbox.subscription set status = 'active'");
    let _relay = stage.relay();
    stage.wait_until_drained();
    let mut sent: Vec<_> = stage
        .receiver
        .requests()
        .iter()
        .map(|request| String::from_utf8(request.body.to_vec()).unwrap())
        .collect();
    let mut expected: Vec<_> =
        bodies.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect();
    sent.sort();
    expected.sort();
    assert_eq!(sent, expected);
    let history =
        format!("select event_id, object_id, class from outbox.delivery_history where webhook_id = '{id}'");
    assert_eq!(stage.db.psql(&history), "1|1|delivered");
    assert_eq!(
        stage.db.psql(&format!("select state, class from outbox.find('{id}')")),
        "delivered|delivered"
    );
}

#[test]
fn a_relay_that_is_killed_while_the_ring_turns_loses_nothing() {
    let stage = stage("house_killed");
    stage.subscribe("");
    stage.db.psql("update outbox.subscription set status = 'paused'");
    stage.emit(8000);
    stage.db.psql("select days_pass(3)");
    let relay = stage.relay();
    stage.db.wait_until("select count(*) > 0 from outbox.event where slot > 7", SOON);
    relay.signal("KILL");
    relay.wait(SOON);
    assert_eq!(stage.db.psql("select count(*), count(distinct id) from outbox.event"), "8000|8000");
    let gone = "select not exists (select from pg_stat_activity \
        where datname = current_database() and application_name like 'outboxd%')";
    stage.db.wait_until(gone, SOON);
    stage.db.psql("delete from outbox.duty");
    let _next = stage.relay();
    stage.db.wait_until("select count(*) = 8000 from outbox.event where slot > 7", SOON);
    stage.db.wait_until("select count(*) = 0 from outbox.turn", SOON);
}

#[test]
fn an_idle_relay_is_seen_every_ten_seconds() {
    let stage = stage("idle_house");
    let _relay = stage.relay();
    // Once it hears the doorbell it says so between two rounds.
    stage
        .db
        .wait_until(&format!("select ({HOLDER}) = 'relay 1' and doorbell = 'kept' from outbox.relay"), SOON);
    // By the database's clock: each round moves the end of the lease on by as much as lies between two.
    let round = |last: &str| {
        stage.db.wait_until(&format!("select held_until > '{last}' from outbox.duty"), SOON);
        stage.db.psql("select held_until from outbox.duty")
    };
    let first = round(&stage.db.psql("select held_until from outbox.duty"));
    let second = round(&first);
    let apart = stage.db.psql(&format!("select timestamptz '{second}' - '{first}' > '8 s'"));
    assert_eq!(apart, "t", "{first} and {second}");
}

/// As if every removed subscription had been removed nine days ago.
const NINE_DAYS_AGO: &str = "alter table outbox.subscription disable trigger subscription_check;
    update outbox.subscription set updated_at = now() - interval '9 days' where status = 'gone';
    alter table outbox.subscription enable trigger subscription_check";

#[test]
fn a_tombstone_takes_its_dead_letters_along_and_nobody_elses() {
    let stage = stage("tombstone_dead");
    let (gone, other) = (stage.subscribe(""), stage.subscribe_url("https://other.example/", ""));
    stage.emit(5);
    stage.db.psql("select settle_all('dead')");
    stage.db.psql(&format!("delete from outbox.subscription where id = {gone}; select outbox.cancel_gone()"));
    assert_eq!(
        stage.count(&format!("outbox.dead_letter where subscription = {gone}")),
        5,
        "in history for its time"
    );
    stage.db.psql(NINE_DAYS_AGO);
    assert_eq!(stage.db.psql("select outbox.cancel_gone(3)"), "0");
    assert_eq!(stage.count(&format!("outbox.dead_letter where subscription = {gone}")), 2);
    assert_eq!(stage.count("outbox.subscription"), 2, "in batches, and the tombstone last");
    // Transactions of other databases of the cluster count, too: for as long as one of them was there before.
    stage.db.wait_until(
        &format!(
            "select outbox.cancel_gone(3) = 0 and (select sum(id) = {other} from \
        outbox.subscription)"
        ),
        SOON,
    );
    assert_eq!(
        stage.db.psql("select subscription, count(*) from outbox.dead_letter group by 1"),
        format!("{other}|5")
    );
    assert_eq!(stage.count("outbox.attempt"), 10, "the ledger stays for its time");
}

#[tokio::test]
async fn a_tombstone_waits_for_a_snapshot_that_shows_the_subscription_alive() {
    let stage = stage("tombstone_snapshot");
    stage.subscribe("");
    // It has no xid when the subscription goes, only a snapshot; and begins to write nine days later.
    let writer = stage.db.session().await;
    writer.execute("begin isolation level repeatable read; select count(*) from outbox.subscription").await;
    stage.db.psql("delete from outbox.subscription");
    stage.db.psql(NINE_DAYS_AGO);
    assert_eq!(stage.db.psql("select outbox.cancel_gone(), count(*) from outbox.subscription"), "0|1");
    assert_eq!(stage.count("outbox.subscription"), 1, "the tombstone waits");
    writer.execute("insert into orders values (1); commit").await;
    assert_eq!(stage.db.psql("select outbox.cancel_gone()"), "1");
    assert_eq!(
        stage.db.psql("select outcome, error from outbox.attempt"),
        "cancelled|the subscription was removed"
    );
    stage
        .db
        .wait_until_async(
            "select outbox.cancel_gone() = 0 and not exists (select from outbox.subscription)",
            SOON,
        )
        .await;
}
