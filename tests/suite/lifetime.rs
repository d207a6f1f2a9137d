//! Subscriptions that end by themselves: at a time, or after so many deliveries.

use crate::ring::{emit, ring};
use crate::stage::{SOON, Stage};
use crate::support::{Gate, Reply};

const CLAIM: &str = "select coalesce(string_agg(delivery::text, ',' order by delivery), '') from \
    outbox.claim('r', 99, '{}', '{}', 0)";

#[test]
fn after_its_time_nothing_is_handed_out_and_what_is_open_is_cancelled() {
    let db = ring("lifetime_expires");
    emit(&db, 2);
    db.psql("update outbox.subscription set expires_at = clock_timestamp() + interval '1 hour'");
    db.psql("select outbox.end_subscriptions()");
    assert_eq!(
        db.psql("select delivery from outbox.claim('r', 1, '{}', '{}', 0)"),
        "1",
        "its time is to come"
    );
    db.psql("update outbox.subscription set expires_at = clock_timestamp()");
    emit(&db, 1);
    assert_eq!(db.psql(CLAIM), "", "nobody has kept house yet");
    assert_eq!(db.psql("select outbox.cancel_gone()"), "2", "the one that is being sent is left alone");
    let reason = "select status || ' ' || gone_reason from outbox.subscription";
    let reason = db.psql(reason);
    assert!(reason.starts_with("gone the subscription expired at 2"), "{reason}");
    emit(&db, 1);
    let ledger = "select string_agg(delivery || ' ' || outcome || ' ' || left(error, 27), '; ' order by \
        delivery) from outbox.attempt";
    assert_eq!(
        db.psql(ledger),
        "2 cancelled the subscription expired at; 3 cancelled the subscription expired at"
    );
    db.psql("update outbox.delivery set due_at = clock_timestamp()");
    assert_eq!(db.psql("select outbox.cancel_gone()"), "1", "its lease is over");
    // One that somebody removed has no other reason; an edit under way does not hold up the house.
    db.psql(
        "select outbox.subscribe('b', 'A', 'https://e.com/b'), outbox.emit('A'), outbox.unsubscribe(2), \
        outbox.cancel_gone()",
    );
    assert_eq!(
        db.psql("select error from outbox.attempt order by id desc limit 1"),
        "the subscription was removed"
    );
}

#[tokio::test]
async fn one_that_somebody_edits_is_ended_later() {
    let db = ring("lifetime_edited");
    db.psql("update outbox.subscription set expires_at = clock_timestamp()");
    let editor = db.session().await;
    editor.execute("begin; update outbox.subscription set concurrency = 3").await;
    assert_eq!(db.psql("set lock_timeout = '5 s'; select outbox.end_subscriptions()"), "0");
    editor.execute("commit").await;
    assert_eq!(db.psql("select outbox.end_subscriptions(), outbox.end_subscriptions()"), "1|0");
}

#[test]
fn after_its_number_of_deliveries_it_ends() {
    let db = ring("lifetime_number");
    db.psql("update outbox.subscription set max_deliveries = 3");
    emit(&db, 6);
    assert_eq!(db.psql(CLAIM), "1,2,3", "no more than may be delivered");
    assert_eq!(db.psql(CLAIM), "", "as many are under way");
    // One fails: another may have its place.
    let settle = |delivery: u32, class: &str, outcome: &str, pause: &str| {
        db.psql(&format!(
            "select outbox.settle('r', false, array[{delivery}], array[1], '{{1}}', array[outbox.slot(now())], \
                array[{delivery}], '{{10}}', '{{5}}', \
             array['{class}'], '{{200}}', '{{null}}', '{{null}}', '{{null}}', array[{outcome}], array[{pause}::float8])"
        ))
    };
    settle(1, "delivered", "'delivered'", "null");
    assert_eq!(db.psql(CLAIM), "");
    settle(2, "rejected", "null", "3600000");
    assert_eq!(db.psql(CLAIM), "4");
    // What is reported twice, or late for one that has ended, counts once.
    settle(1, "delivered", "'delivered'", "null");
    assert_eq!(db.psql("select delivered, spent from outbox.allowance"), "1|f");
    settle(3, "delivered", "'delivered'", "null");
    assert_eq!(db.psql("select outbox.cancel_gone()"), "0");
    settle(4, "delivered", "'delivered'", "null");
    assert_eq!(db.psql("select delivered, spent from outbox.allowance"), "3|t");
    assert_eq!(db.psql(CLAIM), "");
    assert_eq!(db.psql("select outbox.cancel_gone()"), "3");
    assert_eq!(
        db.psql(
            "select status, gone_reason, (select count(*) from outbox.allowance) from outbox.subscription"
        ),
        "gone|the subscription has had its 3 deliveries|0"
    );
    let cancelled = "select string_agg(delivery::text, ',' order by delivery), max(error) from outbox.attempt \
        where outcome = 'cancelled'";
    assert_eq!(db.psql(cancelled), "2,5,6|the subscription has had its 3 deliveries");
    // Others are not counted.
    db.psql(
        "select outbox.subscribe('b', 'A', 'https://e.com/b'), outbox.emit('A'), settle_all('delivered')",
    );
    assert_eq!(db.psql("select count(*) from outbox.allowance"), "0");
}

#[test]
fn the_number_may_be_changed() {
    let db = ring("lifetime_changed");
    db.psql("update outbox.subscription set max_deliveries = 5, concurrency = 2");
    emit(&db, 8);
    db.psql("select settle_all('delivered')");
    assert_eq!(db.psql("select delivered, spent from outbox.allowance"), "2|f");
    db.psql("set role outbox_admin; update outbox.subscription set max_deliveries = 2");
    assert_eq!(db.psql(CLAIM), "");
    db.psql("update outbox.subscription set max_deliveries = null");
    assert_eq!(db.psql("select outbox.end_subscriptions()"), "0");
    db.psql("update outbox.subscription set max_deliveries = 3");
    assert_eq!(db.psql("select count(*) from outbox.claim('r', 99, '{}', '{}', 0)"), "1");
    db.psql("update outbox.subscription set max_deliveries = 2");
    assert_eq!(db.psql("select outbox.end_subscriptions()"), "1");
}

/// Two relays pick at the same moment: neither sees the other's leases.
#[tokio::test]
async fn two_relays_do_not_both_hand_out_the_last() {
    let db = ring("lifetime_two");
    db.psql(
        "select outbox.subscribe('b', 'A', 'https://e.com/b', max_deliveries => 1), outbox.subscribe('c', \
        'A', 'https://e.com/c', max_deliveries => 3)",
    );
    db.psql("update outbox.subscription set concurrency = 2");
    emit(&db, 6);
    let claim = |relay: &str, after: u32| {
        format!(
            "select string_agg(subscription::text, ',' order by subscription) from outbox.claim('{relay}', 99, \
                '{{}}', '{{}}', {after})"
        )
    };
    let (first, second) = (db.session().await, db.session().await);
    assert_eq!(first.query_text(&format!("begin; {}", claim("r1", 0))).await, "1,1,2,3,3");
    let pid = second.pid();
    // It begins elsewhere, as relays do; their locks have one order all the same.
    let waiting = tokio::spawn(async move { second.query_text(&claim("r2", 2)).await });
    db.wait_until_locked_out(pid, SOON).await;
    first.execute("commit").await;
    assert_eq!(waiting.await.unwrap(), "1,1,3");
    let held = "select string_agg(n || ' ' || subscription, ', ' order by subscription) from \
        (select subscription, count(*) as n from outbox.delivery where leased_by is not null group by 1) c";
    assert_eq!(db.psql(held), "4 1, 1 2, 3 3");
}

#[test]
fn a_relay_delivers_so_many_and_cancels_the_rest() {
    let stage = Stage::new("lifetime_relay");
    let gate = Gate::new();
    let held = gate.clone();
    stage
        .receiver
        .reply_with(move |_, nth| if nth == 1 { Reply::status(503) } else { Reply::default().gate(&held) });
    stage.subscribe("max_deliveries => 2, backoff_base => '1 ms', backoff_cap => '1 ms'");
    stage.emit(5);
    let _relays = [stage.relay(), stage.relay()];
    stage.receiver.wait_for(3, SOON);
    gate.open();
    stage.wait_until_drained();
    assert_eq!(stage.receiver.count(), 3, "one refusal, two deliveries");
    let outcomes = "select string_agg(outcome || ' ' || n, ', ' order by outcome) from \
        (select outcome, count(*) as n from outbox.attempt where outcome is not null group by 1) o";
    assert_eq!(stage.db.psql(outcomes), "cancelled 3, delivered 2");
}
