create or replace function outbox.retry(delivery bigint, reason text default null) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Tries a delivery again now: a dead one is opened again with a full number of attempts ahead of it, an open one that
-- waits for its next attempt becomes due. The numbers of its attempts go on where they were, its age begins anew, and the ledger
-- says who has asked for it. For many at once: outbox.repair('retry', …).
-- Arguments: delivery, as in outbox.dead_letter, outbox.delivery and outbox.delivery_history; reason, for the ledger.
-- Returns: the webhook-id, the same as before. One that is being sent at this moment is left alone: that is the retry.
-- Raises: OX008 no such delivery, or it has ended otherwise than dead, or its subscription is gone; OX032 a reason that is too long.
-- Touches: select outbox.event; see outbox.reopen().
declare
    _of     record;
    _status text;
    _key    text;
begin
    perform outbox.reopen(array[retry.delivery], retry.reason);
    -- What is still a dead letter belongs to a subscription that is gone.
    select d.subscription, d.event_slot, d.event_id, true as open into _of from outbox.delivery d where d.id = retry.delivery;
    if not found then
        select l.subscription, l.event_slot, l.event_id, false as open into _of from outbox.dead_letter l
        where l.delivery = retry.delivery;
    end if;
    select s.status, s.key into _status, _key from outbox.subscription s where s.id = _of.subscription;
    if _of.open is not true or _status = 'gone' then
        raise exception 'delivery % cannot be retried', coalesce(retry.delivery::text, 'NULL')
            using errcode = 'OX008',
                detail = case when _status = 'gone' then 'Its subscription is gone.' else 'It is neither open nor a dead letter.' end,
                hint = 'select * from outbox.dead_letter; what was sent is in outbox.delivery_history.';
    end if;
    perform outbox.ring();
    return (
        select outbox.webhook_id(e.uid, _key) from outbox.event e
        where e.slot = any (array[_of.event_slot, (_of.event_slot + 8)::smallint]) and e.id = _of.event_id);
end
$$;
