//! What a transaction says about itself, and bulk work without events.

use crate::installed::{login_roles, subscribed};
use crate::support::shared;

const SAID: &str = "select type, coalesce(source, '-'), coalesce(trace_id, '-'), coalesce(traceparent, '-')
    from outbox.event order by id";

#[test]
fn what_is_said_is_of_one_transaction() {
    let db = subscribed("context_said");
    db.psql(
        "create table item (id int primary key, n int); select outbox.watch('item', 'Item');
         begin; set local outbox.source = 'me'; set local outbox.trace_id = 't-1'; set local outbox.traceparent = '00-a-b-01';
         insert into item values (1, 1); select outbox.emit('Item.Update'); commit;
         update item set n = 2",
    );
    assert_eq!(
        db.psql(SAID),
        "Item.Create|me|t-1|00-a-b-01\nItem.Update|me|t-1|00-a-b-01\nItem.Update|-|-|-"
    );
}

#[test]
fn two_sources_of_one_object_are_none() {
    let db = subscribed("context_sources");
    db.psql(
        "create table item (id int primary key, n int); create table part (id int primary key, item int, n int);
         create function item_json(id int) returns jsonb language sql stable as $$ select '1'::jsonb $$;
         select outbox.watch('item', 'Item'), outbox.define_object('Built', 'item', 'item_json'),
             outbox.watch('part', 'Built', id => 'item');
         insert into item values (1, 1), (2, 2); insert into part values (1, 1, 1), (2, 2, 2);
         truncate outbox.event, outbox.delivery;
         begin; set local outbox.source = 'me'; set local outbox.trace_id = 'first'; update item set n = 3 where id = 1;
         update part set n = 3; set local outbox.source = 'you'; set local outbox.trace_id = 'last';
         update item set n = 4 where id = 1; commit",
    );
    let seen = "select string_agg(object || object_id || coalesce(source, '-') || trace_id, ' ' order by object, object_id)
        from outbox.event";
    assert_eq!(db.psql(seen), "Built1-last Built2mefirst Item1-last");
}

#[test]
fn bulk_work_without_events_is_on_record_and_not_for_the_application() {
    login_roles(shared(), &["context_owner", "context_writer"]);
    let db = subscribed("context_off");
    db.psql(
        "create table item (id int primary key, n int); alter table item owner to context_owner;
         select outbox.watch('item', 'Item'); grant insert, update on item to context_writer",
    );
    db.psql_as(
        "context_owner",
        "begin; set local outbox.capture = off; insert into item select i, i from generate_series(1, 7) i;
         update item set n = 0 where id > 5; update item set n = 0 where id > 99; commit; update item set n = 9 where id = 1",
    );
    db.psql_as("context_writer", "set outbox.capture = off; insert into item values (8, 8)");
    let kept = "select relation, operation, rows, by from outbox.uncaptured order by id";
    assert_eq!(db.psql(kept), "item|INSERT|7|context_owner\nitem|UPDATE|2|context_owner");
    let events = "select string_agg(type || ' ' || object_id, ', ' order by id) from outbox.event";
    assert_eq!(db.psql(events), "Item.Update 1, Item.Create 8");
}
