create or replace function outbox.deliver_matching(slot smallint, events bigint[], everything boolean) returns integer
language plpgsql
set jit = off set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
as $$
-- The work of outbox.deliver() and outbox.deliver_special().
--
-- It runs in the writer's transaction, with the writer's search_path: every name comes with its schema. Each event looks
-- subscriptions up by index, in at most four ways, and a subscription is found in one of them only:
--   plain       by the few patterns that match its type
--   object_id   by that and pattern
--   filter      by the anchor: of each pattern, at each place where a filter has one (outbox.filter_anchor() keeps these few), by
--               the value that the event has there
--   the others  by pattern; each is looked at
-- Then filter and filter_path themselves decide.
--
-- One plan must do for one event and for 20,000, and for a leaf or a table of subscriptions that was empty when it was made:
-- planning takes ten times as long as the rest. So each look-up is kept behind its keys (OFFSET 0, LIMIT), for captures switch
-- nested loops off and a hash of all subscriptions would take their place; nothing is joined that could be paired by nested
-- loops; no table is scanned; and no bitmap is made of 100,000 matches when 201 will do.
--
-- Arguments: slot and events, as in outbox.event; everything, or else special subscriptions only.
-- Returns: how many rows were written that a relay has to see.
-- Touches: insert outbox.delivery, outbox.fan_out, outbox.attempt; select outbox.event, outbox.object, outbox.subscription; where
--   an object has mode latest, see outbox.supersede().
<<matching>>
declare
    _now           pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    _max           integer := outbox.fan_out_max();
    _written       integer;
    _subscriptions bigint[];
    _keys          bigint[];
    _events        bigint[];
begin
    with recursive event as materialized (
        select e.id, e.type, e.object_id, e.data, e.source, outbox.object_key(o.name, e.object_id) as object_key
        from pg_catalog.unnest(deliver_matching.events) as w (id)
            cross join lateral (
                -- By both columns of the key, each: an estimate of a leaf that was nearly empty makes `id = any` a filter over all of it.
                select i.* from outbox.event i
                where i.slot operator(pg_catalog.=) deliver_matching.slot and i.id operator(pg_catalog.=) w.id offset 0
            ) e
            left join lateral (
                select i.name from outbox.object i
                where i.name operator(pg_catalog.=) e.object and i.mode operator(pg_catalog.=) 'latest' offset 0
            ) o on true
        where e.error is null
            and (
                select true from outbox.fan_out f
                where f.event_id operator(pg_catalog.=) e.id and f.event_slot operator(pg_catalog.=) deliver_matching.slot limit 1
            ) is null
    ), pattern as materialized (
        select t.type, p.pattern
        from (select distinct e.type from event e) t cross join lateral pg_catalog.unnest(outbox.patterns(t.type)) as p (pattern)
    ), place (type, pattern, path) as (
        -- One probe of the index for each place, however many subscriptions there are.
        select p.type, p.pattern, (
            select s.anchor_path from outbox.subscription s
            where s.pattern operator(pg_catalog.=) p.pattern and s.status operator(pg_catalog.<>) 'gone'
                and s.object_id is null and s.anchor is not null
            order by s.anchor_path limit 1)
        from pattern p
        union all
        select p.type, p.pattern, (
            select s.anchor_path from outbox.subscription s
            where s.pattern operator(pg_catalog.=) p.pattern and s.status operator(pg_catalog.<>) 'gone'
                and s.object_id is null and s.anchor is not null and s.anchor_path operator(pg_catalog.>) p.path
            order by s.anchor_path limit 1)
        from place p
        where p.path is not null
    ), matched as materialized (
        select e.id, e.source, e.object_key, m.matches, m.wanted, m.excluded
        from event e cross join lateral (
            select pg_catalog.count(*) as matches,
                pg_catalog.array_agg(f.id) filter (where f.excludes is not true) as wanted,
                pg_catalog.array_agg(f.id) filter (where f.excludes) as excluded
            from (
                select f.id, f.exclude_source operator(pg_catalog.=) e.source as excludes
                from (
                    select s.id, s.exclude_source
                    from pattern p cross join lateral (
                        select i.id, i.exclude_source from outbox.subscription i
                        where i.pattern operator(pg_catalog.=) p.pattern and i.status operator(pg_catalog.<>) 'gone'
                            and not i.special
                        offset 0
                    ) s
                    where deliver_matching.everything and p.type operator(pg_catalog.=) e.type
                    union all
                    select s.id, s.exclude_source
                    from pattern p cross join lateral (
                        select i.id, i.exclude_source, i.filter, i.filter_path from outbox.subscription i
                        where i.object_id operator(pg_catalog.=) e.object_id and i.pattern operator(pg_catalog.=) p.pattern
                            and i.status operator(pg_catalog.<>) 'gone' and i.object_id is not null
                        offset 0
                    ) s
                    where p.type operator(pg_catalog.=) e.type
                        and (s.filter is null or e.data operator(pg_catalog.@>) s.filter)
                        and (s.filter_path is null or outbox.path_holds(e.data, s.filter_path))
                    union all
                    select s.id, s.exclude_source
                    from place p cross join lateral (
                        select i.id, i.exclude_source, i.filter, i.filter_path from outbox.subscription i
                        where i.pattern operator(pg_catalog.=) p.pattern and i.anchor_path operator(pg_catalog.=) p.path
                            and i.anchor operator(pg_catalog.=) outbox.anchor_value(e.data operator(pg_catalog.#>) p.path)
                            and i.status operator(pg_catalog.<>) 'gone' and i.object_id is null and i.anchor is not null
                        offset 0
                    ) s
                    where p.type operator(pg_catalog.=) e.type and p.path is not null
                        and e.data operator(pg_catalog.@>) s.filter
                        and (s.filter_path is null or outbox.path_holds(e.data, s.filter_path))
                    union all
                    select s.id, s.exclude_source
                    from pattern p cross join lateral (
                        select i.id, i.exclude_source, i.filter, i.filter_path from outbox.subscription i
                        where i.pattern operator(pg_catalog.=) p.pattern and i.status operator(pg_catalog.<>) 'gone'
                            and i.special and i.object_id is null and i.anchor is null
                        offset 0
                    ) s
                    where p.type operator(pg_catalog.=) e.type
                        and (s.filter is null or e.data operator(pg_catalog.@>) s.filter)
                        and (s.filter_path is null or outbox.path_holds(e.data, s.filter_path))
                ) f
                limit _max operator(pg_catalog.+) 1
            ) f
        ) m
        where m.matches operator(pg_catalog.>) 0
    ), left_to_relays as (
        insert into outbox.fan_out as f (event_slot, event_id, special)
        select deliver_matching.slot, m.id, not deliver_matching.everything
        from matched m
        where m.matches operator(pg_catalog.>) _max
        returning f.event_id
    ), delivered as (
        insert into outbox.delivery as d (subscription, event_slot, event_id, due_at, object_key)
        select w.id, deliver_matching.slot, m.id, _now, m.object_key
        from matched m cross join lateral pg_catalog.unnest(m.wanted) as w (id)
        where m.matches operator(pg_catalog.<=) _max
        returning d.subscription, d.event_id, d.object_key
    ), skipped as (
        insert into outbox.attempt (slot, delivery, attempt, subscription, event_slot, event_id, started_at, outcome, error)
        select outbox.slot(_now), pg_catalog.nextval('outbox.delivery_id_seq'::pg_catalog.regclass), 0, x.id, deliver_matching.slot,
            m.id, _now, 'skipped', outbox.excluded_words(m.source)
        from matched m cross join lateral pg_catalog.unnest(m.excluded) as x (id)
        where m.matches operator(pg_catalog.<=) _max
    )
    select (select pg_catalog.count(*) from left_to_relays) operator(pg_catalog.+) pg_catalog.count(*),
        pg_catalog.array_agg(d.subscription) filter (where d.object_key is not null),
        pg_catalog.array_agg(d.object_key) filter (where d.object_key is not null),
        pg_catalog.array_agg(d.event_id) filter (where d.object_key is not null)
        into _written, _subscriptions, _keys, _events
    from delivered d;
    if _keys is not null then
        perform outbox.supersede(_subscriptions, _keys, _events, false);
    end if;
    return _written;
end
$$;
