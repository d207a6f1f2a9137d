//! Events as captures write them, without a table: their deliveries by `outbox.deliver()`.

use crate::installed::installed;
use crate::support::Database;

/// `publish()` writes an event and makes its deliveries; `publish_split()` does what generated code does, which writes the
/// deliveries of plain subscriptions itself. Both ring as writers do and return the event's id.
const HELPERS: &str = "
    create function publish(data jsonb, object_id text default null, source text default null,
        type text default 'Order.Update', object text default 'Order') returns bigint language plpgsql as $$
    declare
        _slot smallint := outbox.slot(pg_catalog.clock_timestamp());
        _id   bigint;
    begin
        insert into outbox.event as e (slot, type, object, object_id, data, source)
        values (_slot, publish.type, publish.object, publish.object_id, publish.data, publish.source) returning e.id into _id;
        perform outbox.ring() from outbox.deliver(_slot, array[_id]), outbox.doorbell d
        where d.last_value operator(pg_catalog.=) 1;
        return _id;
    end $$;
    create function publish_split(data jsonb, object_id text default null, source text default null) returns bigint
    language plpgsql as $$
    declare
        _slot smallint := outbox.slot(clock_timestamp());
        _id   bigint;
    begin
        insert into outbox.event as e (slot, type, object, object_id, data, source)
        values (_slot, 'Order.Update', 'Order', publish_split.object_id, publish_split.data, publish_split.source)
        returning e.id into _id;
        insert into outbox.delivery (subscription, event_slot, event_id)
        select s.id, _slot, _id from outbox.subscription s
        where s.pattern = any (outbox.patterns('Order.Update')) and s.status <> 'gone' and not s.special;
        perform outbox.deliver_special(_slot, array[_id]);
        return _id;
    end $$;
    select outbox.define_event_type(t) from unnest('{Order.Create,Order.Update,Order.Delete}'::text[]) t";

/// A database with the functions above and the types of an object `Order`.
pub(crate) fn publisher(hint: &str) -> Database {
    let db = installed(hint);
    add_publisher(&db);
    db
}

/// Adds the functions to a database.
pub(crate) fn add_publisher(db: &Database) {
    db.psql(HELPERS);
}

/// The subscriptions that have open deliveries of an event, `1,3`.
pub(crate) fn wanted_by(db: &Database, event: &str) -> String {
    db.psql(&format!(
        "select coalesce(string_agg(subscription::text, ',' order by subscription), '') \
         from outbox.delivery where event_id = {event}"
    ))
}
