create or replace function outbox.remaining(subscription bigint, max_deliveries integer) returns bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- How many deliveries more may begin to a subscription with max_deliveries: what was delivered and what is under way is taken off.
-- Part of outbox.claim(). A lease that has run out is not under way.
-- Arguments: subscription, max_deliveries.
-- Returns: 0 or more.
-- Touches: select outbox.allowance, outbox.delivery.
begin
    return greatest(0, remaining.max_deliveries
        - coalesce((select a.delivered from outbox.allowance a where a.subscription = remaining.subscription), 0)
        - (
            select count(*) from outbox.delivery d
            where d.subscription = remaining.subscription and d.due_at > clock_timestamp() and d.leased_by is not null));
end
$$;
