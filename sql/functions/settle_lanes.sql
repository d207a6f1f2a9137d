create or replace function outbox.settle_lanes(
    deliveries bigint[], attempts integer[], outcomes text[]
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- The part of outbox.settle() that keeps, for ordered subscriptions, what each lane has sent last, and blocks a lane behind what is
-- given up when the subscription wants that. What comes next is for the next claim to see: outbox.note_ended(), outbox.admit().
-- Arguments: as there, before the deliveries are deleted; the caller has them locked.
-- Locks: the rows of outbox.lane, in the order of subscriptions and lanes.
-- Touches: upsert outbox.lane; select outbox.delivery, outbox.event, outbox.subscription.
begin
    if not exists (select from outbox.delivery d where d.id = any (settle_lanes.deliveries) and d.lane is not null) then
        return;
    end if;
    -- A lane of one delivery, of an event without object, has no past.
    insert into outbox.lane as l (subscription, lane, event_id, seq)
    select distinct on (d.subscription, d.lane) d.subscription, d.lane, d.event_id, case when d.lane <> 0 then e.seq end
    from unnest(settle_lanes.deliveries, settle_lanes.outcomes) as r (delivery, outcome)
        join outbox.delivery d on d.id = r.delivery
        left join lateral (
            select i.seq from outbox.event i
            where i.slot = any (array[d.event_slot, (d.event_slot + 8)::smallint]) and i.id = d.event_id limit 1
        ) e on true
    where r.outcome = 'delivered' and d.lane is not null and d.lane <> -d.id
    order by d.subscription, d.lane, d.event_id desc
    on conflict on constraint lane_pkey do update set event_id = excluded.event_id, seq = excluded.seq, touched_at = excluded.touched_at;
    insert into outbox.lane as l (subscription, lane, blocked_by, blocked_since)
    select distinct on (d.subscription, d.lane) d.subscription, d.lane, d.id, clock_timestamp()
    from unnest(settle_lanes.deliveries, settle_lanes.attempts, settle_lanes.outcomes) as r (delivery, attempt, outcome)
        join outbox.delivery d on d.id = r.delivery and d.attempt = r.attempt
        join outbox.subscription s on s.id = d.subscription and s.on_exhausted in ('block', 'park')
    where r.outcome = 'dead' and d.lane is not null and d.lane <> -d.id
        and not exists (
            select from unnest(settle_lanes.deliveries, settle_lanes.outcomes) as o (delivery, outcome)
            where o.delivery = r.delivery and o.outcome = 'delivered')
    order by d.subscription, d.lane, d.event_id
    on conflict on constraint lane_pkey do update
    set blocked_by = excluded.blocked_by, blocked_since = excluded.blocked_since, touched_at = excluded.touched_at
    where l.blocked_by is null;
end
$$;
