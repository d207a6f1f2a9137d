//! Events that very many subscriptions want: their writer leaves the deliveries to relays, and each is made once.

use std::collections::HashSet;
use std::time::Duration;

use crate::doorbell::{ASLEEP, NEVER};
use crate::installed::installed;
use crate::published::{add_publisher, publisher};
use crate::ring::add_helpers;
use crate::stage::{SOON, Stage};
use crate::support::Database;

/// Adds so many subscriptions to `Order.*`, with URLs of their own.
fn subscribe(db: &Database, url: &str, count: usize, columns: &str, values: &str) {
    db.psql(&format!(
        "insert into outbox.subscription (subscriber, pattern, url{columns}) \
         select 'many', 'Order.*', '{url}' || n{values} from generate_series(1, {count}) n"
    ));
}

fn many(db: &Database, count: usize) {
    subscribe(db, "https://example.com/", count, "", "");
}

/// How many deliveries there are, and events whose deliveries are not all made.
fn made(db: &Database) -> String {
    db.psql("select (select count(*) from outbox.delivery), (select count(*) from outbox.fan_out)")
}

const ONCE: &str =
    "select not exists (select from outbox.delivery group by event_id, subscription having count(*) > 1)";

#[test]
fn a_writer_makes_deliveries_up_to_a_limit_and_none_beyond() {
    let db = publisher("fan_out_limit");
    assert_eq!(db.psql("select outbox.fan_out_max()"), "200");
    many(&db, 199);
    subscribe(&db, "https://example.com/o/", 1, ", object_id", ", '7'");
    db.psql("select publish('{}', '7')");
    assert_eq!(made(&db), "200|0");
    subscribe(&db, "https://example.com/f/", 1, ", filter", ", '{\"a\": 1}'");
    db.psql("select publish('{}', '7')");
    assert_eq!(made(&db), "400|0", "the one that does not match does not count");
    db.psql("select publish('{\"a\": 1}', '7')");
    assert_eq!(made(&db), "400|1");
    assert_eq!(db.psql("select outbox.expand()"), "201");
    assert_eq!(made(&db), "601|0");
    assert_eq!(db.psql(ONCE), "t");
    assert_eq!(db.psql("select outbox.expand() is null"), "t");
}

#[test]
fn it_goes_on_where_it_was_and_takes_subscriptions_as_they_are() {
    let db = publisher("fan_out_steps");
    many(&db, 300);
    db.psql("select publish('{}', '7', 'billing')");
    assert_eq!(db.psql("select outbox.expand(100)"), "100");
    let progress = "select event_type, object_id, done, of from outbox.fanning_out";
    assert_eq!(db.psql(progress), "Order.Update|7|100|300");
    // One is removed, one wants something else, one excludes the source, one is paused, and one is new.
    db.psql(
        "delete from outbox.subscription where id in (50, 150);
         update outbox.subscription set filter = '{\"a\": 1}' where id = 151;
         update outbox.subscription set exclude_source = 'billing' where id = 152;
         update outbox.subscription set status = 'paused' where id = 153",
    );
    many_more(&db);
    assert_eq!(db.psql("select outbox.expand(100)"), "97");
    assert_eq!(db.psql("select outbox.expand(1000)"), "100");
    assert_eq!(db.psql("select outbox.expand(1000) is null"), "t");
    assert_eq!(made(&db), "297|0");
    assert_eq!(db.psql(ONCE), "t");
    assert_eq!(
        db.psql("select subscription, outcome, error from outbox.attempt"),
        "152|skipped|made by source billing, which this subscription excludes"
    );
}

fn many_more(db: &Database) {
    subscribe(db, "https://example.com/new/", 1, "", "");
}

/// Generated code writes the deliveries of plain subscriptions, and calls `deliver_special()` for the others.
#[test]
fn what_the_writer_has_made_itself_is_not_made_again() {
    let db = publisher("fan_out_special");
    many(&db, 5);
    subscribe(&db, "https://example.com/s/", 201, ", filter", ", '{\"a\": 1}'");
    db.psql("select publish_split('{\"a\": 1}')");
    assert_eq!(made(&db), "5|1");
    // And an event that was left to relays altogether is not touched by deliver_special().
    db.psql(
        "with e as (insert into outbox.event (slot, type, object, data)
             values (3, 'Order.Update', 'wide', '{\"a\": 1}') returning slot, id)
         insert into outbox.fan_out (event_slot, event_id) select slot, id from e;
         select outbox.deliver_special(slot, array[id]) from outbox.event where object = 'wide'",
    );
    assert_eq!(made(&db), "5|2");
    assert_eq!(db.psql("select outbox.expand(), outbox.expand()"), "201|206");
    assert_eq!((made(&db).as_str(), db.psql(ONCE).as_str()), ("412|0", "t"));
}

#[tokio::test]
async fn two_at_once_take_two_events_and_what_is_broken_off_is_done_again() {
    let db = publisher("fan_out_two");
    many(&db, 300);
    db.psql("select publish('{}'), publish('{}')");
    let (first, second) = (db.session().await, db.session().await);
    first.execute("begin").await;
    assert_eq!(first.query_text("select outbox.expand(200)").await, "200");
    assert_eq!(second.query_text("select outbox.expand(1000)").await, "300");
    assert_eq!(second.query_text("select outbox.expand(1000) is null").await, "t", "it does not wait");
    first.execute("rollback").await;
    assert_eq!(made(&db), "300|1");
    assert_eq!(second.query_text("select outbox.expand(1000)").await, "300");
    assert_eq!((made(&db).as_str(), db.psql(ONCE).as_str()), ("600|0", "t"));
}

#[test]
fn in_a_copy_of_the_database_nothing_is_made() {
    let db = publisher("fan_out_copy");
    many(&db, 201);
    db.psql("select publish('{}'); update outbox.setting set home = 'elsewhere'");
    assert_eq!(db.try_psql("select outbox.expand()").unwrap_err().sqlstate, "OX020");
    assert_eq!(made(&db), "0|1");
}

#[test]
fn an_event_with_deliveries_to_be_made_outlives_its_leaf() {
    let db = publisher("fan_out_ring");
    add_helpers(&db);
    many(&db, 201);
    db.psql("select publish('{\"a\": 1}'); select outbox.define_event_type('A'); select outbox.emit('A')");
    db.psql("select days_pass(7); call turn()");
    assert_eq!(db.psql("select place(1), place(2)"), "outbox.event_kept|nowhere");
    db.psql("select outbox.purge_old(noon())");
    assert_eq!(db.psql("select event_type, done from outbox.fanning_out"), "Order.Update|0");
    // A leaf that has one is not emptied, whatever was looked at before.
    db.psql(
        "update outbox.event set slot = slot - 8; insert into outbox.turn (leaf, written_on, walked_to)
         select 'event_' || slot, (occurred_at at time zone 'UTC')::date, null from outbox.event; call turn()",
    );
    assert_eq!(db.psql("select place(1), (select count(*) from outbox.turn)"), "outbox.event_kept|0");
    assert_eq!(db.psql("select outbox.expand()"), "201");
    assert_eq!(
        db.psql("select body::jsonb -> 'data' from outbox.claim('r', 1, '{}', '{}', 0)"),
        "{\"a\": 1}"
    );
    db.psql("delete from outbox.delivery; select outbox.purge_old(noon())");
    assert_eq!(db.psql("select place(1)"), "nowhere");
}

#[test]
fn an_event_that_is_gone_holds_nobody_up() {
    let db = publisher("fan_out_gone");
    many(&db, 201);
    db.psql("select publish('{}'), publish('{}'); delete from outbox.event where id = 1");
    assert_eq!(db.psql("select outbox.expand(), outbox.expand()"), "0|201");
    assert_eq!(made(&db), "201|0");
}

// With relays.

#[test]
fn a_relay_that_has_nothing_to_do_wakes_for_it() {
    let stage = Stage::new("fan_out_bell");
    add_publisher(&stage.db);
    subscribe(&stage.db, &stage.receiver.url("/"), 201, "", "");
    let _relay = stage.relay_with(&NEVER);
    for nth in 1..=2 {
        stage.db.wait_until(ASLEEP, SOON);
        stage.db.psql("select publish('{}')");
        stage.receiver.wait_for(nth * 201, SOON);
        stage.wait_until_drained();
    }
    assert_eq!(made(&stage.db), "0|0");
}

#[test]
fn a_relay_that_drains_and_exits_leaves_none() {
    let stage = Stage::new("fan_out_once");
    add_publisher(&stage.db);
    // More than one call looks at, none of which the first thousand want.
    subscribe(&stage.db, &stage.receiver.url("/o"), 1000, ", object_id", ", n::text");
    subscribe(&stage.db, &stage.receiver.url("/"), 201, "", "");
    stage.db.psql("select publish('{}', 'x')");
    assert_eq!(stage.once().code, 0);
    assert_eq!((stage.receiver.count(), made(&stage.db).as_str()), (201, "0|0"));
}

/// The first relay is killed between two steps, while its statement runs; two others take over.
#[test]
fn killed_in_the_middle_each_subscription_gets_it_once() {
    let stage = Stage::new("fan_out_killed");
    let db = &stage.db;
    add_publisher(db);
    // Paused, so that nothing is under way when it is killed: that would be sent again.
    subscribe(db, &stage.receiver.url("/"), 1200, ", status", ", 'paused'");
    db.psql(
        "create function hold() returns trigger language plpgsql as $$ begin
             if (select walked_to > 0 from outbox.fan_out) then perform pg_advisory_xact_lock_shared(77); end if;
             return null; end $$;
         create trigger hold after insert on outbox.delivery for each statement execute function hold();
         select publish('{}')",
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let holder = runtime.block_on(async {
        let session = db.session().await;
        session.execute("select pg_advisory_lock(77)").await;
        session
    });
    let first = stage.relay();
    let held = "select exists (select from pg_locks where locktype = 'advisory' and objid = 77 and not granted \
        and database = (select oid from pg_database where datname = current_database()))";
    db.wait_until(held, SOON);
    assert_eq!(made(db), "1000|1");
    first.signal("KILL");
    assert_eq!(first.wait(SOON), 137);
    let relays = [stage.relay(), stage.relay()];
    runtime.block_on(holder.execute("select pg_advisory_unlock(77)"));
    db.wait_until("select count(*) = 1200 from outbox.delivery", SOON);
    db.psql("update outbox.subscription set status = 'active'");
    db.wait_until("select not exists (select from outbox.delivery)", Duration::from_mins(2));
    let requests = stage.receiver.requests();
    let ids: HashSet<_> =
        requests.iter().map(|request| request.header("webhook-id").unwrap().to_owned()).collect();
    assert_eq!((requests.len(), ids.len()), (1200, 1200));
    assert_eq!(made(db), "0|0");
    drop(relays);
}

/// A capture looks at a few subscriptions first, and at each kind by itself when there are more.
#[test]
fn a_crowd_that_wants_something_else_takes_nobodys_place() {
    let db = installed("fan_out_crowd");
    db.psql(
        "create table item (id int primary key, n int); create table single (id int primary key, n int);
         insert into item values (1, 0); insert into single values (1, 0);
         select outbox.watch('item', 'Item', mode => 'each'), outbox.watch('single', 'Single');
         insert into outbox.subscriber values ('crowd'), ('one');
         insert into outbox.subscription (subscriber, pattern, url)
         select 'crowd', o || '.Create', 'https://example.com/' || n
         from generate_series(1, 300) n, unnest('{Item,Single}'::text[]) o;
         insert into outbox.subscription (subscriber, pattern, url, object_id)
         select 'crowd', o || '.Update', 'https://example.com/' || n, 'no ' || n
         from generate_series(1, 300) n, unnest('{Item,Single}'::text[]) o;
         select outbox.subscribe('one', o || '.Update', 'https://example.com/') from unnest('{Item,Single}'::text[]) o",
    );
    db.psql("update item set n = 1; update single set n = 1");
    let told = "select e.type, s.subscriber from outbox.delivery d join outbox.event e on e.id = d.event_id \
        join outbox.subscription s on s.id = d.subscription order by 1, 2";
    assert_eq!(db.psql(told), "Item.Update|one\nSingle.Update|one");
    db.psql("delete from outbox.delivery; delete from outbox.subscription where pattern = 'Item.Update' and subscriber = 'one'");
    db.psql("update item set n = 2");
    assert_eq!(db.psql(told), "");
}
