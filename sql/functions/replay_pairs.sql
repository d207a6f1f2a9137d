create or replace function outbox.replay_pairs(few boolean, events text default null) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
-- The query by which outbox.replay() finds which subscriptions get which events. They are found by index, in the ways of
-- outbox.deliver_matching(): so a hundred thousand of them, each for an object of its own, are no matter. Its parameters beside those of
-- outbox.replay_events(): $9 slots and $10 ids of events, $11 subscriptions, $12 made_later.
-- What can be joined by hash is (outbox.replay switches nested loops off): nothing is known of the size of an array, and pairing 50,000
-- events with what is open took minutes.
-- Arguments: few, whether subscriptions are named, which are then looked at one by one; events, a query for these, default: $9 and $10.
-- Returns: a query for slot, id, subscription and state: sent, open or superseded.
-- Touches: nothing.
declare
    _narrow constant text := '(s.filter is null or e.data @> s.filter) and (s.filter_path is null or outbox.path_holds(e.data, s.filter_path))';
begin
    return format(
        $query$
        with place as materialized (
            select distinct s.pattern, s.anchor_path from outbox.subscription s
            where s.status <> 'gone' and s.object_id is null and s.anchor is not null
        ), busy as materialized (
            select d.subscription, d.event_id from outbox.delivery d group by d.subscription, d.event_id
        )
        select e.slot, e.id, w.id as subscription, case
            when b.event_id is not null or f.event_id is not null then 'open'
            when o.name is not null and exists (
                select from outbox.event n
                where n.object = e.object and n.object_id = e.object_id and n.id > e.id
                    and outbox.mismatch(w.pattern, w.object_id, w.filter, w.filter_path, w.exclude_source, w.status, n.type, n.data,
                        n.object_id, n.source) is null) then 'superseded'
            else 'sent' end as state
        from (%1$s) e
            cross join lateral (select outbox.patterns(e.type) as patterns offset 0) p
            cross join lateral (%2$s) w
            left join busy b on b.subscription = w.id and b.event_id = e.id
            left join outbox.fan_out f on f.event_id = e.id and f.walked_to < w.id and f.created_at >= w.created_at
                and (w.special or not f.special)
            left join outbox.object o on o.name = e.object and o.mode = 'latest'
        where ($12 or w.created_at <= e.occurred_at) and (w.exclude_source = e.source) is not true
        $query$,
        coalesce(replay_pairs.events,
            'select i.slot, i.id, i.type, i.object, i.object_id, i.data, i.source, i.occurred_at
             from unnest($9::smallint[], $10::bigint[]) as x (slot, id) cross join lateral (
                select i.* from outbox.event i where i.slot = x.slot and i.id = x.id offset 0) i'),
        case when replay_pairs.few then
            'select s.* from outbox.subscription s
             where s.id = any ($11) and s.status <> ''gone'' and s.pattern = any (p.patterns)
                and (s.object_id is null or s.object_id = e.object_id) and ' || _narrow
        else
            'select s.* from outbox.subscription s
             where s.pattern = any (p.patterns) and s.status <> ''gone'' and not s.special
             union all
             select s.* from outbox.subscription s
             where s.object_id = e.object_id and s.pattern = any (p.patterns) and s.status <> ''gone'' and s.object_id is not null and '
            || _narrow ||
            ' union all
             select s.* from place l cross join lateral (
                select i.* from outbox.subscription i
                where i.pattern = l.pattern and i.anchor_path = l.anchor_path and i.anchor = outbox.anchor_value(e.data #> l.anchor_path)
                    and i.status <> ''gone'' and i.object_id is null and i.anchor is not null offset 0) s
             where l.pattern = any (p.patterns) and ' || _narrow ||
            ' union all
             select s.* from outbox.subscription s
             where s.pattern = any (p.patterns) and s.status <> ''gone'' and s.special and s.object_id is null and s.anchor is null and '
            || _narrow
        end);
end
$$;
