create or replace function outbox.replay_events(event_type text, object text, object_id text, filter jsonb, numbers boolean) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
-- The query by which outbox.replay() finds events: leaf by leaf, since each has its own order. Only conditions that are given stand in
-- it, so that those of an object are found by its index. Its parameters: $1 after, $2 from, $3 to, $4 event_type, $5 object,
-- $6 object_id, $7 filter, $8 batch.
-- Arguments: as there; numbers, whether it gives slots and ids of the next batch as two arrays, or all events.
-- Returns: a query.
-- Touches: nothing.
declare
    _conditions constant text := concat(
        'i.slot = s.slot::smallint and i.id > $1 and i.occurred_at >= $2 and i.occurred_at < $3 and i.error is null',
        -- One of a test was for one subscription.
        ' and i.type <> ''outbox.ping''',
        case when replay_events.event_type <> '*' then ' and $4 = any (outbox.patterns(i.type))' end,
        case when replay_events.object is not null then ' and i.object = $5' end,
        case when replay_events.object_id is not null then ' and i.object_id = outbox.short_id($6)' end,
        case when replay_events.filter is not null then ' and i.data @> $7' end);
begin
    if replay_events.numbers then
        return format(
            'select array_agg(b.slot), array_agg(b.id)
             from (
                select e.slot, e.id
                from generate_series(0, 15) as s (slot) cross join lateral (
                    select i.slot, i.id from outbox.event i where %s order by i.id limit $8) e
                order by e.id limit $8) b', _conditions);
    end if;
    return format(
        'select e.* from generate_series(0, 15) as s (slot) cross join lateral (
            select i.slot, i.id, i.type, i.object, i.object_id, i.data, i.source, i.occurred_at from outbox.event i where %s offset 0) e',
        _conditions);
end
$$;
