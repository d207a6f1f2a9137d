create or replace function outbox.enable(
    subscription bigint default null, reason text default null, subscriptions bigint[] default null,
    subscriber text default null, pattern text default null
) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Sends to subscriptions again that were disabled, or paused, as if they had never failed, and wakes relays: severity, counters and
-- what else holds them back begin anew, also where one was neither. What was queued meanwhile is sent, or with while_off = 'skip' what
-- comes from now on. Twice is once.
-- Arguments: one id, several, all of a subscriber, or all with this very pattern, as outbox.choose_subscriptions() has them; reason, for
--   outbox.subscription_change and the event: default: outbox.reason of the transaction.
-- Returns: how many were off or had failed, and are active without a failure now.
-- Raises: OX025 nothing named; OX008 no such subscription, or it is gone.
-- Locks: the rows of outbox.subscription, in the order of their ids, and of outbox.subscription_health.
-- Touches: update outbox.subscription, and what follows from that: outbox.record_change(); see outbox.reset_health().
declare
    _before text := coalesce(current_setting('outbox.reason', true), '');
    _chosen bigint[];
    _off    bigint[];
    _count  integer;
begin
    select coalesce(array_agg(c.id), '{}'), array_agg(c.id) filter (where c.status <> 'active') into _chosen, _off
    from outbox.choose_subscriptions(enable.subscription, enable.subscriptions, enable.subscriber, enable.pattern) c;
    _count := (
        select count(*) from unnest(_chosen) as c (id)
        where c.id = any (_off) or exists (
            select from outbox.subscription_health h
            where h.subscription = c.id and (h.consecutive_failures > 0 or h.dead_in_a_row > 0 or h.severity is not null)));
    perform outbox.reset_health(_chosen);
    perform set_config('outbox.reason', coalesce(enable.reason, _before), true);
    update outbox.subscription s set status = 'active' where s.id = any (_off);
    perform set_config('outbox.reason', _before, true);
    return _count;
end
$$;
