create or replace function outbox.slot(moment timestamptz) returns smallint
language sql immutable parallel safe
as $$
    -- The leaf of the ring that a row written at `moment` belongs to: one leaf per UTC day, eight leaves in turn.
    -- Everything is named with its schema: it is called, and inlined, with the search_path of whoever writes.
    -- Arguments: moment, when the row is written.
    -- Returns: 0..7, the slot column of outbox.event and outbox.attempt.
    -- Touches: nothing.
    select pg_catalog.mod(
        pg_catalog.mod(pg_catalog.floor(extract(epoch from pg_catalog.timezone('UTC', slot.moment)) operator(pg_catalog./) 86400)::bigint, 8::bigint)
            operator(pg_catalog.+) 8::bigint, 8::bigint)::smallint
$$;
