create or replace function outbox.wake_lanes(subscription bigint, park boolean, moment timestamptz, batch integer) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_nestloop = off set jit = off
as $$
-- Lets the lowest delivery of each lane rise in which something has ended. A blocked lane stays as it is; or what it holds is put
-- aside as dead letters, each with its reason on record, when that is what the subscription wants.
-- Arguments: subscription, whose lanes the caller has locked; park, whether to put aside; moment, from when on what rises is due;
--   batch, how many lanes, and how many deliveries of each to put aside.
-- Returns: whether it is worth calling again.
-- Locks: the deliveries, FOR UPDATE SKIP LOCKED; a lane whose lowest is locked is looked at again by the next claim.
-- Touches: update, delete outbox.delivery; delete outbox.lane_wake; insert outbox.dead_letter, outbox.attempt; select outbox.lane.
declare
    _wakes   bigint[];
    _lanes   bigint[];
    _blocked bigint[];
    _kept    bigint[] := '{}';
    _parked  integer := 0;
begin
    select array_agg(w.id), array_agg(distinct w.lane) into _wakes, _lanes
    from (
        select i.id, i.lane from outbox.lane_wake i
        where i.subscription = wake_lanes.subscription order by i.id limit wake_lanes.batch
    ) w;
    if _wakes is null then
        return false;
    end if;
    _blocked := array(
        select b.lane from outbox.lane b
        where b.subscription = wake_lanes.subscription and b.lane = any (_lanes) and b.blocked_by is not null);
    with low as materialized (
        select l.lane, o.id
        from unnest(_lanes) as l (lane) cross join lateral (
            select d.id, d.due_at from outbox.delivery d
            where d.subscription = wake_lanes.subscription and d.lane = l.lane
            order by d.event_id, d.id limit 1
        ) o
        where o.due_at = 'infinity' and l.lane <> all (_blocked)
    ), locked as materialized (
        select d.id from outbox.delivery d where d.id = any (array(select l.id from low l)) for update skip locked
    ), risen as (
        update outbox.delivery d set due_at = wake_lanes.moment where d.id = any (array(select l.id from locked l))
    )
    select coalesce(array_agg(l.lane), '{}') into _kept
    from low l left join locked k on k.id = l.id
    where k.id is null;
    if wake_lanes.park and _blocked <> '{}' then
        with picked as materialized (
            select p.id, b.blocked_by
            from outbox.lane b cross join lateral (
                select d.id from outbox.delivery d
                where d.subscription = b.subscription and d.lane = b.lane
                    and (d.leased_by is null or d.due_at <= wake_lanes.moment)
                order by d.event_id, d.id limit wake_lanes.batch
                for update skip locked
            ) p
            where b.subscription = wake_lanes.subscription and b.lane = any (_blocked) and b.blocked_by is not null
            limit wake_lanes.batch
        ), ended as (
            delete from outbox.delivery d using picked p where d.id = any (array(select i.id from picked i)) and d.id = p.id
            returning d.id, d.subscription, d.event_slot, d.event_id, d.attempt, d.lane,
                format('put aside behind delivery %s, which was given up', p.blocked_by) as reason
        ), dead as (
            insert into outbox.dead_letter (delivery, subscription, event_slot, event_id, attempt, died_at, reason, lane)
            select e.id, e.subscription, e.event_slot, e.event_id, e.attempt, wake_lanes.moment, e.reason, e.lane from ended e
        )
        insert into outbox.attempt (slot, delivery, attempt, subscription, event_slot, event_id, started_at, outcome, error)
        select outbox.slot(wake_lanes.moment), e.id, e.attempt, e.subscription, e.event_slot, e.event_id, wake_lanes.moment, 'dead',
            e.reason
        from ended e;
        -- Each of these has woken its lane as well: it is looked at until nothing is left.
        get diagnostics _parked = row_count;
    end if;
    delete from outbox.lane_wake w where w.id = any (_wakes) and w.lane <> all (_kept);
    return _kept = '{}' and (cardinality(_wakes) = wake_lanes.batch or _parked > 0);
end
$$;
