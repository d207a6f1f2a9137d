create or replace function outbox.capture_branches(watch outbox.watch, by_expression boolean) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- The three branches of a watch's trigger function: INSERT, DELETE and UPDATE, each set-based and static.
-- Arguments: watch; by_expression, whether the id is the watch's expression, or else the key if there is one.
-- Returns: plpgsql, from `if` to `end if`.
-- Touches: select outbox.object, pg_attribute.
declare
    _size    text := outbox.capture_size(watch.relation, watch.row_bytes_max);
    _all     text[] := array(
        select a.attname::text from pg_attribute a where a.attrelid = watch.relation and a.attnum > 0 and not a.attisdropped);
    _keys    text[] := watch.key_columns || watch.id_columns;
    _guarded boolean := not outbox.capture_is_trusted(watch.relation);
    _id      text := 'null::pg_catalog.text';
    _key     text;  -- the primary key as text
    _pair    text;  -- what pairs an old row with its new one
    _same    text := 'o.pair operator(pg_catalog.=) n.pair';
    _data    text := 'pg_catalog.to_jsonb(outbox_row.*)';
    _changed text := 'n.image operator(pg_catalog.*<>) o.image';
    -- Select lists over a transition table: the identity; and the data; and what comparing needs.
    _name    text;
    _row     text;
    _both    text;
    -- The index of events holds 2,700 bytes of object and id.
    _short   text := 'case when pg_catalog.octet_length(%1$s.object_id) operator(pg_catalog.>) 1000 then pg_catalog.concat('
        'pg_catalog.left(%1$s.object_id, 200), ''...'', pg_catalog.encode(pg_catalog.sha256('
        'pg_catalog.convert_to(%1$s.object_id, ''UTF8'')), ''hex'')) else %1$s.object_id end';
    _create  text := watch.object || '.Create';
    _update  text := watch.object || '.Update';
    _delete  text := watch.object || '.Delete';
begin
    -- Where the owner is not trusted, by the output function of the type, which nobody can replace; the cast may be the owner's.
    _key := case cardinality(watch.key_columns)
        when 0 then null
        when 1 then format(
            case when _guarded then 'case when capture._plain then (%1$I)::pg_catalog.text '
                'when pg_catalog.num_nulls(%1$I) operator(pg_catalog.=) 0 then pg_catalog.concat(%1$I) end collate pg_catalog."C"'
            else '(%1$I)::pg_catalog.text collate pg_catalog."C"' end,
            watch.key_columns[1])
        else format(
            case when _guarded then 'case when pg_catalog.num_nulls(%1$s) operator(pg_catalog.>) 0 then null '
                'when capture._plain then pg_catalog.jsonb_build_array(%1$s)::pg_catalog.text '
                'else pg_catalog.jsonb_build_array(%2$s)::pg_catalog.text end collate pg_catalog."C"'
            else 'case when pg_catalog.num_nulls(%1$s) operator(pg_catalog.=) 0 then pg_catalog.jsonb_build_array(%1$s)::pg_catalog.text end '
                'collate pg_catalog."C"' end,
            (select string_agg(format('%I', c), ', ' order by n) from unnest(watch.key_columns) with ordinality as k (c, n)),
            (select string_agg(format('pg_catalog.concat(%I)', c), ', ' order by n) from unnest(watch.key_columns) with ordinality as k (c, n)))
    end;
    if _guarded then
        _data := format(E'case when capture._plain then %s\n                        when capture._known then %s\n                        else %L::pg_catalog.jsonb end',
            _data, outbox.capture_values(watch.relation),
            '{"payload_omitted": "a column got a type that is not of Postgres itself: call outbox.watch() again"}');
    end if;
    if capture_branches.by_expression then
        _id := format('(%s)::pg_catalog.text collate pg_catalog."C"', watch.id_expression);
        _same := _same || ' and (o.object_id operator(pg_catalog.=) n.object_id or o.object_id is null and n.object_id is null)';
    elsif watch.id_expression is null then
        _id := _key;
    end if;
    -- Without a key the rows of one id are paired in the order they come: the number of events is right.
    _pair := coalesce(_key, format('pg_catalog.row_number() over (%s)',
        case when capture_branches.by_expression then 'partition by ' || _id end));
    if _size is not null then
        _data := format(E'case when %s\n                        operator(pg_catalog.>) %s then outbox.payload_omitted(%s)\n                        else %s end',
            _size, watch.row_bytes_max, watch.row_bytes_max, _data);
        -- Two rows of a quarter gigabyte are not worth comparing.
        _changed := format('case when o.size operator(pg_catalog.>) 268435456 or n.size operator(pg_catalog.>) 268435456 then true else %s end', _changed);
    end if;
    _name := format(E'%s as pair,\n                    %s as object_id', _pair, _id);
    _row := format(E'%s,\n                    %s as data', _name, _data);
    _both := format(E'%s,\n                    row(outbox_row.*) as image,\n                    %s as size,\n                    %s as data',
        _name, coalesce(_size, '0'), _data);
    return format($branches$    if tg_op operator(pg_catalog.=) 'INSERT' then
        capture._to_create := array(
            select s.id from outbox.subscription s
            where s.pattern operator(pg_catalog.=) any (%2$L) and s.status operator(pg_catalog.<>) 'gone' and exists (select from new_rows));
        if pg_catalog.cardinality(capture._to_create) operator(pg_catalog.>) 0%5$s then
            with event as (
                insert into outbox.event (slot, type, object, object_id, occurred_at, data)
                select capture._slot, %6$L, %1$L, %13$s, capture._now, n.data
                from %16$s as n
                returning id
            )
            insert into outbox.delivery (subscription, event_slot, event_id, due_at)
            select s.id, capture._slot, event.id, capture._now from event cross join pg_catalog.unnest(capture._to_create) as s (id);
            capture._wakes := found;
        end if;
    elsif tg_op operator(pg_catalog.=) 'DELETE' then
        capture._to_delete := array(
            select s.id from outbox.subscription s
            where s.pattern operator(pg_catalog.=) any (%4$L) and s.status operator(pg_catalog.<>) 'gone' and exists (select from old_rows));
        if pg_catalog.cardinality(capture._to_delete) operator(pg_catalog.>) 0%5$s then
            with event as (
                insert into outbox.event (slot, type, object, object_id, occurred_at, data)
                select capture._slot, %8$L, %1$L, %14$s, capture._now, o.data
                from %17$s as o
                returning id
            )
            insert into outbox.delivery (subscription, event_slot, event_id, due_at)
            select s.id, capture._slot, event.id, capture._now from event cross join pg_catalog.unnest(capture._to_delete) as s (id);
            capture._wakes := found;
        end if;
    else
        select coalesce(pg_catalog.array_agg(s.id) filter (where s.pattern operator(pg_catalog.=) any (%2$L)), '{}'),
               coalesce(pg_catalog.array_agg(s.id) filter (where s.pattern operator(pg_catalog.=) any (%3$L)), '{}'),
               coalesce(pg_catalog.array_agg(s.id) filter (where s.pattern operator(pg_catalog.=) any (%4$L)), '{}'),
               exists (select from %18$s as n where not exists (select from %19$s as o where %11$s))
            into capture._to_create, capture._to_update, capture._to_delete, capture._moved
        from outbox.subscription s
        where s.pattern operator(pg_catalog.=) any (%12$L) and s.status operator(pg_catalog.<>) 'gone';
        if pg_catalog.cardinality(capture._to_update) operator(pg_catalog.>) 0%5$s then
            with event as (
                insert into outbox.event (slot, type, object, object_id, occurred_at, data)
                select capture._slot, %7$L, %1$L, %13$s, capture._now, n.data
                from %9$s as n join %10$s as o on %11$s
                -- Unchanged rows are no event.
                where %20$s
                returning id
            )
            insert into outbox.delivery (subscription, event_slot, event_id, due_at)
            select s.id, capture._slot, event.id, capture._now from event cross join pg_catalog.unnest(capture._to_update) as s (id);
            capture._wakes := found;
        end if;
        if capture._moved then
            with change (type, object_id, data, targets) as (
                select %8$L, o.object_id, o.data, capture._to_delete
                from %17$s as o
                where o.object_id is not null and not exists (select from %18$s as n where %11$s)
                union all
                -- No id: the key column was renamed away, or the expression gave NULL. Say at least what the row is now.
                select case when n.object_id is null then %7$L else %6$L end, n.object_id, n.data,
                    case when n.object_id is null then capture._to_update else capture._to_create end
                from %16$s as n
                where not exists (select from %19$s as o where %11$s)
            ), event as (
                insert into outbox.event (slot, type, object, object_id, occurred_at, data)
                select capture._slot, change.type, %1$L, %15$s, capture._now, change.data
                from change
                where pg_catalog.cardinality(change.targets) operator(pg_catalog.>) 0%5$s
                returning id, type
            )
            insert into outbox.delivery (subscription, event_slot, event_id, due_at)
            select s.id, capture._slot, event.id, capture._now
            from event cross join lateral pg_catalog.unnest(case
                when event.type operator(pg_catalog.=) %6$L then capture._to_create
                when event.type operator(pg_catalog.=) %7$L then capture._to_update
                else capture._to_delete end) as s (id);
            capture._wakes := found or capture._wakes;
        end if;
    end if;
$branches$,
        watch.object, outbox.patterns(_create), outbox.patterns(_update), outbox.patterns(_delete),
        case when (select o.history from outbox.object o where o.name = watch.object) then ' or true' else '' end,
        _create, _update, _delete,
        outbox.capture_rows('new_rows', watch.relation, _all, _both), outbox.capture_rows('old_rows', watch.relation, _all, _both), _same,
        array[_create, _update, _delete, watch.object || '.*', '*'],
        format(_short, 'n'), format(_short, 'o'), format(_short, 'change'),
        outbox.capture_rows('new_rows', watch.relation, _all, _row), outbox.capture_rows('old_rows', watch.relation, _all, _row),
        outbox.capture_rows('new_rows', watch.relation, _keys, _name), outbox.capture_rows('old_rows', watch.relation, _keys, _name),
        _changed);
end
$$;
