create or replace function outbox.capture_signature(relation oid, named text[] default null) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Names and types of a table's columns, to see whether they are those that a capture function was written for.
    -- Arguments: relation; named, the columns to look at, null for all.
    -- Returns: "name schema.type, ..." in the order of the names: partitions may have the columns of their table in another order.
    -- Touches: select pg_attribute, pg_type, pg_namespace.
    select coalesce(string_agg(format('%s %s.%s', a.attname, n.nspname, t.typname), ', ' order by a.attname), '')
    from pg_attribute a join pg_type t on t.oid = a.atttypid join pg_namespace n on n.oid = t.typnamespace
    where a.attrelid = capture_signature.relation and a.attnum > 0 and not a.attisdropped
        and (capture_signature.named is null or a.attname = any (capture_signature.named))
$$;
