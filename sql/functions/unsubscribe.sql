create or replace function outbox.unsubscribe(subscription bigint) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Ends a subscription. The relay cancels what is still open for it, each with its reason in outbox.attempt; a POST that is
-- on its way arrives. Twice is once.
-- Arguments: subscription.
-- Returns: how many deliveries are open now and will be cancelled; 0 when the subscription is already gone.
-- Raises: OX008 no such subscription.
-- Touches: delete outbox.subscription, which leaves a tombstone (outbox.keep_tombstone).
begin
    if not exists (select from outbox.subscription s where s.id = unsubscribe.subscription) then
        raise exception 'no such subscription: %', coalesce(unsubscribe.subscription::text, 'NULL') using errcode = 'OX008',
            hint = 'select id, subscriber, pattern from outbox.subscription';
    end if;
    delete from outbox.subscription s where s.id = unsubscribe.subscription and s.status <> 'gone';
    if not found then
        return 0;
    end if;
    return (select count(*) from outbox.delivery d where d.subscription = unsubscribe.subscription);
end
$$;
