create or replace function outbox.object_key(object text, object_id text) returns bigint
language sql immutable parallel safe
as $$
    -- An object as open deliveries name it, where a newer event takes the place of older ones.
    -- Arguments: object and object_id, as in outbox.event.
    -- Returns: a digest of both; null when one is null.
    -- Touches: nothing.
    select pg_catalog.hashtextextended(
        object_key.object operator(pg_catalog.||) E'\x1f' operator(pg_catalog.||) object_key.object_id, 0)
$$;
