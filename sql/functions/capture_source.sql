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
--   * Nothing here depends on the type of a column, since ALTER TABLE may change it: functions for any type only. An id
--     expression does depend on it, so it is used only while its columns are there and have the types it was written for;
--     otherwise events come without an id, and outbox.broken_watch says so.
--   * What a row holds is measured before anything is built from it (outbox.watch says how).
--   * An id that the index of events could not hold is sent shortened, with a digest that keeps it apart from others.
--   * Identity is the key: a row whose key changed is a Delete and a Create.
--
-- Arguments: watch, the row of the catalogue (it need not be stored yet).
-- Returns: the plpgsql source, the same for the same watch and table.
-- Touches: select pg_attribute, pg_type.
declare
    _fallback      text;  -- one NULL per column named below
    _names         text;
    _key           text;  -- the primary key as text
    _pair          text;  -- what pairs an old row with its new one
    _id            text;  -- the object's id as text
    _same          text;  -- when o and n are one row of one object
    _size          text;
    _data          text;
    _side          text;
    _by_expression boolean;
    _blocks        text[] := '{}';
    _columns       text[];
    _create        text := watch.object || '.Create';
    _update        text := watch.object || '.Update';
    _delete        text := watch.object || '.Delete';
    -- The index of events holds 2,700 bytes of object and id.
    _short         text := 'case when octet_length(%1$s.object_id) > 1000 then left(%1$s.object_id, 200) || ''...'' '
        '|| encode(sha256(convert_to(%1$s.object_id, ''UTF8'')), ''hex'') else %1$s.object_id end';
begin
    select string_agg('null::pg_catalog.text', ', ' order by a.attnum),
           string_agg(quote_ident(a.attname), ', ' order by a.attnum),
           coalesce(string_agg(
               case
                   when t.typbasetype <> 0 or t.typlen <> -1 then null
                   -- As long as its text is; what is over the limit even compressed need not be unpacked to know it.
                   when a.atttypid in ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'bytea'::regtype)
                       then format('case when pg_column_size(%1$I) > %2$s then pg_column_size(%1$I)::bigint '
                           'else octet_length(concat(%1$I)) end', a.attname, watch.row_bytes_max)
                   when a.atttypid in ('jsonb'::regtype, 'json'::regtype, 'numeric'::regtype)
                       then format('coalesce(pg_column_size(%I), 0)::bigint', a.attname)
                   else format('8::bigint * coalesce(pg_column_size(%I), 0)', a.attname)
               end, ' + ' order by a.attnum), '0')
        into _fallback, _names, _size
    from pg_attribute a join pg_type t on t.oid = a.atttypid
    where a.attrelid = watch.relation and a.attnum > 0 and not a.attisdropped;
    -- Domains hide their base type from the CASE above; measure them as the widest kind.
    _size := _size || coalesce((
        select ' + ' || string_agg(format('8::bigint * coalesce(pg_column_size(%I), 0)', a.attname), ' + ' order by a.attnum)
        from pg_attribute a join pg_type t on t.oid = a.atttypid
        where a.attrelid = watch.relation and a.attnum > 0 and not a.attisdropped and t.typbasetype <> 0 and t.typlen = -1), '');

    select array_agg(quote_ident(c) order by n) into _columns from unnest(watch.key_columns) with ordinality as k (c, n);
    _key := case
        when cardinality(watch.key_columns) = 1 then format('(%s)::text collate "C"', _columns[1])
        when cardinality(watch.key_columns) > 1 then format(
            'case when %s then jsonb_build_array(%s)::text end collate "C"',
            (select string_agg(c || ' is not null', ' and ' order by n) from unnest(_columns) with ordinality as k (c, n)),
            array_to_string(_columns, ', '))
    end;
    _data := format('case when %s > %s then outbox.payload_omitted(%s, %s) else to_jsonb(outbox_row.*) end',
        _size, watch.row_bytes_max, _size, watch.row_bytes_max);
    -- Once, or for an expression twice: with it, and without an id for when its columns are not what they were.
    for _by_expression in select unnest(case when watch.id_expression is null then array[false] else array[true, false] end) loop
        -- Without a key the rows of one id are paired in the order they come: the number of events is right.
        _pair := coalesce(_key, format('row_number() over (%s)',
            case when _by_expression then format('partition by (%s)::text collate "C"', watch.id_expression) end));
        _id := case
            when _by_expression then format('(%s)::text collate "C"', watch.id_expression)
            when watch.id_expression is null then _key
            else 'null::text collate "C"'
        end;
        _same := 'o.pair = n.pair' || case when _by_expression then ' and o.object_id is not distinct from n.object_id' else '' end;
        _side := $side$(
            select k.* from (values (%s)) as absent (%s) cross join lateral (
                select %s as pair, %s as object_id, row(outbox_row.*) as image, %s as size,
                    %s as data
                from %s as outbox_row
            ) as k
        )$side$;
        _blocks := _blocks || format($block$    if tg_op = 'INSERT' then
        capture._to_create := array(
            select s.id from outbox.subscription s
            where s.pattern = any (%2$L) and s.status <> 'gone' and exists (select from new_rows));
        if cardinality(capture._to_create) > 0 or %5$s then
            with event as (
                insert into outbox.event (slot, type, object, object_id, occurred_at, data)
                select capture._slot, %6$L, %1$L, %13$s, capture._now, n.data
                from %9$s as n
                returning id
            )
            insert into outbox.delivery (subscription, event_slot, event_id, due_at)
            select s.id, capture._slot, event.id, capture._now from event cross join unnest(capture._to_create) as s (id);
        end if;
    elsif tg_op = 'DELETE' then
        capture._to_delete := array(
            select s.id from outbox.subscription s
            where s.pattern = any (%4$L) and s.status <> 'gone' and exists (select from old_rows));
        if cardinality(capture._to_delete) > 0 or %5$s then
            with event as (
                insert into outbox.event (slot, type, object, object_id, occurred_at, data)
                select capture._slot, %8$L, %1$L, %14$s, capture._now, o.data
                from %10$s as o
                returning id
            )
            insert into outbox.delivery (subscription, event_slot, event_id, due_at)
            select s.id, capture._slot, event.id, capture._now from event cross join unnest(capture._to_delete) as s (id);
        end if;
    else
        select coalesce(array_agg(s.id) filter (where s.pattern = any (%2$L)), '{}'),
               coalesce(array_agg(s.id) filter (where s.pattern = any (%3$L)), '{}'),
               coalesce(array_agg(s.id) filter (where s.pattern = any (%4$L)), '{}'),
               exists (select from %9$s as n where not exists (select from %10$s as o where %11$s))
            into capture._to_create, capture._to_update, capture._to_delete, capture._moved
        from outbox.subscription s
        where s.pattern = any (%12$L) and s.status <> 'gone';
        if cardinality(capture._to_update) > 0 or %5$s then
            with event as (
                insert into outbox.event (slot, type, object, object_id, occurred_at, data)
                select capture._slot, %7$L, %1$L, %13$s, capture._now, n.data
                from %9$s as n join %10$s as o on %11$s
                -- Unchanged rows are no event. Two rows of a quarter gigabyte are not worth comparing.
                where case when o.size > 268435456 or n.size > 268435456 then true else n.image *<> o.image end
                returning id
            )
            insert into outbox.delivery (subscription, event_slot, event_id, due_at)
            select s.id, capture._slot, event.id, capture._now from event cross join unnest(capture._to_update) as s (id);
        end if;
        if capture._moved then
            with change (type, object_id, data, targets) as (
                select %8$L, o.object_id, o.data, capture._to_delete
                from %10$s as o
                where o.object_id is not null and not exists (select from %9$s as n where %11$s)
                union all
                -- No id: the key column was renamed away, or the expression gave NULL. Say at least what the row is now.
                select case when n.object_id is null then %7$L else %6$L end, n.object_id, n.data,
                    case when n.object_id is null then capture._to_update else capture._to_create end
                from %9$s as n
                where not exists (select from %10$s as o where %11$s)
            ), event as (
                insert into outbox.event (slot, type, object, object_id, occurred_at, data)
                select capture._slot, change.type, %1$L, %15$s, capture._now, change.data
                from change
                where cardinality(change.targets) > 0 or %5$s
                returning id, type
            )
            insert into outbox.delivery (subscription, event_slot, event_id, due_at)
            select s.id, capture._slot, event.id, capture._now
            from event cross join lateral unnest(case event.type
                when %6$L then capture._to_create when %7$L then capture._to_update else capture._to_delete end) as s (id);
        end if;
    end if;
$block$,
            watch.object, outbox.patterns(_create), outbox.patterns(_update), outbox.patterns(_delete),
            case when (select o.history from outbox.object o where o.name = watch.object) then 'true' else 'false' end,
            _create, _update, _delete,
            format(_side, _fallback, _names, _pair, _id, _size, _data, 'new_rows'),
            format(_side, _fallback, _names, _pair, _id, _size, _data, 'old_rows'),
            _same, array[_create, _update, _delete, watch.object || '.*', '*'],
            format(_short, 'n'), format(_short, 'o'), format(_short, 'change'));
    end loop;
    if watch.id_expression is not null then
        _blocks := array[format($guard$    if (
        select string_agg(format('%%s %%s.%%s', a.attname, n.nspname, t.typname), ', ' order by a.attnum)
        from pg_attribute a join pg_type t on t.oid = a.atttypid join pg_namespace n on n.oid = t.typnamespace
        where a.attrelid = tg_relid and a.attname = any (%L) and not a.attisdropped
    ) is not distinct from %L then
%s    else
%s    end if;
$guard$,
            watch.id_columns,
            (select string_agg(format('%s %s.%s', a.attname, n.nspname, t.typname), ', ' order by a.attnum)
             from pg_attribute a join pg_type t on t.oid = a.atttypid join pg_namespace n on n.oid = t.typnamespace
             where a.attrelid = watch.relation and a.attname = any (watch.id_columns) and not a.attisdropped),
            _blocks[1], _blocks[2])];
    end if;

    return format($source$
-- Captures the changes of %s as events of object %s. Written by outbox.watch(); call it again instead of editing this.
#variable_conflict use_column
<<capture>>
declare
    _now       timestamptz := clock_timestamp();
    _slot      smallint := outbox.slot(_now);
    _to_create bigint[];
    _to_update bigint[];
    _to_delete bigint[];
    _moved     boolean;
begin
%s    return null;
end
$source$,
        regexp_replace(watch.relation::text, '[[:cntrl:]]', ' ', 'g'), watch.object, _blocks[1]);
end
$$;
