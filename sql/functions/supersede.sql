create or replace function outbox.supersede(subscriptions bigint[], keys bigint[], events bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Objects of mode latest: new deliveries end the older ones of the same object to the same subscription, on record. One that is
-- being sent is ended too; what became of the POST is recorded as late (outbox.settle). One that a claim or a settle has
-- locked at this moment is passed over: the subscriber gets both.
-- Under REPEATABLE READ a delivery may have changed since the writer's snapshot was taken. That does not fail the writer: then
-- all older ones stay.
-- Arguments, one element per new delivery: its subscription, its object_key, its event.
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
