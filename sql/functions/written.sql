create or replace function outbox.written(watch integer, slot smallint, events bigint[], since bigint) returns setof outbox.event
language sql
set search_path = pg_catalog, pg_temp
as $$
    -- What the transaction has written of the objects of some of its events. Each object is looked up by itself, in the index by object, so
    -- that no other is read: under SERIALIZABLE their writers would be in conflict with this one. Part of outbox.merge_events(), with its rights.
    -- Arguments: watch; slot and events, as in outbox.event; since, no event before this one.
    -- Returns: the events, those given included.
    -- Touches: select outbox.event.
    select w.*
    from (
            select distinct n.object, n.object_id
            from unnest(written.events) as x (id) cross join lateral (
                select i.object, i.object_id from outbox.event i where i.slot = written.slot and i.id = x.id offset 0) n
        ) o
        cross join lateral (
            select e.* from outbox.event e
            where e.object = o.object and e.object_id = o.object_id and e.id >= written.since and e.watch = written.watch
                and e.xid = pg_current_xact_id()
            offset 0
        ) w
$$;
