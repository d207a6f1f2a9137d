create or replace function outbox.capture_rows(rows text, relation regclass, named text[], columns text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- A query over a transition table for outbox.capture_branches(), in which every column that is named has a NULL to fall
    -- back on: should the column be renamed or dropped, the name finds that NULL in the outer query instead of nothing.
    -- Arguments: rows, the transition table (new_rows, old_rows); relation, the table it belongs to; named, the columns that `columns` names; columns, a select list.
    -- Returns: a sub-select.
    -- Touches: select pg_attribute.
    select format(E'(\n                select k.* from (values (%s)) as absent (%s) cross join lateral (\n                    select %s\n                    from %s as outbox_row\n                ) as k)',
        string_agg('null::pg_catalog.text', ', ' order by a.attnum),
        string_agg(quote_ident(a.attname), ', ' order by a.attnum),
        capture_rows.columns, capture_rows.rows)
    from pg_attribute a
    where a.attrelid = capture_rows.relation and a.attnum > 0 and not a.attisdropped and a.attname = any (capture_rows.named)
$$;
