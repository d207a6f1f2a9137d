create or replace function outbox.capture_source(watch outbox.watch) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Writes the body of a watch's trigger function: static, set-based SQL for INSERT, UPDATE and DELETE.
--
-- The body must never fail the user's statement, whatever is in the rows and whatever became of the table since:
--   * A column is named without a qualifier in a query whose only table is the transition table, under an outer query that
--     offers a NULL of the same name. Rename or drop the column and the name resolves to that NULL: the event comes without
--     an id and outbox.broken_watch says so, where a qualified name would fail every write from then on.
--   * #variable_conflict use_column, and variables always under the label `capture`: a column may be called old or tg_op.
--   * No operator is looked up for a user's type: rows are paired by the text of their key, compared as stored images.
--   * Every function, operator and type is named with its schema, because the function runs with the rights of the owner of
--     schema outbox and, unless it has an id expression, with the search_path of whoever writes: setting search_path takes
--     19 of the 44 us that a watched single-row UPDATE without a subscription takes in all.
--   * What a row holds is measured before anything is built from it (outbox.watch says how).
--   * Identity is the key: a row whose key changed is a Delete and a Create.
--
-- Arguments: watch, the row of the catalogue (it need not be stored yet).
-- Returns: the plpgsql source, the same for the same watch and table.
-- Touches: select pg_attribute, pg_type.
declare
    _keys    text[] := watch.key_columns || watch.id_columns;
    _columns text[];
    _size    text;   -- bytes a row holds, or null when no column can be large
    _pair    text;   -- what pairs an old row with its new one
    _id      text;   -- the object's id as text
    _data    text;
    _same    text;
    _changed text;
    -- Queries over a transition table, by what they give.
    _identity text;  -- pair, object_id
    _row      text;  -- and data
    _both     text;  -- and what comparing needs
begin
    -- What a column can hold in bytes without reading it: text exactly, bytea as the hex it becomes, the rest as stored, times
    -- eight where JSON is wider than the type (a domain may hide any).
    select string_agg(format(
            case
                when t.typbasetype <> 0 then '8::bigint operator(pg_catalog.*) coalesce(pg_catalog.pg_column_size(%I), 0)'
                when a.atttypid in ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype)
                    then 'coalesce(pg_catalog.octet_length(%I), 0)::bigint'
                when a.atttypid = 'bytea'::regtype then '2::bigint operator(pg_catalog.*) coalesce(pg_catalog.octet_length(%I), 0)'
                when a.atttypid in ('jsonb'::regtype, 'json'::regtype, 'numeric'::regtype)
                    then 'coalesce(pg_catalog.pg_column_size(%I), 0)::bigint'
                else '8::bigint operator(pg_catalog.*) coalesce(pg_catalog.pg_column_size(%I), 0)'
            end, a.attname), E'\n                        operator(pg_catalog.+) ' order by a.attnum),
        array_agg(a.attname::text)
        into _size, _columns
    from pg_attribute a join pg_type t on t.oid = a.atttypid
    where a.attrelid = watch.relation and a.attnum > 0 and not a.attisdropped and t.typlen = -1;

    _pair := case cardinality(watch.key_columns)
        -- Without a key the rows of one id are paired in the order they come: the number of events is right.
        when 0 then format('pg_catalog.row_number() over (partition by (%s)::pg_catalog.text collate pg_catalog."C")', watch.id_expression)
        when 1 then format('(%I)::pg_catalog.text collate pg_catalog."C"', watch.key_columns[1])
        else format('case when %s then pg_catalog.jsonb_build_array(%s)::pg_catalog.text end collate pg_catalog."C"',
            (select string_agg(format('%I is not null', c), ' and ' order by n) from unnest(watch.key_columns) with ordinality as k (c, n)),
            (select string_agg(format('%I', c), ', ' order by n) from unnest(watch.key_columns) with ordinality as k (c, n)))
    end;
    if watch.id_expression is null then
        _id := _pair;
        _same := 'o.pair operator(pg_catalog.=) n.pair';
    else
        _id := format('(%s)::pg_catalog.text collate pg_catalog."C"', watch.id_expression);
        _same := 'o.pair operator(pg_catalog.=) n.pair and o.object_id operator(pg_catalog.=) n.object_id';
    end if;
    _data := 'pg_catalog.to_jsonb(outbox_row.*)';
    _changed := 'n.image operator(pg_catalog.*<>) o.image';
    if _size is not null then
        _data := format(E'case when %s\n                        operator(pg_catalog.>) %s then outbox.payload_omitted(%s)\n                        else %s end',
            _size, watch.row_bytes_max, watch.row_bytes_max, _data);
        -- Two rows of a quarter gigabyte are not worth comparing.
        _changed := format('case when o.size operator(pg_catalog.>) 268435456 or n.size operator(pg_catalog.>) 268435456 then true else %s end',
            _changed);
    end if;
    _identity := outbox.capture_rows(watch.relation, _keys, watch.id_expression is not null,
        format(E'%s as pair,\n                    %s as object_id', _pair, _id));
    _row := outbox.capture_rows(watch.relation, _keys || _columns, watch.id_expression is not null,
        format(E'%s as pair,\n                    %s as object_id,\n                    %s as data', _pair, _id, _data));
    _both := outbox.capture_rows(watch.relation, _keys || _columns, watch.id_expression is not null,
        format(E'%s as pair,\n                    %s as object_id,\n                    row(outbox_row.*) as image,\n                    %s as size,\n                    %s as data',
            _pair, _id, coalesce(_size, '0'), _data));

    return format($source$
-- Captures the changes of %1$s as events of object %2$s. Written by outbox.watch(); call it again instead of editing this.
#variable_conflict use_column
<<capture>>
declare
    _now       timestamp with time zone := pg_catalog.clock_timestamp();
    _slot      smallint := outbox.slot(_now);
    _to_create bigint[];
    _to_update bigint[];
    _to_delete bigint[];
    _moved     boolean;
begin
    if tg_op operator(pg_catalog.=) 'INSERT' then
        capture._to_create := array(
            select s.id from outbox.subscription s
            where s.pattern operator(pg_catalog.=) any (%3$L) and s.status operator(pg_catalog.<>) 'gone' and exists (select from new_rows));
        if pg_catalog.cardinality(capture._to_create) operator(pg_catalog.>) 0 or %6$s then
            with event as (
                insert into outbox.event (slot, type, object, object_id, occurred_at, data)
                select capture._slot, %7$L, %2$L, n.object_id, capture._now, n.data
                from %14$s as n
                returning id
            )
            insert into outbox.delivery (subscription, event_slot, event_id, due_at)
            select s.id, capture._slot, event.id, capture._now from event cross join pg_catalog.unnest(capture._to_create) as s (id);
        end if;
    elsif tg_op operator(pg_catalog.=) 'DELETE' then
        capture._to_delete := array(
            select s.id from outbox.subscription s
            where s.pattern operator(pg_catalog.=) any (%5$L) and s.status operator(pg_catalog.<>) 'gone' and exists (select from old_rows));
        if pg_catalog.cardinality(capture._to_delete) operator(pg_catalog.>) 0 or %6$s then
            with event as (
                insert into outbox.event (slot, type, object, object_id, occurred_at, data)
                select capture._slot, %9$L, %2$L, o.object_id, capture._now, o.data
                from %15$s as o
                returning id
            )
            insert into outbox.delivery (subscription, event_slot, event_id, due_at)
            select s.id, capture._slot, event.id, capture._now from event cross join pg_catalog.unnest(capture._to_delete) as s (id);
        end if;
    else
        select coalesce(pg_catalog.array_agg(s.id) filter (where s.pattern operator(pg_catalog.=) any (%3$L)), '{}'),
               coalesce(pg_catalog.array_agg(s.id) filter (where s.pattern operator(pg_catalog.=) any (%4$L)), '{}'),
               coalesce(pg_catalog.array_agg(s.id) filter (where s.pattern operator(pg_catalog.=) any (%5$L)), '{}'),
               exists (select from %16$s as n where not exists (select from %17$s as o where %12$s))
            into capture._to_create, capture._to_update, capture._to_delete, capture._moved
        from outbox.subscription s
        where s.pattern operator(pg_catalog.=) any (%13$L) and s.status operator(pg_catalog.<>) 'gone';
        if pg_catalog.cardinality(capture._to_update) operator(pg_catalog.>) 0 or %6$s then
            with event as (
                insert into outbox.event (slot, type, object, object_id, occurred_at, data)
                select capture._slot, %8$L, %2$L, n.object_id, capture._now, n.data
                from %10$s as n join %11$s as o on %12$s
                -- Unchanged rows are no event.
                where %18$s
                returning id
            )
            insert into outbox.delivery (subscription, event_slot, event_id, due_at)
            select s.id, capture._slot, event.id, capture._now from event cross join pg_catalog.unnest(capture._to_update) as s (id);
        end if;
        if capture._moved then
            with change (type, object_id, data, targets) as (
                select %9$L, o.object_id, o.data, capture._to_delete
                from %15$s as o
                where o.object_id is not null and not exists (select from %16$s as n where %12$s)
                union all
                -- No id: the key column was renamed away, or the expression gave NULL. Say at least what the row is now.
                select case when n.object_id is null then %8$L else %7$L end, n.object_id, n.data,
                    case when n.object_id is null then capture._to_update else capture._to_create end
                from %14$s as n
                where not exists (select from %17$s as o where %12$s)
            ), event as (
                insert into outbox.event (slot, type, object, object_id, occurred_at, data)
                select capture._slot, change.type, %2$L, change.object_id, capture._now, change.data
                from change
                where pg_catalog.cardinality(change.targets) operator(pg_catalog.>) 0 or %6$s
                returning id, type
            )
            insert into outbox.delivery (subscription, event_slot, event_id, due_at)
            select s.id, capture._slot, event.id, capture._now
            from event cross join lateral pg_catalog.unnest(case
                when event.type operator(pg_catalog.=) %7$L then capture._to_create
                when event.type operator(pg_catalog.=) %8$L then capture._to_update
                else capture._to_delete end) as s (id);
        end if;
    end if;
    return null;
end
$source$,
        regexp_replace(watch.relation::text, '[[:cntrl:]]', ' ', 'g'), watch.object,
        outbox.patterns(watch.object || '.Create'), outbox.patterns(watch.object || '.Update'), outbox.patterns(watch.object || '.Delete'),
        case when (select o.history from outbox.object o where o.name = watch.object) then 'true' else 'false' end,
        watch.object || '.Create', watch.object || '.Update', watch.object || '.Delete',
        replace(_both, '{rows}', 'new_rows'), replace(_both, '{rows}', 'old_rows'), _same,
        array[watch.object || '.Create', watch.object || '.Update', watch.object || '.Delete', watch.object || '.*', '*'],
        replace(_row, '{rows}', 'new_rows'), replace(_row, '{rows}', 'old_rows'),
        replace(_identity, '{rows}', 'new_rows'), replace(_identity, '{rows}', 'old_rows'), _changed);
end
$$;
