create or replace function outbox.supersede_claimed(deliveries bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Objects of mode latest, as a relay is about to send: what it has picked ends what is older, be it under way; and what was tried
-- before ends when something newer of its object has gone to the same subscription since (a relay died while it was sent, or two
-- claimed at the same moment). So nothing old is sent after something newer.
-- Arguments: deliveries, locked by the caller; those that were ended are gone afterwards.
-- Touches: delete outbox.delivery; insert outbox.attempt; select outbox.event; see outbox.supersede().
declare
    _now timestamptz := clock_timestamp();
begin
    perform outbox.supersede(array_agg(d.subscription), array_agg(d.object_key), array_agg(d.event_id), true)
    from outbox.delivery d
    where d.id = any (supersede_claimed.deliveries) and d.object_key is not null;
    with old as materialized (
        select d.id, n.event
        from outbox.delivery d
            cross join lateral (
                select e.object, e.object_id from outbox.event e
                where e.slot = any (array[d.event_slot, (d.event_slot + 8)::smallint]) and e.id = d.event_id
                limit 1
            ) e
            cross join lateral (
                select max(i.id) as event
                from (
                    select n.id from outbox.event n
                    where n.object = e.object and n.object_id = e.object_id and n.id > d.event_id
                    order by n.id desc limit 100
                ) i
                where (
                    select true from outbox.attempt a
                    where a.event_id = i.id and a.subscription = d.subscription and a.class is not null limit 1)
            ) n
        where d.id = any (supersede_claimed.deliveries) and d.object_key is not null and d.attempt > 0 and n.event is not null
    ), ended as (
        delete from outbox.delivery d
        where d.id = any (array(select o.id from old o))
        returning d.*
    )
    insert into outbox.attempt (slot, delivery, attempt, subscription, event_slot, event_id, started_at, outcome, error)
    select outbox.slot(_now), e.id, e.attempt, e.subscription, e.event_slot, e.event_id, _now, 'skipped',
        'superseded by event ' || o.event
    from ended e join old o on o.id = e.id;
end
$$;
