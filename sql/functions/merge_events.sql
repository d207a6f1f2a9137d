create or replace function outbox.merge_events(watch integer, slot smallint, events bigint[], since bigint, partial boolean, nested boolean)
returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp set plan_cache_mode = auto
as $$
-- Makes one event of all that a transaction has written of one object, as outbox.net_type() says, and makes the deliveries of events that
-- have none yet. The first event stays, with its id, and takes the newest data; the newer ones go. Its deliveries stay too, unless its type changes.
-- The rows of objects that are locked by their writer: nobody else writes events of them meanwhile.
-- Arguments: watch, who wrote; slot and events, what it has just written, without deliveries (of type = or - when it is no event
--   for itself: only the data, or only that the row is gone); since, the first event of the transaction as
--   far as is known, or null; partial, whether changes of them may come that are not wanted for themselves; nested, whether a trigger
--   of the user's has changed rows: full data of the events are old and new then.
-- Returns: whether a delivery was made.
-- Touches: update and delete outbox.event; insert and delete outbox.delivery, outbox.awaiting, outbox.fan_out; select outbox.subscription.
declare
    _object  outbox.object := (select o from outbox.object o join outbox.watch w on w.object = o.name where w.id = merge_events.watch);
    -- The transaction may have begun yesterday.
    _slots   smallint[] := array[merge_events.slot, mod(merge_events.slot + 7, 8)::smallint];
    _new     bigint[] := merge_events.events;
    _nested  boolean := merge_events.nested and _object.data = 'full';
    _chain   record;
    _types   text[];
    _datas   jsonb[];
    _count   integer;
    _old     jsonb;
    _first   boolean;
    _type    text;
    _data    jsonb;
    _undone  bigint[] := '{}';  -- events whose deliveries do not fit any more
    _gone    bigint[] := '{}';
    _made    integer := 0;
    _slot    smallint;
    _create  text := _object.name || '.Create';
    _delete  text := _object.name || '.Delete';
begin
    for _chain in
        select e.object_id, array_agg(e.id order by e.id) as ids, array_agg(e.type order by e.id) as types,
            array_agg(e.data order by e.id) as datas, array_agg(e.source order by e.id) as sources,
            array_agg(e.trace_id order by e.id) as trace_ids, array_agg(e.traceparent order by e.id) as traceparents,
            array_agg(e.headers order by e.id) as headers
        from outbox.event e
        where e.slot = any (_slots) and e.object = _object.name and e.watch = merge_events.watch
            and e.xid = pg_current_xact_id() and e.id >= coalesce(merge_events.since, merge_events.events[1])
            and e.object_id in (
                select n.object_id from outbox.event n where n.slot = merge_events.slot and n.id = any (merge_events.events))
        group by e.object_id
        having count(*) > 1 or _nested
    loop
        _types := _chain.types;
        _datas := _chain.datas;
        _count := cardinality(_types);
        if _nested then
            _old := case when _types[_count] <> _create then _datas[_count] -> 'old' end;
            _datas := array(
                select case when u.id = any (_new) and u.type <> _create then coalesce(u.data -> 'new', u.data -> 'old') else u.data end
                from unnest(_chain.ids, _types, _datas) with ordinality as u (id, type, data, n) order by u.n);
        end if;
        if merge_events.nested and _count > 1 and not _chain.ids[_count - 1] = any (_new) then
            -- What a trigger does within a statement is captured before the statement is, and comes after it. Then the row was not before
            -- the statement what the trigger has left, or was not there, or not gone.
            _first := case
                when _types[_count] = _create then _types[_count - 1] <> _delete or _object.data = 'full' and _datas[_count - 1] = _datas[_count]
                when _types[_count - 1] = _delete then true
                when _object.data = 'full' then _old <> _datas[_count - 1]
                when _object.data = 'diff' then exists (
                    select from jsonb_each(nullif(_datas[_count - 1] -> 'new', 'null')) as b (key, value)
                    where b.value <> _datas[_count] -> 'old' -> b.key)
            end;
            if _first then
                _datas := _datas[:_count - 2] || _datas[_count] || _datas[_count - 1];
                if _types[_count - 1] <> _create or _types[_count] in (_delete, '-') then
                    _types := _types[:_count - 2] || _types[_count] || _types[_count - 1];
                end if;
            end if;
        end if;
        _type := case when _types[_count] <> '-' then outbox.net_type(_object.name, array_remove(array_remove(_types, '='), '-')) end;
        _data := case when _object.data = 'diff' then outbox.merge_diffs(_datas) else _datas[_count] end;
        if _object.data = 'diff' and _type is not null and _data -> 'old' = _data -> 'new' then
            _type := null;  -- changed and changed back
        end if;
        _gone := _gone || case when _type is null then _chain.ids else _chain.ids[2:] end;
        if _type is not null then
            update outbox.event e
            set type = _type, data = _data,
                -- Two sources are none: no subscription that excludes one of them may miss what the other did.
                source = case when (select count(distinct coalesce(s, '')) from unnest(_chain.sources) s) = 1 then _chain.sources[1] end,
                trace_id = (select t from unnest(_chain.trace_ids) with ordinality as u (t, n) where t is not null order by n desc limit 1),
                traceparent = (select t from unnest(_chain.traceparents) with ordinality as u (t, n) where t is not null order by n desc limit 1),
                headers = (
                    select jsonb_object_agg(k, v order by n)
                    from unnest(_chain.headers) with ordinality as u (h, n) cross join jsonb_each(h) as j (k, v))
            where e.slot = any (_slots) and e.id = _chain.ids[1];
        end if;
        if _type is distinct from _chain.types[1] and not _chain.ids[1] = any (_new) then
            _undone := _undone || _chain.ids[1];
        end if;
    end loop;

    if cardinality(_undone) > 0 then
        -- Their deliveries have the due time that they were given; whoever wanted the old type has one. Special subscriptions wait for the commit.
        delete from outbox.delivery d
        using unnest(_undone) as u (id)
            cross join lateral (
                select e.id, e.occurred_at from outbox.event e where e.slot = any (_slots) and e.id = u.id limit 1) e
        where d.event_id = e.id and d.due_at = e.occurred_at
            and d.subscription = any (array(
                select s.id from outbox.subscription s
                where not s.special
                    and s.pattern = any (outbox.patterns(_object.name || '.Create') || outbox.patterns(_object.name || '.Update')
                        || outbox.patterns(_object.name || '.Delete')
                        || array(select p from outbox.watch w cross join unnest(w.verb_types) v cross join unnest(outbox.patterns(v)) p
                            where w.id = merge_events.watch))));
        delete from outbox.fan_out f where f.event_id = any (_undone);
    end if;
    -- Nothing by themselves, and no event of the transaction was found that they belong to.
    _gone := _gone || array(
        select e.id from outbox.event e
        where e.slot = merge_events.slot and e.id = any (merge_events.events) and e.type in ('=', '-') and not e.id = any (_gone));
    if cardinality(_gone) > 0 then
        delete from outbox.event e where e.slot = any (_slots) and e.id = any (_gone);
        delete from outbox.awaiting a where a.xid = pg_current_xact_id() and a.event_id = any (_gone);
    end if;
    foreach _slot in array _slots loop
        -- What takes the place of older events does so once, when all of it is known.
        exit when _object.mode = 'latest';
        _made := _made + outbox.deliver_plain(_slot, array(
            select n.id from unnest(_new || _undone) as n (id)
            where not n.id = any (_gone)
                and exists (select from outbox.event e where e.slot = _slot and e.id = n.id)));
    end loop;
    -- Those that some want on a condition, and those that nobody wants as they are now.
    foreach _slot in array _slots loop
        perform outbox.await_commit(_slot, array(
            select e.id
            from outbox.event e
            where e.slot = _slot and e.id = any (_new || _undone)
                and (merge_events.partial or _object.mode = 'latest'
                    or exists (
                        select from outbox.subscription s
                        where s.pattern = any (outbox.patterns(e.type)) and s.special and s.status <> 'gone')
                    or not exists (
                        select from outbox.subscription s
                        where s.pattern = any (outbox.patterns(e.type)) and not s.special and s.status <> 'gone'))));
    end loop;
    return _made > 0;
end
$$;
