-- Lanes of ordered subscriptions that have stopped behind a delivery that was given up: since when and why, how many open deliveries
-- wait behind it, how many were put aside, and the line that has them go on. For good, without it:
-- delete from outbox.dead_letter where delivery = …
create or replace view outbox.blocked as
select b.subscription,
    s.subscriber,
    s.ordering,
    s.on_exhausted,
    e.object,
    e.object_id,
    l.event_id as event,
    b.blocked_by as delivery,
    b.blocked_since as since,
    l.reason,
    (select count(*) from outbox.delivery d where d.subscription = b.subscription and d.lane = b.lane) as waiting,
    p.aside,
    case when p.aside = 0 then format('select outbox.retry(%s)', b.blocked_by)
        else format('select outbox.retry(delivery) from outbox.dead_letter where delivery = %s or subscription = %s and reason = %L',
            b.blocked_by, b.subscription, p.reason) end as release
from outbox.lane b
    join outbox.subscription s on s.id = b.subscription
    left join outbox.dead_letter l on l.delivery = b.blocked_by
    cross join lateral (
        select r.reason, (
            select count(*) from outbox.dead_letter i where i.subscription = b.subscription and i.reason = r.reason) as aside
        from (select format('put aside behind delivery %s, which was given up', b.blocked_by) as reason) r
    ) p
    left join lateral (
        select i.object, i.object_id from outbox.event i
        where i.slot = any (array[l.event_slot, (l.event_slot + 8)::smallint]) and i.id = l.event_id limit 1
    ) e on true
where b.blocked_by is not null
order by b.blocked_since;
