create or replace function outbox.expand(batch integer default 1000) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Makes deliveries of an event that its writer has left to relays, because very many subscriptions want it: for the next so many
-- subscriptions, in the order of their ids, as they are now. One that was made or removed since the commit gets none. Deliveries
-- and how far it has come are committed together, so a crash doubles and loses nothing; two relays take two events. It follows
-- the rule for writers in outbox.ring().
-- An object of mode latest: its older event comes first, and whoever has had a newer one gets none, which is on record.
-- Arguments: batch, how many subscriptions to look at.
-- Returns: how many deliveries were made, 0 when none of those wants it: call again; null when there is nothing to do.
-- Raises: OX020 when there is something to do and this database is a copy of another.
-- Locks: the row of outbox.fan_out, FOR UPDATE SKIP LOCKED.
-- Touches: update, delete outbox.fan_out; insert outbox.delivery, outbox.attempt; select outbox.subscription, outbox.event,
--   outbox.object, outbox.doorbell; see outbox.supersede().
declare
    _now      timestamptz := clock_timestamp();
    _fan_out  outbox.fan_out;
    _event    outbox.event;
    _key      bigint;
    _newer    bigint[];
    _patterns text[];
    _last     bigint;
    _looked   integer;
    _made     bigint[];
begin
    if not exists (select from outbox.fan_out f) then
        return null;
    end if;
    perform outbox.require_home();
    select f.* into _fan_out
    from outbox.fan_out f
    where not exists (
        select from outbox.event e join outbox.object o on o.name = e.object and o.mode = 'latest'
            cross join lateral (
                select from outbox.fan_out g
                    join outbox.event b on b.slot = any (array[g.event_slot, (g.event_slot + 8)::smallint]) and b.id = g.event_id
                where g.event_id < f.event_id and b.object = e.object and b.object_id = e.object_id
                limit 1
            ) before
        where e.slot = any (array[f.event_slot, (f.event_slot + 8)::smallint]) and e.id = f.event_id)
    order by f.event_id
    limit 1
    for update skip locked;
    if not found then
        return null;
    end if;
    select e.* into _event from outbox.event e
    where e.slot = any (array[_fan_out.event_slot, (_fan_out.event_slot + 8)::smallint]) and e.id = _fan_out.event_id;
    if not found or _event.error is not null then
        delete from outbox.fan_out f where f.event_id = _fan_out.event_id and f.event_slot = _fan_out.event_slot;
        return 0;
    end if;
    _patterns := outbox.patterns(_event.type);
    select outbox.object_key(o.name, _event.object_id) into _key
    from outbox.object o where o.name = _event.object and o.mode = 'latest';
    if _key is not null then
        _newer := array(
            select n.id from outbox.event n
            where n.object = _event.object and n.object_id = _event.object_id and n.id > _event.id
            order by n.id desc limit 100);
    end if;
    with looked as materialized (
        select s.id, s.exclude_source = _event.source as excludes,
            s.status <> 'gone' and s.created_at <= _fan_out.created_at and (s.special or not _fan_out.special)
                and s.pattern = any (_patterns)
                and (s.object_id is null or s.object_id is not distinct from _event.object_id)
                and (s.filter is null or _event.data @> s.filter)
                and (s.filter_path is null or outbox.path_holds(_event.data, s.filter_path)) as matches
        from outbox.subscription s
        where s.id > _fan_out.walked_to
        order by s.id limit expand.batch
    ), matched as materialized (
        select l.id,
            case when l.excludes then outbox.excluded_words(_event.source)
                when _newer <> '{}' then (
                    select 'superseded by event ' || max(n.event_id)
                    from (
                        select d.event_id from outbox.delivery d
                        where d.subscription = l.id and d.object_key = _key and d.event_id > _event.id
                        union all
                        select a.event_id from outbox.attempt a where a.event_id = any (_newer) and a.subscription = l.id
                    ) n)
            end as obstacle
        from looked l
        where l.matches
    ), delivered as (
        insert into outbox.delivery as d (subscription, event_slot, event_id, due_at, object_key, since)
        select m.id, _fan_out.event_slot, _event.id, coalesce(_fan_out.due_at, _now), _key, _fan_out.due_at from matched m where m.obstacle is null
        returning d.subscription
    ), skipped as (
        insert into outbox.attempt (slot, delivery, attempt, subscription, event_slot, event_id, started_at, outcome, error)
        select outbox.slot(_now), nextval('outbox.delivery_id_seq'), 0, m.id, _fan_out.event_slot, _event.id, _now,
            'skipped', m.obstacle
        from matched m where m.obstacle is not null
    )
    select (select max(l.id) from looked l), (select count(*) from looked), array_agg(d.subscription)
        into _last, _looked, _made
    from delivered d;
    if _looked < expand.batch then
        delete from outbox.fan_out f where f.event_id = _fan_out.event_id and f.event_slot = _fan_out.event_slot;
    else
        update outbox.fan_out f set walked_to = _last
        where f.event_id = _fan_out.event_id and f.event_slot = _fan_out.event_slot;
    end if;
    if _made is null then
        return 0;
    end if;
    if _key is not null then
        perform outbox.supersede(
            _made, array_fill(_key, array[cardinality(_made)]), array_fill(_event.id, array[cardinality(_made)]), false);
    end if;
    if (select d.last_value from outbox.doorbell d) = 1 then
        perform outbox.ring();
    end if;
    return cardinality(_made);
end
$$;
