create or replace function outbox.skip_held(subscription bigint, reason text, batch integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Ends open deliveries of a subscription as skipped: what while_off = 'skip' means. One that is being sent is left alone.
-- Arguments: subscription; reason, for outbox.attempt; batch, how many at most, null for all.
-- Returns: how many were skipped.
-- Locks: the deliveries, FOR UPDATE SKIP LOCKED.
-- Touches: delete outbox.delivery; insert outbox.attempt.
declare
    _now   timestamptz := clock_timestamp();
    _count integer;
begin
    with picked as materialized (
        select d.id from outbox.delivery d
        where d.subscription = skip_held.subscription and (d.leased_by is null or d.due_at <= _now)
        order by d.due_at, d.id
        limit skip_held.batch
        for update skip locked
    ), skipped as (
        delete from outbox.delivery d
        where d.id = any (array(select p.id from picked p))
        returning d.*
    )
    insert into outbox.attempt (slot, delivery, attempt, subscription, event_slot, event_id, started_at, outcome, error)
    select outbox.slot(_now), s.id, s.attempt, s.subscription, s.event_slot, s.event_id, _now, 'skipped', skip_held.reason
    from skipped s;
    get diagnostics _count = row_count;
    return _count;
end
$$;
