create or replace function outbox.supersede(subscriptions bigint[], keys bigint[], events bigint[], under_way boolean) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Objects of mode latest: a delivery ends the older ones of the same object to the same subscription, on record.
--
-- In two steps, because a relay that records an outcome must not wait for a writer that is slow to commit. A writer ends what
-- waits, and leaves alone what is being sent. The claim of the newer one, before that is sent, ends that too: what became of the
-- POST is recorded as late then (outbox.settle). One that is locked at this moment is passed over.
-- Under REPEATABLE READ a delivery may have changed since the writer's snapshot was taken. That does not fail the writer: then
-- all older ones stay, for the claim.
-- Arguments, one element per newer delivery: its subscription, its object_key, its event; under_way, whether to end what is
--   being sent as well.
-- Locks: the older deliveries, FOR UPDATE SKIP LOCKED.
-- Touches: delete outbox.delivery; insert outbox.attempt.
declare
    _now timestamptz := clock_timestamp();
begin
    with newest as materialized (
        select n.subscription, n.key, max(n.event) as event
        from unnest(supersede.subscriptions, supersede.keys, supersede.events) as n (subscription, key, event)
        group by n.subscription, n.key
    ), older as materialized (
        select d.id, n.event
        from newest n
            cross join lateral (
                select o.id from outbox.delivery o
                where o.subscription = n.subscription and o.object_key = n.key and o.event_id < n.event
                    and (supersede.under_way or o.leased_by is null or o.due_at <= _now)
                for update skip locked
            ) d
    ), ended as (
        delete from outbox.delivery d
        where d.id = any (array(select o.id from older o))
        returning d.*
    )
    insert into outbox.attempt (slot, delivery, attempt, subscription, event_slot, event_id, started_at, outcome, error)
    select outbox.slot(_now), e.id, e.attempt, e.subscription, e.event_slot, e.event_id, _now, 'skipped',
        'superseded by event ' || o.event
    from ended e join older o on o.id = e.id;
exception when serialization_failure then
    null;
end
$$;
