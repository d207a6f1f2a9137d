create or replace function outbox.short_id(object_id text) returns text
language sql immutable parallel safe
as $$
    -- An object's id as events have it: the index of events could not hold a longer one. The digest keeps two of them apart.
    -- Arguments: object_id.
    -- Returns: the same, or with more than 1000 bytes its first 200 characters, ... and 64 hex digits.
    -- Touches: nothing.
    select case when pg_catalog.octet_length(short_id.object_id) operator(pg_catalog.>) 1000 then pg_catalog.concat(
        pg_catalog.left(short_id.object_id, 200), '...',
        pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(short_id.object_id, 'UTF8')), 'hex'))
        else short_id.object_id end
$$;
