create or replace function outbox.pause(
    subscription bigint default null, reason text default null, subscriptions bigint[] default null,
    subscriber text default null, pattern text default null
) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Stops sending to subscriptions. Their events go on being queued, or are skipped, as while_off says; a POST that is on its way arrives.
-- Twice is once, and what is disabled is off already and stays so.
-- Arguments: one id, several, all of a subscriber, or all with this very pattern, as outbox.choose_subscriptions() has them; reason, for
--   outbox.subscription_change and the event: default: outbox.reason of the transaction.
-- Returns: how many were active or failing and are paused now.
-- Raises: OX025 nothing named; OX008 no such subscription, or it is gone.
-- Locks: the rows of outbox.subscription, in the order of their ids.
-- Touches: update outbox.subscription, and what follows from that: outbox.record_change().
declare
    _before text := coalesce(current_setting('outbox.reason', true), '');
    _chosen bigint[];
    _count  integer;
begin
    _chosen := array(
        select c.id from outbox.choose_subscriptions(pause.subscription, pause.subscriptions, pause.subscriber, pause.pattern) c
        where c.status in ('active', 'failing'));
    perform set_config('outbox.reason', coalesce(pause.reason, _before), true);
    update outbox.subscription s set status = 'paused' where s.id = any (_chosen);
    get diagnostics _count = row_count;
    perform set_config('outbox.reason', _before, true);
    return _count;
end
$$;
