create or replace function outbox.heads(subscription bigint, moment timestamptz, places integer) returns table (id bigint, object_key bigint)
language plpgsql
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
-- What of an ordered subscription may be sent now: of each lane the lowest delivery, when it is due, nothing of the lane is being sent,
-- nothing blocks the lane, and the barrier, if there is one, is behind it. That is asked here, of each, whoever made it due: one that
-- came late, or was retried, may be lower than what is being sent.
-- Arguments: subscription, as outbox.admit() left it; moment, when it is; places, how many at most.
-- Returns: deliveries, and their object_key.
-- Locks: the rows it returns, FOR UPDATE SKIP LOCKED.
-- Touches: select outbox.delivery, outbox.lane, outbox.barrier, outbox.subscription.
declare
    _passed bigint := (
        select case when s.barrier then coalesce(b.passed, 0) else 9223372036854775807 end
        from outbox.subscription s left join outbox.barrier b on b.subscription = s.id
        where s.id = heads.subscription);
begin
    return query
    select d.id, d.object_key from outbox.delivery d
    where d.subscription = heads.subscription and d.lane is not null and d.due_at <= heads.moment and d.event_id <= _passed
        and d.id = (
            select o.id from outbox.delivery o
            where o.subscription = heads.subscription and o.lane = d.lane
            order by o.event_id, o.id limit 1)
        and (
            select true from outbox.delivery u
            where u.subscription = heads.subscription and u.lane = d.lane and u.leased_by is not null and u.due_at > heads.moment
            limit 1) is null
        and (
            select true from outbox.lane b
            where b.subscription = heads.subscription and b.lane = d.lane and b.blocked_by is not null limit 1) is null
    order by d.due_at, d.id
    limit heads.places
    for update of d skip locked;
end
$$;
