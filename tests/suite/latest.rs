//! Objects of mode latest: a newer event takes the place of older ones that are still waiting, on record.

use crate::published::{add_publisher, publisher, wanted_by};
use crate::stage::{SOON, Stage, text};
use crate::support::{Database, Gate, Reply};

/// Makes `Order` an object of mode latest, as `outbox.watch()` does.
const LATEST: &str = "insert into outbox.object (name, owner, mode) values ('Order', 'postgres', 'latest') \
    on conflict (name) do update set mode = excluded.mode";

fn latest(hint: &str) -> Database {
    let db = publisher(hint);
    db.psql(LATEST);
    db.psql(
        "select outbox.subscribe('a', 'Order.*', 'https://example.com/'),
            outbox.subscribe('b', '*', 'https://example.com/', filter => '{\"b\": 1}')",
    );
    db
}

/// What the ledger says: subscription, event, outcome, error.
const RECORD: &str = "select string_agg(concat_ws(' ', subscription, event_id, attempt, outcome, error), '; ' order by id) \
    from outbox.attempt";

#[test]
fn a_newer_event_ends_what_waits_for_the_same_object_and_subscription() {
    let db = latest("latest_waiting");
    db.psql(
        "select publish('{}', '7'), publish('{}', '8'), publish('{}'), publish('{}', '7', object => 'Other')",
    );
    db.psql(
        "update outbox.delivery set attempt = 3, due_at = clock_timestamp() + '1 hour' where event_id = 1",
    );
    db.psql("select publish('{\"b\": 1}', '7')");
    assert_eq!(db.psql(RECORD), "1 1 3 skipped superseded by event 5");
    assert_eq!(wanted_by(&db, "5"), "1,2");
    // What subscription 2 does not want supersedes nothing of its.
    db.psql("select publish('{}', '7'), publish('{}')");
    assert_eq!(
        db.psql(
            "select string_agg(subscription || ' ' || event_id, ', ' order by event_id) from outbox.delivery"
        ),
        "1 2, 1 3, 1 4, 2 5, 1 6, 1 7"
    );
    assert_eq!(db.psql(RECORD), "1 1 3 skipped superseded by event 5; 1 5 0 skipped superseded by event 6");
    let state = "select f.state, f.error from outbox.event e, outbox.find(e.uid::text) f where e.id = 1";
    assert_eq!(db.psql(state), "skipped|superseded by event 5");
    // Other modes keep them all.
    db.psql("update outbox.object set mode = 'transaction'");
    db.psql("select publish('{}', '7'), publish('{}', '7')");
    assert_eq!(db.psql("select count(*) from outbox.delivery where object_key is null"), "5");
    assert_eq!(db.psql("select count(*) from outbox.attempt"), "2");
}

#[test]
fn several_events_of_one_call_leave_the_newest() {
    let db = latest("latest_batch");
    db.psql(
        "with e as (insert into outbox.event (slot, type, object, object_id, data)
             select 3, 'Order.Update', 'Order', (n % 2)::text, '{}' from generate_series(1, 6) n returning id)
         select array_agg(id) as ids into temp t from e;
         select outbox.deliver(3::smallint, ids) from t",
    );
    assert_eq!(
        db.psql("select string_agg(event_id::text, ',' order by event_id) from outbox.delivery"),
        "5,6"
    );
    assert_eq!(db.psql("select count(*) from outbox.attempt where outcome = 'skipped'"), "4");
}

#[test]
fn a_rolled_back_change_supersedes_nothing() {
    let db = latest("latest_rollback");
    db.psql("select publish('{}', '7'); begin; select publish('{}', '7'); rollback");
    assert_eq!(db.psql("select event_id, (select count(*) from outbox.attempt) from outbox.delivery"), "1|0");
}

/// The relay changes deliveries all the time, and a writer under REPEATABLE READ may not fail for that.
#[tokio::test]
async fn a_writer_with_an_old_snapshot_supersedes_what_it_can_and_does_not_fail() {
    let db = latest("latest_isolation");
    db.psql("select publish('{}', '7')");
    let writer = db.session().await;
    writer.execute("begin isolation level repeatable read; select 1 from outbox.delivery").await;
    db.psql("update outbox.delivery set attempt = attempt + 1");
    writer.execute("select publish('{}', '7'); commit").await;
    assert_eq!(db.psql("select count(*), (select count(*) from outbox.attempt) from outbox.delivery"), "2|0");
    // One that is locked is passed over.
    let claim = db.session().await;
    claim.execute("begin; select from outbox.delivery where event_id = 1 for update").await;
    db.psql("set lock_timeout = '1 s'; select publish('{}', '7')");
    assert_eq!(db.psql(RECORD), "1 2 0 skipped superseded by event 3");
    claim.execute("rollback").await;
}

#[test]
fn a_post_under_way_is_recorded_as_late_and_changes_nothing() {
    for status in [200, 500] {
        let stage = Stage::new("latest_under_way");
        add_publisher(&stage.db);
        stage.db.psql(LATEST);
        stage.subscribe("backoff_base => '1 day', backoff_cap => '1 day'");
        let gate = Gate::new();
        let held = gate.clone();
        stage.receiver.reply_with(move |_, nth| {
            if nth == 1 { Reply::status(status).gate(&held) } else { Reply::default() }
        });
        stage.db.psql("select publish('{\"n\": 1}', '7')");
        let _relay = stage.relay();
        stage.receiver.wait_for(1, SOON);
        stage.db.psql("select publish('{\"n\": 2}', '7')");
        stage.receiver.wait_for(2, SOON);
        stage.wait_until_drained();
        gate.open();
        let rows = stage.wait_for_attempts(3);
        let told: Vec<_> = rows
            .iter()
            .map(|row| {
                (
                    row["event_id"].as_i64().unwrap(),
                    text(row, "class"),
                    text(row, "outcome"),
                    row["late"] == true,
                )
            })
            .collect();
        let class = if status == 200 { "delivered" } else { "rejected" };
        assert_eq!(
            told,
            [(1, "", "skipped", false), (2, "delivered", "delivered", false), (1, class, "", true)]
        );
        assert_eq!(stage.count("outbox.delivery"), 0);
        assert_eq!(stage.receiver.count(), 2);
    }
}

/// A relay that records an outcome does not wait for a writer that is slow to commit.
#[test]
fn a_writer_leaves_alone_what_is_being_sent() {
    let stage = Stage::new("latest_writer");
    add_publisher(&stage.db);
    stage.db.psql(LATEST);
    stage.subscribe("");
    let gate = Gate::new();
    stage.receiver.reply(Reply::default().gate(&gate));
    stage.db.psql("select publish('{\"n\": 1}', '7')");
    let _relay = stage.relay();
    stage.receiver.wait_for(1, SOON);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let writer = stage.db.session().await;
        writer.execute("begin; select publish('{\"n\": 2}', '7')").await;
        gate.open();
        let settled =
            "select exists (select from outbox.attempt where outcome = 'delivered' and event_id = 1)";
        stage.db.wait_until_async(settled, SOON).await;
        writer.execute("commit").await;
    });
    stage.wait_until_drained();
    assert_eq!(stage.db.psql(RECORD), "1 1 1 delivered; 1 2 1 delivered");
}

/// A relay that died, or two that claimed at the same moment: the older one is open when the newer has been sent.
#[tokio::test]
async fn nothing_old_is_sent_after_something_newer() {
    let db = latest("latest_claims");
    let claim =
        "select coalesce(string_agg(event_id::text, ','), '') from outbox.claim('r', 10, '{}', '{}', 0)";
    db.psql("select publish('{}', '7')");
    assert_eq!(db.psql(claim), "1");
    db.psql("select publish('{}', '7')");
    assert_eq!(db.psql(RECORD), "", "it is being sent");
    let other = db.session().await;
    other.execute("begin; select from outbox.delivery where event_id = 1 for update").await;
    assert_eq!(db.psql(claim), "2");
    other.execute("rollback").await;
    db.psql(
        "with d as (delete from outbox.delivery where event_id = 2 returning *)
         insert into outbox.attempt (slot, delivery, attempt, subscription, event_slot, event_id, started_at, class, outcome)
         select 3, id, 1, subscription, event_slot, event_id, clock_timestamp(), 'delivered', 'delivered' from d;
         update outbox.delivery set due_at = clock_timestamp()",
    );
    assert_eq!(db.psql(claim), "");
    assert_eq!(db.psql(RECORD), "1 2 1 delivered; 1 1 1 skipped superseded by event 2");
    // Both due at once: one of them is handed out.
    db.psql("update outbox.object set mode = 'transaction'; select publish('{}', '7'), publish('{}', '7')");
    db.psql("update outbox.delivery set object_key = 5");
    assert_eq!(db.psql(claim), "4");
}

#[test]
fn a_dead_one_that_is_retried_gives_way_as_well() {
    let db = latest("latest_retry");
    db.psql(
        "select publish('{}', '7');
         with d as (delete from outbox.delivery returning *)
         insert into outbox.dead_letter (delivery, subscription, event_slot, event_id, attempt, reason)
         select id, subscription, event_slot, event_id, 1, 'no' from d;
         select outbox.retry(delivery) from outbox.dead_letter",
    );
    db.psql("select publish('{}', '7')");
    assert_eq!(db.psql(RECORD), "1 1 0 sent again by postgres; 1 1 1 skipped superseded by event 2");
}

/// Relays may come to an older event after a newer one was delivered.
#[test]
fn what_was_left_to_relays_does_not_come_after_something_newer() {
    let db = latest("latest_wide");
    db.psql(
        "insert into outbox.subscription (subscriber, pattern, url)
         select 'many', 'Order.*', 'https://example.com/' || n from generate_series(1, 200) n;
         select publish('{}', '7'), publish('{}', '7')",
    );
    assert_eq!(db.psql("select outbox.expand(100), outbox.expand(100), outbox.expand(100)"), "99|100|2");
    assert_eq!(db.psql("select outbox.expand(1000)"), "201");
    let found = "select (select string_agg(distinct event_id::text, ',') from outbox.delivery), \
        (select count(*) from outbox.delivery), (select count(*) from outbox.attempt where error = 'superseded by event 2')";
    assert_eq!(db.psql(found), "2|201|201");
    // A newer one that fewer want is delivered at once: to one it is open still, from another it has gone.
    db.psql(
        "delete from outbox.delivery; delete from outbox.attempt; select publish('{}', '7');
         update outbox.subscription set filter = '{\"b\": 1}' where subscriber = 'many' and url not like '%/1_';
         select publish('{}', '7');
         with d as (delete from outbox.delivery where subscription = 14 returning *)
         insert into outbox.attempt (slot, delivery, attempt, subscription, event_slot, event_id, started_at, class, outcome)
         select 3, id, 1, subscription, event_slot, event_id, clock_timestamp(), 'delivered', 'delivered' from d;
         update outbox.subscription set filter = null where subscriber = 'many'",
    );
    assert_eq!(db.psql("select count(*) from outbox.delivery"), "10");
    assert_eq!(db.psql("select outbox.expand(1000)"), "190");
    let skipped = "select count(*), bool_or(subscription = 14) from outbox.attempt where error = 'superseded by event 4'";
    assert_eq!(db.psql(skipped), "11|t");
}

/// The order of an object's events is kept by whoever expands them.
#[tokio::test]
async fn of_two_events_left_to_relays_the_older_comes_first() {
    let db = latest("latest_order");
    db.psql(
        "insert into outbox.subscription (subscriber, pattern, url)
         select 'many', 'Order.*', 'https://example.com/' || n from generate_series(1, 200) n;
         select publish('{}', '7'), publish('{}', '7'), publish('{}', '8')",
    );
    let (first, second) = (db.session().await, db.session().await);
    first.execute("begin").await;
    assert_eq!(first.query_text("select outbox.expand(100)").await, "99");
    assert_eq!(second.query_text("select outbox.expand(1000)").await, "201");
    let made = "select string_agg(distinct event_id::text, ',') from outbox.delivery";
    assert_eq!(db.psql(made), "3", "that of another object");
    assert_eq!(second.query_text("select outbox.expand(1000) is null").await, "t");
    first.execute("commit").await;
    assert_eq!(second.query_text("select outbox.expand(1000)").await, "102");
    assert_eq!(second.query_text("select outbox.expand(1000)").await, "201");
    assert_eq!(db.psql(made), "2,3");
}
