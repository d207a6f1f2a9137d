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
    -- What one row has touched.
    _one  text := $q$select case when pg_catalog.octet_length(change.object_id) operator(pg_catalog.>) 1000
                        then outbox.shortened_id(change.object_id) else change.object_id end as object_id,
                    case when change.op operator(pg_catalog.<>) 'U' then change.op end as op, change.type, change.data
                from (%1$s
                ) as change
                where change.object_id is not null$q$;
    -- The same object more than once in a statement is noted once. It came or went if all that happened to it says so.
    _many text := $q$select k.object_id, case when pg_catalog.count(*) operator(pg_catalog.=) pg_catalog.count(k.op) then pg_catalog.min(k.op) end as op,
                pg_catalog.min(k.type) as type, (pg_catalog.array_agg(k.data))[1] as data
            from (
                %1$s
            ) as k
            group by k.object_id$q$;
    _noted text := $q$        insert into outbox.touched as t (xid, object, object_id, first_op, last_op, type, data, source, trace_id, traceparent, headers)
        select pg_catalog.pg_current_xact_id(), %1$L, c.object_id, c.op::pg_catalog."char", c.op::pg_catalog."char", c.type, c.data,
            capture._source, capture._trace_id, capture._traceparent, capture._headers
        from (
            %2$s
        ) as c
        on conflict on constraint touched_pkey do %3$s;
        capture._wakes := capture._wakes or found;
$q$;
    _again text := $q$update set
            first_op = coalesce(t.first_op, excluded.first_op),
            last_op = coalesce(excluded.last_op, t.last_op),
            type = case when excluded.last_op operator(pg_catalog.=) 'D' then null else coalesce(excluded.type, t.type) end,
            data = case when excluded.last_op is null then t.data else excluded.data end,
            -- Two sources are none: no subscription that excludes one of them may miss what the other did.
            source = case when t.source operator(pg_catalog.=) excluded.source then t.source end,
            trace_id = coalesce(excluded.trace_id, t.trace_id),
            traceparent = coalesce(excluded.traceparent, t.traceparent),
            headers = case when t.headers is null then excluded.headers when excluded.headers is null then t.headers
                else t.headers operator(pg_catalog.||) excluded.headers end$q$;
    _note text := replace(_noted, '%3$s', _again);
begin
    if watch.through is not null then
        -- The function gets every row that has changed, as it was and as it is. Rows can be cast to the table's type as they stand where the
        -- statement named the table itself, by the name it still has.
        return format($q$    if tg_relid operator(pg_catalog.=) pg_catalog.to_regclass(%1$L)::pg_catalog.oid then
        if tg_op operator(pg_catalog.=) 'INSERT' then
            capture._changed := array(select row(outbox_row.*)::%2$s from new_rows as outbox_row)::pg_catalog.text;
        elsif tg_op operator(pg_catalog.=) 'DELETE' then
            capture._changed := array(select row(outbox_row.*)::%2$s from old_rows as outbox_row)::pg_catalog.text;
        else
            capture._changed := array(%3$s)::pg_catalog.text;
        end if;
    else
        execute outbox.capture_elsewhere(%5$s, tg_relid, tg_op) into capture._changed;
    end if;
    if capture._changed operator(pg_catalog.<>) '{}' then
        insert into outbox.changed (xid, watch, rows, source, trace_id, traceparent, headers)
        values (pg_catalog.pg_current_xact_id(), %5$s, capture._changed, capture._source, capture._trace_id, capture._traceparent, capture._headers);
%4$s        capture._wakes := true;
    end if;
$q$, watch.relation::text, watch.relation, outbox.capture_changes(watch, object, by_expression, 'rows'), format(_note, watch.object, format(_many, format(_one, format($q$
                    select x.id as object_id, 'U'::pg_catalog.text as op,
                        null::pg_catalog.text as type, null::pg_catalog.jsonb as data
                    from outbox.reach(%s, capture._changed) as x (id)$q$, watch.id)))), watch.id);
    end if;
    return format($q$    if tg_op operator(pg_catalog.=) 'INSERT' then
%s    elsif tg_op operator(pg_catalog.=) 'DELETE' then
%s    else
        -- One row that has changed, and kept its identity, for the first time in the transaction, is all that nearly every statement is about.
        if capture._rows operator(pg_catalog.=) 1 then
%s        end if;
        if capture._wakes is not true then
%s        end if;
    end if;
$q$,
        format(_note, watch.object, format(_many, format(_one, outbox.capture_changes(watch, object, by_expression, 'insert')))),
        format(_note, watch.object, format(_many, format(_one, outbox.capture_changes(watch, object, by_expression, 'delete')))),
        format(_noted, watch.object, format(_one, outbox.capture_changes(watch, object, by_expression, 'update')), 'nothing'),
        outbox.capture_planned(format(_note, watch.object, format(_many, format(_one, outbox.capture_changes(watch, object, by_expression, 'update')
            || E'\n                union all' || outbox.capture_changes(watch, object, by_expression, 'moved'))))));
end
$$;
