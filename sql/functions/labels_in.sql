create or replace function outbox.labels_in(conditions text[]) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- The labels of enums that conditions name. One that is renamed, or a type, makes the text of a condition an error.
    -- Arguments: conditions, as Postgres writes them: 'PAID'::public.status.
    -- Returns: "schema.type label" each, rather too many than too few.
    -- Touches: select pg_type, pg_enum.
    select coalesce(array_agg(format('%s.%s %s', n.nspname, t.typname, e.enumlabel) order by n.nspname, t.typname, e.enumlabel), '{}')
    from pg_type t join pg_namespace n on n.oid = t.typnamespace join pg_enum e on e.enumtypid = t.oid
    where exists (
        select from unnest(labels_in.conditions) as c
        where position(format_type(t.oid, null) in c) > 0 and position(substr(quote_literal(e.enumlabel), 2, length(quote_literal(e.enumlabel)) - 2) in c) > 0)
$$;
