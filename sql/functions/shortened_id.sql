create or replace function outbox.shortened_id(object_id text) returns text
language plpgsql immutable parallel safe
as $$
-- An object's id of more than 1000 bytes, as events have it: the index of events holds 2,700 bytes of object and id. On the writer's path: every name
-- with its schema. A function of its own, since each function that a statement names takes a tenth of a microsecond of it, called or not.
-- Arguments: object_id.
-- Returns: its first 200 characters and a digest.
-- Touches: nothing.
begin
    return pg_catalog.concat(pg_catalog.left(shortened_id.object_id, 200), '...',
        pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(shortened_id.object_id, 'UTF8')), 'hex'));
end
$$;
