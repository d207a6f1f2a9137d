create or replace function outbox.admit_batch(
    subscription bigint, strict boolean, all_of_them boolean, moment timestamptz, batch integer, out looked integer, out admitted integer
)
language plpgsql
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_nestloop = off set jit = off
as $$
-- Gives deliveries their lanes: the next ones in the order in which they became due. What is the lowest of its lane stays due; the
-- others are parked (due_at infinity) until outbox.wake_lanes() has them rise. Events without object have a lane each.
--
-- What is delayed (outbox.emit) and not due yet has no lane, and holds up nobody: it takes its place when it is due. What has been sent
-- already, and is being sent at this moment or is tried again soon, has its place: no lease is longer than 80 s.
-- It looks at what is ready, where heads stand that nobody has claimed yet: when they fill the batch there is work enough, and what
-- lies behind them gets its turn. Asked for all of them it passes these by.
-- An event that relays have yet to make deliveries of (outbox.fan_out) holds up those above it: in one snapshot it is there, or its
-- deliveries are. One that somebody has locked holds up those of its lane.
-- Whatever is paired with a batch is probed by index (LIMIT, any) or hashed: no estimate of the moment has it scan a table.
-- Arguments: subscription, whose lanes the caller has locked; strict, one lane for all; all_of_them, the batch counts what is admitted;
--   moment, when it is; batch, how many.
-- Returns: looked, how many there were; admitted, how many of these got a lane.
-- Locks: the deliveries, FOR UPDATE SKIP LOCKED.
-- Touches: update outbox.delivery; insert outbox.lane_wake; select outbox.fan_out, outbox.event, outbox.lane.
begin
    with bound as materialized (
        select coalesce(min(f.event_id), 9223372036854775807) as event_id from outbox.fan_out f
    ), looked as materialized (
        select d.id, d.lane, d.event_slot, d.event_id from outbox.delivery d
        where d.subscription = admit_batch.subscription and d.due_at <= admit_batch.moment + interval '80 s'
            and (d.due_at <= admit_batch.moment or d.attempt > 0)
            and (not admit_batch.all_of_them or d.lane is null and d.event_id <= (select b.event_id from bound b))
        order by d.due_at, d.id
        limit admit_batch.batch
    ), keyed as materialized (
        select l.id, l.event_id,
            case when admit_batch.strict then 0 else coalesce((
                select outbox.object_key(e.object, e.object_id) from outbox.event e
                where e.slot = any (array[l.event_slot, (l.event_slot + 8)::smallint]) and e.id = l.event_id
                limit 1), -l.id) end as lane
        from looked l
        where l.lane is null and l.event_id <= (select b.event_id from bound b)
    ), locked as materialized (
        select d.id, d.leased_by is not null and d.due_at > admit_batch.moment as under_way from outbox.delivery d
        where d.id = any (array(select k.id from keyed k)) and d.lane is null
        for update skip locked
    ), held as materialized (
        select k.lane, min(k.event_id) as event_id
        from keyed k left join locked l on l.id = k.id
        where l.id is null
        group by k.lane
    ), taken as materialized (
        select k.id, k.event_id, k.lane, row_number() over (partition by k.lane order by k.event_id, k.id) as nth
        from keyed k join locked l on l.id = k.id left join held h on h.lane = k.lane
        where h.lane is null or k.event_id < h.event_id
    ), first as materialized (
        -- leads: nothing of its lane is lower, and nothing stops it.
        select t.lane, o.id as former, b.blocked is not null as blocked,
            b.blocked is null and (o.id is null or (t.event_id, t.id) < (o.event_id, o.id)) as leads
        from taken t
            left join lateral (
                select d.id, d.event_id from outbox.delivery d
                where d.subscription = admit_batch.subscription and d.lane = t.lane
                order by d.event_id, d.id limit 1
            ) o on true
            left join lateral (
                select true as blocked from outbox.lane l
                where l.subscription = admit_batch.subscription and l.lane = t.lane and l.blocked_by is not null limit 1
            ) b on true
        where t.nth = 1
    ), placed as (
        update outbox.delivery d
        set lane = t.lane, due_at = case when p.stays then d.due_at else 'infinity' end, leased_by = case when p.stays then d.leased_by end
        from taken t join first f on f.lane = t.lane
            join locked l on l.id = t.id
            cross join lateral (select f.leads and t.nth = 1 or l.under_way as stays) p
        where d.id = any (array(select i.id from taken i)) and d.id = t.id
        returning d.id
    ), overtaken as (
        -- It came late, or was retried: the former head waits. One that is being sent is let be.
        update outbox.delivery d set due_at = 'infinity', leased_by = null
        where d.id = any (array(
            select o.id from outbox.delivery o
            where o.id = any (array(select f.former from first f where f.leads and f.former is not null))
                and (o.leased_by is null or o.due_at <= admit_batch.moment) and o.due_at < 'infinity'
            for update skip locked))
    ), woken as (
        -- What is blocked may be something to put aside; that is for outbox.wake_lanes().
        insert into outbox.lane_wake (subscription, lane) select admit_batch.subscription, f.lane from first f where f.blocked
    )
    select (select count(*) from looked), (select count(*) from placed) into looked, admitted;
end
$$;
