create or replace function outbox.merge_events(watch integer, slot smallint, events bigint[], since bigint, partial boolean, nested boolean,
    sealing boolean default false)
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
--   of the user's has changed rows: data of the new events come with the row before and after then; sealing, whether the transaction commits.
-- Under SERIALIZABLE all this is done at the commit: reading locks pages of indexes that others write, and would have one of two
-- writers fail that have nothing in common. Whoever reads last of all stands in nobody's way.
-- Returns: whether a delivery was made.
-- Touches: update and delete outbox.event; insert and delete outbox.delivery, outbox.awaiting, outbox.fan_out; select outbox.subscription.
declare
    _object  outbox.object := (select o from outbox.object o join outbox.watch w on w.object = o.name where w.id = merge_events.watch);
    -- The transaction may have begun yesterday.
    _slots   smallint[] := case when outbox.slot(now()) = merge_events.slot then array[merge_events.slot] else '{0,1,2,3,4,5,6,7}' end;
    _new     bigint[] := merge_events.events;
    _chain   record;
    _types   text[];
    _datas   jsonb[];
    _ids     bigint[];
    _last    integer;
    _kept    bigint;
    _type    text;
    _data    jsonb;
    _undone  bigint[] := '{}';  -- events whose deliveries do not fit any more
    _gone    bigint[] := '{}';
    _made    integer := 0;
    _slot    smallint;
begin
    if current_setting('transaction_isolation') = 'serializable' and not merge_events.sealing and not merge_events.nested then
        perform outbox.await_commit(merge_events.slot, merge_events.events, true);
        return false;
    end if;
    for _chain in
        select e.object_id, array_agg(e.id order by e.id) as ids, array_agg(e.type order by e.id) as types,
            array_agg(e.data order by e.id) as datas, array_agg(e.source order by e.id) as sources,
            array_agg(e.trace_id order by e.id) as trace_ids, array_agg(e.traceparent order by e.id) as traceparents,
            array_agg(e.headers order by e.id) as headers
        from (
            select e.* from outbox.event e
            where not merge_events.sealing and e.slot = any (_slots) and e.object = _object.name and e.watch = merge_events.watch
                and e.xid = pg_current_xact_id() and e.id >= least(merge_events.since, merge_events.events[1])
                and e.object_id in (
                    select n.object_id from outbox.event n where n.slot = merge_events.slot and n.id = any (merge_events.events))
            union all
            select w.*
            from outbox.written(merge_events.watch, merge_events.slot, merge_events.events, least(merge_events.since, merge_events.events[1])) w
            where merge_events.sealing
        ) e
        group by e.object_id
        having count(*) > 1 or merge_events.nested
    loop
        _ids := _chain.ids;
        _types := _chain.types;
        _datas := _chain.datas;
        if merge_events.nested then
            select l.ids, l.types, l.datas into _ids, _types, _datas
            from outbox.link_events(merge_events.watch, _slots, _new, _ids, _types, _datas) l;
        end if;
        _last := cardinality(_types);
        _type := case when _types[_last] <> '-' then outbox.net_type(_object.name, array_remove(array_remove(_types, '='), '-')) end;
        _data := case when _object.data = 'diff' then outbox.merge_diffs(_datas) else _datas[_last] end;
        if _object.data = 'diff' and _type is not null and _data -> 'old' = _data -> 'new' then
            _type := null;  -- changed and changed back
        end if;
        _kept := (select min(i) from unnest(_ids) i);
        _gone := _gone || case when _type is null then _ids else array_remove(_ids, _kept) end;
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
            where e.slot = any (_slots) and e.id = _kept;
        end if;
        -- Those that are gone, or are of another type now, and had their deliveries.
        _undone := _undone || array(
            select u.id from unnest(_chain.ids, _chain.types) as u (id, type)
            where u.id = any (_ids) and not u.id = any (_new) and (u.id <> _kept or _type is distinct from u.type));
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
    if cardinality(_gone) > 0 then
        delete from outbox.event e where e.slot = any (_slots) and e.id = any (_gone);
        delete from outbox.awaiting a where a.xid = pg_current_xact_id() and a.event_id = any (_gone);
        -- Mostly nothing is left: all has become part of earlier events.
        _new := array(select u.id from unnest(_new || _undone) as u (id) except select u.id from unnest(_gone) as u (id) order by 1);
        if cardinality(_new) = 0 then
            return false;
        end if;
    else
        _new := _new || _undone;
    end if;
    foreach _slot in array _slots loop
        -- What takes the place of older events does so once, when all of it is known.
        exit when _object.mode = 'latest';
        _made := _made + outbox.deliver_plain(_slot, array(
            select e.id
            from unnest(_new) as x (id)
                cross join lateral (select i.id from outbox.event i where i.slot = _slot and i.id = x.id offset 0) e));
    end loop;
    -- Those that some want on a condition, and those that nobody wants as they are now.
    foreach _slot in array _slots loop
        perform outbox.await_commit(_slot, array(
            select e.id
            from unnest(_new) as x (id)
                cross join lateral (select i.id, i.type from outbox.event i where i.slot = _slot and i.id = x.id offset 0) e
            where (merge_events.partial or _object.mode = 'latest'
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
