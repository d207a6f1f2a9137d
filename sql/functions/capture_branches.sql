create or replace function outbox.capture_branches(watch outbox.watch, object outbox.object, by_expression boolean) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- What the trigger function of a watch does where the row is the data: events and deliveries are written at once, set-based,
-- one statement for each kind of change.
-- Deliveries of subscriptions that want everything of their pattern are written in the same statement. The others are looked
-- up by outbox.deliver_special(), and so is everything by outbox.deliver() where the event type depends on the row, where newer events take
-- the place of older ones, and where there are more subscriptions than outbox.fan_out_max().
-- One row, the first of its transaction, is what most statements are about: outbox.capture_row() has them.
-- Arguments: watch, object; by_expression, whether id expression and conditions can be used.
-- Returns: plpgsql.
-- Touches: outbox.capture_changes() writes the queries.
declare
    -- A transaction has one event of an object; so an id that several rows share is looked for within the statement too.
    _coalesces boolean := object.mode <> 'each';
    _inline    boolean := object.mode <> 'latest' and cardinality(watch.verb_types) = 0
        and not (_coalesces and capture_branches.by_expression and watch.id_expression is not null);
    _row       text := outbox.capture_row(watch, object, by_expression);
    _statement text;
    _unless    text;
begin
    _statement := case when _inline then $q$        capture._inline := $q$ || case when _coalesces then 'not capture._again and not capture._nested and ' else '' end
        || $q$pg_catalog.cardinality(capture._to) operator(pg_catalog.<=) outbox.fan_out_max();
        with change as (%1$s
        ), event as (%2$s
            returning id
        ), delivery as (
            insert into outbox.delivery (subscription, event_slot, event_id, due_at)
            select pg_catalog.unnest(capture._to), capture._slot, event.id, capture._now from event where capture._inline
        )
        select pg_catalog.array_agg(event.id) into capture._ids from event;
        capture._wakes := capture._ids is not null and capture._inline and pg_catalog.cardinality(capture._to) operator(pg_catalog.>) 0;
$q$ else $q$        with change as (%1$s
        ), event as (%2$s
            returning id
        )
        select pg_catalog.array_agg(event.id) into capture._ids from event;
        capture._inline := false;
$q$ end || $q$        %3$s
$q$;
    -- An Update that nobody wants is not written. A Create or Delete is, where later changes of the transaction may make something else of it.
    _unless := case when object.history then ''
        when cardinality(watch.verb_types) > 0 then $q$where exists (
                select from outbox.subscription as s
                where s.pattern operator(pg_catalog.=) any (outbox.patterns(change.type)) and s.status operator(pg_catalog.<>) 'gone')$q$
        else 'where pg_catalog.cardinality(capture._to) operator(pg_catalog.>) 0 or capture._special' end
        || case when object.history or not _coalesces then ''
            -- The difference is that to the beginning.
            when object.data = 'diff' then ' or true'
            else format(' or capture._awaits and change.object_id operator(pg_catalog.=) any (%s)', outbox.capture_awaited(watch)) end;
    return _row || format(E'    if capture._alone is not true then\n%s    end if;\n', outbox.capture_planned(format($q$        if tg_op operator(pg_catalog.=) 'INSERT' then
%s        elsif tg_op operator(pg_catalog.=) 'DELETE' then
%s        else
%s            if %s then
%s            end if;
        end if;
$q$,
        format(_statement, outbox.capture_changes(watch, object, by_expression, 'insert'), outbox.capture_insert(watch, false, case when _coalesces then '' else _unless end),
            outbox.capture_finish(watch, object)),
        format(_statement, outbox.capture_changes(watch, object, by_expression, 'delete'), outbox.capture_insert(watch, false, case when _coalesces then '' else _unless end),
            outbox.capture_finish(watch, object)),
        format(_statement, outbox.capture_changes(watch, object, by_expression, 'update'), outbox.capture_insert(watch, false, _unless),
            outbox.capture_finish(watch, object)),
        outbox.capture_changes(watch, object, by_expression, 'is_moved'),
        -- Two event types in one statement, and rare: the general way.
        format($q$            with change as (%1$s
            ), event as (%2$s
                returning id
            )
            select pg_catalog.array_agg(event.id) into capture._ids from event;
            capture._inline := false;
            %3$s
$q$, outbox.capture_changes(watch, object, by_expression, 'moved'), outbox.capture_insert(watch, false,
            case when _coalesces or object.history then '' else format($q$where exists (
                    select from outbox.subscription as s
                    where s.pattern operator(pg_catalog.=) any (case when change.op operator(pg_catalog.=) 'D' then %L::pg_catalog.text[]
                            when change.type operator(pg_catalog.=) %L then %L else %L end)
                        and s.status operator(pg_catalog.<>) 'gone')$q$,
                outbox.patterns(watch.object || '.Delete'), watch.object || '.Create', outbox.patterns(watch.object || '.Create'),
                outbox.patterns(watch.object || '.Update')) end), outbox.capture_finish(watch, object)))));
end
$$;
