create or replace function outbox.measure(subscriptions_max integer) returns table (
    subscription bigint, subscriber text, open bigint, dead bigint, oldest_age double precision,
    due_at double precision, due_for double precision, first_due bigint
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set max_parallel_workers_per_gather = 0
as $$
-- What is open, for whoever watches relays from outside: relays call it now and then when their metrics can be read. It
-- counts every open delivery, so it takes as long as there are many; relays pause a hundred times as long in between.
--
-- Arguments: subscriptions_max, how many subscriptions are told one by one: those with the most open deliveries, then
--   those with dead letters, then the others. What is left is one row without subscription and subscriber.
-- Returns: per subscription that is not gone
--   open, dead          open deliveries; dead letters
--   oldest_age          age in seconds of the oldest event with an open delivery, 0 when there is none, null when the event
--                       is gone; the oldest is the one with the lowest id. Deliveries with an age of their own (delivery.since)
--                       have that
--   due_at, due_for     when the first due delivery became due, seconds since 1970, and how long ago that was; null when
--                       none is due, and when no relay could be expected to send it: the subscription is not active, or has
--                       as many POSTs under way as it may
--   first_due           which delivery that is: all that one statement caused became due at the same instant
-- Locks: nothing.
-- Touches: select outbox.delivery, outbox.dead_letter, outbox.subscription, outbox.event.
declare
    _now timestamptz := clock_timestamp();
begin
    return query
    with counted as materialized (
        -- delivery.event_slot is 0 to 7: id and slot as one number, so that one minimum gives both.
        select d.subscription, count(*) as open, min(d.event_id * 8 + d.event_slot) filter (where d.since is null) as oldest,
            min(d.since) filter (where d.since <= _now) as since,
            min(d.due_at) filter (where d.due_at <= _now) as due_at,
            count(*) filter (where d.leased_by is not null and d.due_at > _now) as under_way
        from outbox.delivery d
        group by d.subscription
    ), buried as materialized (
        select l.subscription, count(*) as dead from outbox.dead_letter l group by l.subscription
    ), busy as materialized (
        select coalesce(c.subscription, b.subscription) as id, coalesce(c.open, 0) as open, coalesce(b.dead, 0) as dead,
            c.oldest, c.since, c.due_at, c.under_way
        from counted c full join buried b on b.subscription = c.subscription
    ), ranked as materialized (
        select s.id, s.subscriber, k.open, k.dead, k.oldest, k.since,
            case when s.status in ('active', 'failing') and k.under_way < least(s.concurrency, s.max_deliveries) then k.due_at end as due_at,
            row_number() over (order by k.open desc, k.dead desc, s.id) as rank
        from busy k join outbox.subscription s on s.id = k.id
        where s.status <> 'gone'
    ), idle as (
        -- No more than there is room for: an idle subscription costs nothing, however many there are.
        select s.id, s.subscriber
        from outbox.subscription s
        where s.status <> 'gone' and not exists (select from busy k where k.id = s.id)
        order by s.id
        limit greatest(measure.subscriptions_max - (select count(*) from ranked), 0)
    ), told as (
        select r.id, r.subscriber, r.open, r.dead, r.oldest, r.since, r.due_at, r.rank
        from ranked r where r.rank <= measure.subscriptions_max
        union all
        select i.id, i.subscriber, 0, 0, null, null, null, measure.subscriptions_max + i.id from idle i
        union all
        select null, null, sum(r.open)::bigint, sum(r.dead)::bigint, min(r.oldest), min(r.since), null, null
        from ranked r where r.rank > measure.subscriptions_max
        having count(*) > 0
    )
    select t.id, t.subscriber, t.open, t.dead,
        case when t.oldest is null then coalesce(extract(epoch from _now - t.since), 0)
            else greatest(extract(epoch from _now - least(e.occurred_at, case when e.occurred_at is not null then t.since end)), 0)
        end::double precision,
        extract(epoch from t.due_at)::double precision, extract(epoch from _now - t.due_at)::double precision, f.id
    from told t
        left join lateral (
            select e.occurred_at from outbox.event e
            -- Where it was written, or where it was moved when its leaf was emptied.
            where e.slot in ((t.oldest & 7)::smallint, (t.oldest & 7)::smallint + 8) and e.id = t.oldest >> 3
            limit 1
        ) e on true
        -- In the order of outbox.claim().
        left join lateral (
            select d.id from outbox.delivery d where d.subscription = t.id and d.due_at = t.due_at order by d.id limit 1
        ) f on true
    order by t.rank;
end
$$;
