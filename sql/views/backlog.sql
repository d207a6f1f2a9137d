-- What is still to be delivered, per subscription: how much, since when, what stands in the way, and how much longer it takes.
-- rate is how many deliveries per minute have ended in the last minute, delivered or otherwise; eta how long the open ones take if
-- it goes on like that, null when nothing ended. The last minute of the ledger is found without an index on time, which each
-- outcome would have to pay for: from the newest row back along the primary key, in strides of 1000 ids and 100 strides at
-- most, until a row is older. So the view reads no more after a year than on the first day.
create or replace view outbox.backlog as
with recursive span as (
    select statement_timestamp() as now, outbox.slot(statement_timestamp()) as today,
        outbox.slot(statement_timestamp() - interval '1 minute') as before
), stride (nth, id, ended_at) as (
    select 0, n.id, n.ended_at
    from (
        (select a.id, a.started_at + make_interval(secs => coalesce(a.duration_ms, 0) / 1000) as ended_at
         from outbox.attempt a where a.slot = (select s.today from span s) order by a.id desc limit 1)
        union all
        (select a.id, a.started_at + make_interval(secs => coalesce(a.duration_ms, 0) / 1000)
         from outbox.attempt a where a.slot = (select s.before from span s) order by a.id desc limit 1)
        order by 1 desc limit 1
    ) n
    union all
    select t.nth + 1, n.id, n.ended_at
    from stride t cross join lateral (
        (select a.id, a.started_at + make_interval(secs => coalesce(a.duration_ms, 0) / 1000) as ended_at
         from outbox.attempt a where a.slot = (select s.today from span s) and a.id <= t.id - 1000 order by a.id desc limit 1)
        union all
        (select a.id, a.started_at + make_interval(secs => coalesce(a.duration_ms, 0) / 1000)
         from outbox.attempt a where a.slot = (select s.before from span s) and a.id <= t.id - 1000 order by a.id desc limit 1)
        order by 1 desc limit 1
    ) n
    where t.nth < 100 and t.ended_at > (select s.now - interval '1 minute' from span s)
), seen as materialized (
    -- The last stride leads to a row that is older, or below all there are, or it was the last that is allowed.
    select min(t.id) - 1000 as from_id, max(t.id) as to_id, max(s.now) as now,
        case when max(t.nth) < 100 then max(s.now) - interval '1 minute'
            else greatest(min(t.ended_at), max(s.now) - interval '1 minute') end as since
    from stride t cross join span s
), recent as materialized (
    select a.subscription, round(count(*) * 60 / (select greatest(extract(epoch from s.now - s.since), 1) from seen s), 1) as rate
    from outbox.attempt a
    -- Nothing is above to_id; but from a range with two ends the planner expects little, and reads it by the index.
    where a.slot in ((select s.today from span s), (select s.before from span s))
        and a.id between (select s.from_id from seen s) and (select s.to_id from seen s)
        and a.outcome is not null
        and a.started_at + make_interval(secs => coalesce(a.duration_ms, 0) / 1000) > (select s.since from seen s)
    group by a.subscription
), open as (
    select d.subscription,
        count(*) as open,
        count(*) filter (where d.due_at <= clock_timestamp()) as due,
        count(*) filter (where d.leased_by is not null and d.due_at > clock_timestamp()) as in_flight,
        count(*) filter (where d.leased_by is null and d.due_at > clock_timestamp()) as waiting,
        max(d.attempt) as attempts_max,
        min(d.due_at) filter (where d.leased_by is null and d.due_at > clock_timestamp()) as next_attempt_at,
        -- The lowest id is the oldest event: one look into the ring, not one for each delivery.
        min(array[d.event_id, d.event_slot]) filter (where d.since is null) as oldest,
        -- What was sent again by hand, or published for later, has an age of its own.
        min(d.since) filter (where d.since <= clock_timestamp()) as since
    from outbox.delivery d
    group by d.subscription
)
select o.subscription,
    s.subscriber,
    s.pattern,
    outbox.endpoint(s.url) as endpoint,
    s.status,
    o.open,
    o.due,
    o.in_flight,
    o.waiting,
    o.attempts_max,
    o.next_attempt_at,
    least(e.occurred_at, o.since) as oldest_at,
    clock_timestamp() - least(e.occurred_at, o.since) as oldest_age,
    coalesce(r.rate, 0) as rate,
    make_interval(secs => (60.0 * o.open / nullif(r.rate, 0))::double precision) as eta
from open o
    left join outbox.subscription s on s.id = o.subscription
    left join recent r on r.subscription = o.subscription
    left join lateral (
        select e.occurred_at from outbox.event e
        where e.slot = any (array[o.oldest[2], o.oldest[2] + 8]::smallint[]) and e.id = o.oldest[1] limit 1
    ) e on true
order by least(e.occurred_at, o.since);
