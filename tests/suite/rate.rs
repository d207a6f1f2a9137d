//! POSTs per second of a subscription, over all relays.

use crate::installed::installed;
use crate::stage::Stage;
use crate::support::Database;

const CLAIM: &str = "select count(*) from outbox.claim('r', 1000, '{}', '{}', 0)";

/// A database with a subscription of this rate and another without one, and so many events for both.
fn outbox(hint: &str, rate: &str, events: u32) -> Database {
    let db = installed(hint);
    db.psql(&format!(
        "select outbox.define_event_type('A');
         select outbox.subscribe('a', 'A', 'https://e.com/', rate => {rate}, concurrency => 1000),
             outbox.subscribe('b', 'A', 'https://e.com/', concurrency => 1000);
         select count(outbox.emit('A')) from generate_series(1, {events});
         create function back(span interval) returns void language sql as
             $$ update outbox.subscription_health set tat = tat - span $$"
    ));
    db
}

#[tokio::test]
async fn two_relays_have_one_rate_between_them() {
    // Slow enough that the machine cannot be.
    let db = outbox("rate_shared", "0.001", 100);
    let (first, second) = (db.session().await, db.session().await);
    let one = first.query_text(&format!("begin; {CLAIM}")).await;
    let other = second.query_text(&format!("begin; set local lock_timeout = '1 ms'; {CLAIM}; commit")).await;
    first.execute("commit").await;
    assert_eq!((one.as_str(), other.as_str()), ("101", "0"), "one, and all that has no rate; nobody waits");
    assert_eq!(second.query_text(CLAIM).await, "0", "it is used up");
    assert_eq!(db.psql("select outbox.next_due(0) between 990000 and 1000000"), "f", "leases end before");
    db.psql("update outbox.delivery set due_at = clock_timestamp() + '1 day' where leased_by is not null");
    assert_eq!(
        db.psql("select outbox.next_due(0) between 900000 and 1000000"),
        "t",
        "a relay sleeps until then"
    );
    assert_eq!(
        db.psql("select due_at, held from outbox.measure(9) where subscription = 1"),
        "|0",
        "nobody is stalled"
    );
    db.psql("select back('900 s')");
    assert_eq!(second.query_text(CLAIM).await, "0");
    db.psql("select back('100 s')");
    assert_eq!(second.query_text(CLAIM).await, "1");
}

/// After a pause a second's worth goes at once, then what time brings.
#[test]
fn a_pause_is_worth_a_second_and_no_more() {
    let db = outbox("rate_burst", "10", 300);
    db.psql("update outbox.delivery set due_at = clock_timestamp() + '1 day' where subscription = 2;");
    let plays = [
        // rate, how far the clock's stand-in goes on before it, how many come
        ("0.001", "0", 1),
        ("0.001", "900 s", 0),
        ("0.001", "100 s", 1),
        ("0.001", "1 day", 1),
        // Raised a hundred thousand times, what was ahead is not: it begins anew.
        ("100", "0", 100),
    ];
    for (rate, back, expected) in plays {
        db.psql(&format!("update outbox.subscription set rate = {rate} where id = 1; select back('{back}')"));
        assert_eq!(db.psql(CLAIM), expected.to_string(), "{rate} after {back}");
    }
    // A clock that has been set back holds nobody for an hour.
    db.psql(
        "update outbox.delivery set due_at = clock_timestamp(), leased_by = null where subscription = 1; \
             update outbox.subscription set rate = 2 where id = 1; select back('-1 hour')",
    );
    assert_eq!(db.psql(CLAIM), "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn relays_that_claim_at_once_never_exceed_it() {
    let db = outbox("rate_storm", "50", 2000);
    db.psql(
        "update outbox.delivery set due_at = clock_timestamp() + '1 day' where subscription = 2; \
             create table began as select clock_timestamp() as at",
    );
    let mut relays = Vec::new();
    for _ in 0..4 {
        let relay = db.session().await;
        relays.push(tokio::spawn(async move {
            for _ in 0..100 {
                relay.query_text(CLAIM).await;
            }
        }));
    }
    for relay in relays {
        relay.await.unwrap();
    }
    let within =
        "select count(*) <= 50 + ceil(50 * extract(epoch from clock_timestamp() - (select at from began))),
        count(*) >= 50 from outbox.delivery where leased_by is not null";
    assert_eq!(db.psql(within), "t|t");
}

#[test]
fn it_costs_only_those_that_have_one() {
    let db = outbox("rate_rows", "10", 5);
    db.psql(CLAIM);
    assert_eq!(db.psql("select subscription, tat is not null from outbox.subscription_health"), "1|t");
    // What was not taken, for want of slots, is not used up.
    let db = outbox("rate_cut", "10", 100);
    db.psql("update outbox.subscription set status = 'paused' where id = 2");
    db.psql("create table began as select clock_timestamp() as at");
    assert_eq!(db.psql("select count(*) from outbox.claim('r', 3, '{}', '{}', 0)"), "3");
    // It counts from some moment between the two.
    let ahead = "select max(h.tat) - min(b.at) >= interval '0.3 s',
            max(h.tat) - (max(d.due_at) - interval '35 s') <= interval '0.3 s'
        from outbox.subscription_health h, outbox.delivery d, began b where d.leased_by = 'r'";
    assert_eq!(db.psql(ahead), "t|t", "three at ten per second");
}

/// What is above the rate stays due, and a relay comes back for it by itself: nobody rings.
#[test]
fn nothing_is_left_behind() {
    let stage = Stage::new("rate_relay");
    let slow = stage.subscribe_url(&stage.receiver.url("/rated"), "rate => 40");
    stage.subscribe_url(&stage.receiver.url("/free"), "");
    stage.emit(60);
    let _relay = stage.relay_with(&["--poll-ms", "60000"]);
    stage.wait_until_drained();
    assert_eq!(stage.receiver.count(), 120);
    let rated = format!("outbox.attempt where subscription = {slow}");
    assert_eq!(stage.count(&format!("{rated} and attempt > 1")), 0, "none was tried twice");
    let last = format!(
        "select max(a.started_at) - (select min(occurred_at) from outbox.event) > '490 ms' \
         from outbox.attempt a where a.subscription = {slow}"
    );
    assert_eq!(stage.db.psql(&last), "t", "a second's worth at once, and half a second for the rest");
}
