create or replace function outbox.capture_is_trusted(relation regclass) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Whether the owner of a table could do anyway what the capture function of its watch may do; and the owners of tables that
    -- inherit from it, which may add columns of types of their own. Partitions cannot.
    -- Arguments: relation.
    -- Returns: true when they can become the owner of schema outbox.
    -- Touches: select pg_class, pg_namespace.
    select bool_and(pg_has_role(c.relowner, n.nspowner, 'MEMBER'))
    from pg_namespace n, pg_class c
    where n.nspname = 'outbox'
        and (c.oid = capture_is_trusted.relation
            or not c.relispartition and c.oid in (select outbox.descendants(capture_is_trusted.relation)))
$$;
