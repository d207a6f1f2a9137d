create or replace function outbox.labels_stand(labels text[]) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Whether enums still have the labels that conditions name.
    -- Arguments: labels, as outbox.labels_in() gives them.
    -- Returns: true when all are there.
    -- Touches: select pg_type, pg_enum.
    select count(*) = cardinality(labels_stand.labels)
    from pg_type t join pg_namespace n on n.oid = t.typnamespace join pg_enum e on e.enumtypid = t.oid
    where t.typtype = 'e' and format('%s.%s %s', n.nspname, t.typname, e.enumlabel) = any (labels_stand.labels)
$$;
