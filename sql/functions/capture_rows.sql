create or replace function outbox.capture_rows(relation regclass, named text[], typed boolean, columns text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- A query over a transition table for outbox.capture_source(), in which every column that is named has a NULL to fall back
    -- on: should the column be renamed or dropped, the name finds that NULL in the outer query instead of nothing.
    -- Arguments: relation; named, the columns that `columns` names; typed, whether operators of theirs must be found, so
    --   that the NULLs need their types (only types of pg_catalog, which cannot be renamed); columns, a select list.
    -- Returns: a sub-select with {rows} in place of the transition table.
    -- Touches: select pg_attribute, pg_type.
    select format(E'(\n                select k.* from (values (%s)) as absent (%s) cross join lateral (\n                    select %s\n                    from {rows} as outbox_row\n                ) as k)',
        string_agg(format('null::%s', case when capture_rows.typed and t.typnamespace = 'pg_catalog'::regnamespace
            then 'pg_catalog.' || quote_ident(t.typname) else 'pg_catalog.text' end), ', ' order by a.attnum),
        string_agg(quote_ident(a.attname), ', ' order by a.attnum),
        capture_rows.columns)
    from pg_attribute a join pg_type t on t.oid = a.atttypid
    where a.attrelid = capture_rows.relation and a.attnum > 0 and not a.attisdropped and a.attname = any (capture_rows.named)
$$;
