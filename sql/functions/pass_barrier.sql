create or replace function outbox.pass_barrier(subscription bigint, drawn bigint, moment timestamptz) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Moves a subscription's barrier as far as it goes: events up to outbox.barrier.passed are all there, whoever wrote them.
--
-- A transaction that has drawn an event's number has a number itself, or takes it in the same breath. So when the numbers drawn are
-- read first and ours is taken then, all who may still commit one of these events are below ours; once the oldest that runs is not
-- below it any more, they have ended. One wait is for all events drawn by then, not for each.
-- Arguments: subscription, whose lanes the caller has locked; drawn, the last event's number, read before this transaction had one
--   of its own, or null; moment, when it is.
-- Touches: insert, update outbox.barrier; select outbox.delivery.
declare
    _barrier outbox.barrier;
begin
    select b.* into _barrier from outbox.barrier b where b.subscription = pass_barrier.subscription;
    if not found then
        insert into outbox.barrier (subscription) values (pass_barrier.subscription) returning * into _barrier;
    end if;
    if _barrier.horizon is not null and _barrier.horizon > pg_snapshot_xmin(pg_current_snapshot()) then
        return;
    end if;
    if _barrier.horizon is not null then
        _barrier.passed := _barrier.event_id;
        _barrier.horizon := null;
    end if;
    if pass_barrier.drawn > _barrier.passed then
        _barrier.event_id := pass_barrier.drawn;
        _barrier.horizon := pg_current_xact_id();
        _barrier.since := pass_barrier.moment;
        -- Nobody else is running, most of the time.
        if _barrier.horizon <= pg_snapshot_xmin(pg_current_snapshot()) then
            _barrier.passed := _barrier.event_id;
            _barrier.horizon := null;
        end if;
    end if;
    update outbox.barrier b
    set passed = _barrier.passed, event_id = _barrier.event_id, horizon = _barrier.horizon, since = _barrier.since
    where b.subscription = pass_barrier.subscription
        and (b.passed, b.horizon) is distinct from (_barrier.passed, _barrier.horizon);
end
$$;
