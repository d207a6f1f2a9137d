create or replace function outbox.event_of(uid uuid) returns bigint
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    -- The id of the event that has this uid, if there is one: its second half is the id, with the highest bit set.
    -- Arguments: uid, any.
    -- Returns: outbox.event.id. Whoever looks the event up by it compares the uid as well.
    -- Touches: nothing.
    select ('x' || right(replace(event_of.uid::text, '-', ''), 16))::bit(64)::bigint # '-9223372036854775808'::bigint
$$;
