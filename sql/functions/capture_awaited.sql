create or replace function outbox.capture_awaited(watch outbox.watch) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    -- A query for the objects of which the transaction has written an event that waits for its commit, for the body of a watch's trigger function.
    -- Arguments: watch.
    -- Returns: a query of one text column.
    -- Touches: nothing.
    select format($q$
                    select w.object_id from outbox.awaiting as a join outbox.event as w
                        on w.slot operator(pg_catalog.=) a.event_slot and w.id operator(pg_catalog.=) a.event_id
                    where a.xid operator(pg_catalog.=) pg_catalog.pg_current_xact_id() and w.watch operator(pg_catalog.=) %s$q$,
        capture_awaited.watch.id)
$$;
