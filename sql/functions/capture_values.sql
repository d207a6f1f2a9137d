create or replace function outbox.capture_values(relation regclass, only_columns text[] default null) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- An expression that builds a row's JSON column by column: values of Postgres' own types as to_jsonb() does, values of
    -- other types as their text, by their output function (an enum is the same either way).
    -- Arguments: relation, a table whose columns are as outbox.capture_signature() says when the expression is evaluated;
    --   only_columns, null for all.
    -- Returns: an expression of type jsonb over the columns; in parts, since a function takes at most 100 arguments.
    -- Touches: select pg_attribute.
    select coalesce(string_agg(part, ' operator(pg_catalog.||) ' order by number), 'pg_catalog.jsonb_build_object()')
    from (
        select (a.attnum - 1) / 40 as number,
            'pg_catalog.jsonb_build_object(' || string_agg(format('%L, ', a.attname)
                || case when a.atttypid < 16384 then format('%I', a.attname)
                    else format('case when pg_catalog.num_nulls(%1$I) operator(pg_catalog.=) 0 then pg_catalog.concat(%1$I) end', a.attname) end,
                ', ' order by a.attnum) || ')' as part
        from pg_attribute a
        where a.attrelid = capture_values.relation and a.attnum > 0 and not a.attisdropped
            and (capture_values.only_columns is null or a.attname = any (capture_values.only_columns))
        group by (a.attnum - 1) / 40
    ) parts
$$;
