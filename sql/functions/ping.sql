create or replace function outbox.ping(subscription bigint) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Sends a test event to one subscription, through everything a real one goes through.
-- Arguments: subscription, of any status but gone; a paused one gets it when it is resumed.
-- Returns: the webhook-id, for outbox.find().
-- Raises: OX008 no such subscription.
-- Touches: insert outbox.event, outbox.delivery.
declare
    _key  text := (select s.key from outbox.subscription s where s.id = ping.subscription and s.status <> 'gone');
    _now  timestamptz := clock_timestamp();
    _slot smallint := outbox.slot(_now);
    _id   bigint;
    _uid  uuid;
begin
    if _key is null then
        raise exception 'no such subscription: %', coalesce(ping.subscription::text, 'NULL') using errcode = 'OX008',
            hint = 'select id, subscriber, pattern, status from outbox.subscription';
    end if;
    insert into outbox.event as e (slot, type, occurred_at, data)
    values (_slot, 'outbox.ping', _now, jsonb_build_object('subscription', ping.subscription, 'sent_by', session_user))
    returning e.id, e.uid into _id, _uid;
    insert into outbox.delivery (subscription, event_slot, event_id, due_at) values (ping.subscription, _slot, _id, _now);
    perform outbox.ring();
    return outbox.webhook_id(_uid, _key);
end
$$;
