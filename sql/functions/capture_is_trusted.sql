create or replace function outbox.capture_is_trusted(relation regclass) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Whether the owner of a table could do anyway what the capture function of its watch may do.
    -- Arguments: relation.
    -- Returns: true when the table's owner can become the owner of schema outbox.
    -- Touches: select pg_class, pg_namespace.
    select pg_has_role(c.relowner, n.nspowner, 'MEMBER')
    from pg_class c, pg_namespace n
    where c.oid = capture_is_trusted.relation and n.nspname = 'outbox'
$$;
