create or replace function outbox.capture_size(relation regclass, bytes_max integer) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- An expression for the bytes that a row holds, so that nothing too large is built from it: text as long as it is (what
    -- is over the limit even compressed need not be unpacked to know it), the rest as stored, times eight where JSON is wider
    -- than the type. Functions for any type only, since ALTER TABLE may change the type of a column. Parentheses throughout:
    -- operators named with their schema all bind alike.
    -- Arguments: relation; bytes_max, the limit it will be compared with.
    -- Returns: an expression of type bigint over the columns, or null when no column can be large.
    -- Touches: select pg_attribute, pg_type.
    select '(' || string_agg(
        case
            when t.oid in ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'bytea'::regtype) then format(
                '(case when pg_catalog.pg_column_size(%1$I) operator(pg_catalog.>) %2$s then pg_catalog.pg_column_size(%1$I)::bigint '
                'else pg_catalog.octet_length(pg_catalog.concat(%1$I)) end)', a.attname, capture_size.bytes_max)
            when t.oid in ('jsonb'::regtype, 'json'::regtype, 'numeric'::regtype)
                then format('coalesce(pg_catalog.pg_column_size(%I), 0)::bigint', a.attname)
            -- A domain may hide any type.
            else format('(8::bigint operator(pg_catalog.*) coalesce(pg_catalog.pg_column_size(%I), 0))', a.attname)
        end, E'\n                        operator(pg_catalog.+) ' order by a.attnum) || ')'
    from pg_attribute a join pg_type t on t.oid = a.atttypid
    where a.attrelid = capture_size.relation and a.attnum > 0 and not a.attisdropped and t.typlen = -1
$$;
