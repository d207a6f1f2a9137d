create or replace function outbox.capture_touches(watch outbox.watch, object outbox.object, by_expression boolean) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- What the trigger function of a watch does where the object has a builder: it notes which objects the statement has touched,
-- and outbox.seal() renders them when the transaction commits.
-- Arguments: watch, object; by_expression, whether id expression and conditions can be used.
-- Returns: plpgsql.
-- Touches: outbox.capture_changes() writes the queries.
declare
    -- The same object more than once in a statement is noted once. It came or went if all that happened to it says so.
    _note text := $q$        insert into outbox.touched as t (xid, object, object_id, first_op, last_op, type, data, source, trace_id, traceparent, headers)
        select pg_catalog.pg_current_xact_id(), %1$L, c.object_id, c.op::pg_catalog."char", c.op::pg_catalog."char", c.type, c.data,
            capture._source, capture._trace_id, capture._traceparent, capture._headers
        from (
            select k.object_id, case when pg_catalog.count(*) operator(pg_catalog.=) pg_catalog.count(k.op) then pg_catalog.min(k.op) end as op,
                pg_catalog.min(k.type) as type, (pg_catalog.array_agg(k.data))[1] as data
            from (
                select case when pg_catalog.octet_length(change.object_id) operator(pg_catalog.>) 1000
                        then pg_catalog.concat(pg_catalog.left(change.object_id, 200), '...',
                            pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(change.object_id, 'UTF8')), 'hex'))
                        else change.object_id end as object_id,
                    case when change.op operator(pg_catalog.<>) 'U' then change.op end as op, change.type, change.data
                from (%2$s
                ) as change
                where change.object_id is not null
            ) as k
            group by k.object_id
        ) as c
        on conflict on constraint touched_pkey do update set
            first_op = coalesce(t.first_op, excluded.first_op),
            last_op = coalesce(excluded.last_op, t.last_op),
            type = coalesce(excluded.type, t.type),
            data = case when excluded.last_op is null then t.data else excluded.data end,
            -- Two sources are none: no subscription that excludes one of them may miss what the other did.
            source = case when t.source operator(pg_catalog.=) excluded.source then t.source end,
            trace_id = coalesce(excluded.trace_id, t.trace_id),
            traceparent = coalesce(excluded.traceparent, t.traceparent),
            headers = case when t.headers is null then excluded.headers when excluded.headers is null then t.headers
                else t.headers operator(pg_catalog.||) excluded.headers end;
        capture._wakes := capture._wakes or found;
$q$;
    _trusted boolean := outbox.capture_is_trusted(watch.relation);
    _call    text[];
begin
    if watch.through is not null then
        -- The function gets every row that has changed, as it was and as it is. The names of its type and of the table are good as long as they
        -- name the same, and rows can be cast to the table's type as they stand where the statement named the table itself.
        _call := array[format($q$capture._objects := array(
            select %s
            from (
                select array(
                        $q$,
            -- Whatever type the function returns by now: no cast that its owner made.
            case when _trusted then 'x.id::pg_catalog.text'
                else 'case when pg_catalog.num_nulls(x.id) operator(pg_catalog.=) 0 then pg_catalog.concat(x.id) end' end),
            format($q$) as rows
                offset 0
            ) as r cross join lateral %s(r.rows) as x (id)
            where pg_catalog.cardinality(r.rows) operator(pg_catalog.>) 0);
$q$, outbox.function_name(watch.through))];
        return format($q$    if tg_relid operator(pg_catalog.=) pg_catalog.to_regclass(%1$L)::pg_catalog.oid
        and (
            select p.prosecdef or %2$L
            from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_type t on t.typarray = p.proargtypes[0]
            where %3$s and p.pronargs = 1 and t.typrelid = tg_relid)
    then
        if tg_op operator(pg_catalog.=) 'INSERT' then
            %4$s        elsif tg_op operator(pg_catalog.=) 'DELETE' then
            %5$s        else
            %6$s        end if;
    else
        execute outbox.capture_elsewhere(%7$s, tg_relid, tg_op) into capture._objects;
    end if;
%8$s$q$, watch.relation::text, _trusted,
            (select format('n.nspname = %L and p.proname = %L', i.name[1], i.name[2])
                from (select parse_ident(outbox.function_name(watch.through)) as name) i),
            _call[1] || format('select row(outbox_row.*)::%s from new_rows as outbox_row', watch.relation) || _call[2],
            _call[1] || format('select row(outbox_row.*)::%s from old_rows as outbox_row', watch.relation) || _call[2],
            _call[1] || outbox.capture_changes(watch, object, by_expression, 'rows') || _call[2],
            watch.id,
            format(_note, watch.object, $q$
                    select x.id collate pg_catalog."C" as object_id, 'U'::pg_catalog.text as op,
                        null::pg_catalog.text as type, null::pg_catalog.jsonb as data
                    from pg_catalog.unnest(capture._objects) as x (id)$q$));
    end if;
    return format($q$    if tg_op operator(pg_catalog.=) 'INSERT' then
%s    elsif tg_op operator(pg_catalog.=) 'DELETE' then
%s    else
%s    end if;
$q$,
        format(_note, watch.object, outbox.capture_changes(watch, object, by_expression, 'insert')),
        format(_note, watch.object, outbox.capture_changes(watch, object, by_expression, 'delete')),
        format(_note, watch.object, outbox.capture_changes(watch, object, by_expression, 'update') || E'\n                union all'
            || outbox.capture_changes(watch, object, by_expression, 'moved')));
end
$$;
