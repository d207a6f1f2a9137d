create or replace function outbox.retry(delivery bigint) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Tries a delivery again now: a dead one is opened again with a full number of attempts ahead of it, an open one that
-- waits for its next attempt becomes due. The numbers of its attempts go on where they were. For many at once:
-- select outbox.retry(delivery) from outbox.dead_letter where subscription = 3;
-- Arguments: delivery, as in outbox.dead_letter, outbox.delivery and outbox.delivery_history.
-- Returns: the webhook-id, the same as before.
-- Raises: OX008 no such delivery, or it has ended otherwise than dead, or its subscription is gone.
-- Touches: delete outbox.dead_letter; insert or update outbox.delivery; select outbox.event, outbox.object, outbox.subscription.
declare
    _open   outbox.delivery;
    _status text;
    _key    text;
    _uid    uuid;
begin
    with dead as (
        delete from outbox.dead_letter l where l.delivery = retry.delivery
            and exists (select from outbox.subscription s where s.id = l.subscription and s.status <> 'gone')
        returning l.*
    )
    insert into outbox.delivery as d (id, subscription, event_slot, event_id, attempt, retry_base, object_key, lane, due_at)
    overriding system value
    select dead.delivery, dead.subscription, dead.event_slot, dead.event_id, dead.attempt, dead.attempt, (
        select outbox.object_key(e.object, e.object_id)
        from outbox.event e join outbox.object o on o.name = e.object and o.mode = 'latest'
        where e.slot = any (array[dead.event_slot, (dead.event_slot + 8)::smallint]) and e.id = dead.event_id),
        -- It waits for its turn, and outbox.release_lanes() wakes its lane.
        dead.lane, case when dead.lane is null then clock_timestamp() else 'infinity' end
    from dead
    returning d.* into _open;
    if not found then
        -- A leased one is being sent at this moment: that is the retry. One that waits for its turn goes on waiting.
        update outbox.delivery d
        set due_at = case when d.leased_by is null and d.due_at < 'infinity' or d.due_at <= clock_timestamp() then clock_timestamp()
            else d.due_at end
        where d.id = retry.delivery
        returning d.* into _open;
    end if;
    select s.status, s.key into _status, _key from outbox.subscription s where s.id = coalesce(_open.subscription,
        (select l.subscription from outbox.dead_letter l where l.delivery = retry.delivery));
    if _open.id is null or _status = 'gone' then
        raise exception 'delivery % cannot be retried', coalesce(retry.delivery::text, 'NULL')
            using errcode = 'OX008',
                detail = case when _status = 'gone' then 'Its subscription is gone.' else 'It is neither open nor a dead letter.' end,
                hint = 'select * from outbox.dead_letter; what was sent is in outbox.delivery_history.';
    end if;
    perform outbox.ring();
    select e.uid into _uid from outbox.event e
        where e.slot = any (array[_open.event_slot, (_open.event_slot + 8)::smallint]) and e.id = _open.event_id;
    return outbox.webhook_id(_uid, _key);
end
$$;
