create or replace function outbox.close_breaker(subscription bigint) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Lets deliveries flow again at once that the breaker of a subscription, or its subscriber's Retry-After, holds back: somebody
-- knows that it is back. If it is not, its next failure opens the breaker again. A change of its url, identity, headers, auth,
-- http2 or deadlines has one delivery try at once, without this.
-- Arguments: subscription.
-- Returns: whether anything was held back.
-- Raises: OX008 no such subscription.
-- Locks: its row of outbox.subscription_health.
-- Touches: update outbox.subscription_health; select outbox.subscription; see outbox.ring().
begin
    if not exists (select from outbox.subscription s where s.id = close_breaker.subscription and s.status <> 'gone') then
        raise exception 'there is no subscription %', coalesce(close_breaker.subscription::text, 'NULL')
            using errcode = 'OX008', hint = 'select subscription, subscriber, held_until, held_why from outbox.failing;';
    end if;
    update outbox.subscription_health h
    set breaker_opened = 0, probe = null, held_since = null, held_until = null, held_why = null
    where h.subscription = close_breaker.subscription and (h.breaker_opened > 0 or h.held_until > clock_timestamp());
    if found then
        perform outbox.ring();
        return true;
    end if;
    return false;
end
$$;
