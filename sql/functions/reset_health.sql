create or replace function outbox.reset_health(subscriptions bigint[]) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Forgets that subscriptions have failed: what counts towards severity, disabling and the like begins anew. The last error
-- stays, for people. Part of outbox.enable(), and of whatever else takes a subscription out of disabled (outbox.record_change()).
-- Arguments: subscriptions.
-- Returns: how many had something to forget.
-- Locks: the rows of outbox.subscription_health, in the order of subscriptions. outbox.settle() does not wait for them for long.
-- Touches: update outbox.subscription_health.
declare
    _count integer;
begin
    perform from outbox.subscription_health h
    where h.subscription = any (reset_health.subscriptions)
    order by h.subscription for no key update;
    update outbox.subscription_health h
    set consecutive_failures = 0, failing_since = null, dead_in_a_row = 0, severity = null
    where h.subscription = any (reset_health.subscriptions)
        and (h.consecutive_failures > 0 or h.failing_since is not null or h.dead_in_a_row > 0 or h.severity is not null);
    get diagnostics _count = row_count;
    return _count;
end
$$;
