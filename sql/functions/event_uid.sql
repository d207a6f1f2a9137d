create or replace function outbox.event_uid(id bigint) returns uuid
language sql volatile parallel safe
as $$
    -- A uid for an event, which carries its id (outbox.event_of()). Every name with its schema, so that it is inlined whatever the search_path is.
    -- Arguments: id, drawn from outbox.event_id.
    -- Returns: another one at each call.
    -- Touches: nothing.
    select (outbox.uid_mark() operator(pg_catalog.||) pg_catalog.to_hex(event_uid.id operator(pg_catalog.#) '-9223372036854775808'::bigint))::pg_catalog.uuid
$$;
