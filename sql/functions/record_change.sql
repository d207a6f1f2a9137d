create or replace function outbox.record_change() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Trigger on outbox.subscription, after UPDATE and DELETE: what follows from a change of status, by whatever statement.
--   * A row in outbox.subscription_change, and a line in the log of the server: who, and why: session_user, and outbox.reason of the transaction, which outbox.pause(),
--     outbox.resume(), outbox.enable() and outbox.settle() set, and anybody may.
--   * An event outbox.subscription.<status> for those who named it by its type, outbox.subscription.* or outbox.*, save the
--     subscription that it is about. It has no deliveries left to relays (outbox.fan_out), which know no such exception, and is
--     not written when nobody wants it.
--   * Where it is disabled, a notification on channel outbox_alert with the subscription's id, where commits may ring at all.
--   * One that was disabled begins anew: what had led there would disable it again with the next failure.
--   * With while_off = 'skip' its open deliveries end as skipped: up to 1000 when it goes off, outbox.keep_subscriptions() does the
--     rest; all of them before it sends again.
-- What an event about a subscription leads to is a POST. Only how it ends changes a subscription, twice a minute at most
-- (outbox.judge_subscriptions()), so two that are told of each other do not go on for ever.
-- Touches: insert outbox.subscription_change, outbox.event, outbox.delivery; select outbox.subscription, outbox.subscription_health,
--   outbox.doorbell; see outbox.reset_health(), outbox.skip_held().
declare
    _now    timestamptz := clock_timestamp();
    _slot   smallint := outbox.slot(_now);
    _to     text := 'gone';
    _skips  boolean := old.while_off = 'skip';
    _reason text := left(nullif(current_setting('outbox.reason', true), ''), 1000);
    _health outbox.subscription_health;
    _data   jsonb;
    _wanted bigint[];
    _event  bigint;
begin
    if tg_op = 'UPDATE' then
        _to := new.status;
        _skips := new.while_off = 'skip';
    end if;
    if old.status in (_to, 'gone') then
        return null;
    end if;
    if old.status in ('paused', 'disabled') and _to in ('active', 'failing') then
        if old.status = 'disabled' then
            perform outbox.reset_health(array[old.id]);
        end if;
        if _skips then
            perform outbox.skip_held(old.id, outbox.skipped_words(old.id, old.status), null);
        end if;
    end if;
    select h.* into _health from outbox.subscription_health h where h.subscription = old.id;
    insert into outbox.subscription_change (subscription, from_status, to_status, reason, consecutive_failures, severity)
    values (old.id, old.status, _to, _reason, coalesce(_health.consecutive_failures, 0), _health.severity);
    raise log '%', format('subscription %s of %s is %s, and was %s, by %s%s', old.id, old.subscriber, _to, old.status, session_user,
        ': ' || _reason);
    if _skips and _to in ('paused', 'disabled') and old.status in ('active', 'failing') then
        perform outbox.skip_held(old.id, outbox.skipped_words(old.id, _to), 1000);
    end if;
    _data := jsonb_build_object('subscription', old.id, 'subscriber', old.subscriber, 'pattern', old.pattern,
        'endpoint', outbox.endpoint(old.url), 'from', old.status, 'to', _to, 'reason', _reason, 'severity', _health.severity,
        'consecutive_failures', coalesce(_health.consecutive_failures, 0), 'last_error', _health.last_error);
    _wanted := array(
        select s.id from outbox.subscription s
        where s.pattern = any (outbox.patterns('outbox.subscription.' || _to)) and s.status <> 'gone' and s.id <> old.id
            and (s.object_id is null or s.object_id = old.id::text)
            and (s.filter is null or _data @> s.filter)
            and (s.filter_path is null or outbox.path_holds(_data, s.filter_path)));
    if _wanted <> '{}' then
        insert into outbox.event as e (slot, type, object, object_id, occurred_at, data)
        values (_slot, 'outbox.subscription.' || _to, 'outbox.subscription', old.id::text, _now, _data)
        returning e.id into _event;
        insert into outbox.delivery (subscription, event_slot, event_id, due_at)
        select w.id, _slot, _event, _now from unnest(_wanted) as w (id);
        if (select d.last_value from outbox.doorbell d) = 1 then
            perform outbox.ring();
        end if;
    end if;
    if _to = 'disabled' and outbox.doorbell_silence() is null then
        perform pg_notify('outbox_alert', old.id::text);
    end if;
    return null;
end
$$;
