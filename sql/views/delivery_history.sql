-- Every attempt and every ending, with what was sent to whom: the first place to look for "did they get it".
-- The event is where it was written, or where outbox.turn_ring() moved it. An array, because IN would become an OR, and no index be used.
create or replace view outbox.delivery_history as
select a.started_at,
    e.type as event_type,
    e.object,
    e.object_id,
    s.subscriber,
    outbox.endpoint(s.url) as endpoint,
    a.attempt,
    a.class,
    a.status,
    a.outcome,
    a.error_class,
    a.error,
    a.duration_ms,
    a.late,
    a.relay,
    a.subscription,
    a.event_id,
    a.delivery,
    outbox.webhook_id(e.uid, s.key) as webhook_id,
    a.response,
    a.id as attempt_id,
    e.trace_id,
    a.tls
from outbox.attempt a
    left join outbox.event e on e.slot = any (array[a.event_slot, (a.event_slot + 8)::smallint]) and e.id = a.event_id
    left join outbox.subscription s on s.id = a.subscription;
