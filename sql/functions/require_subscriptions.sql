create or replace function outbox.require_subscriptions(subscription bigint, subscriber text) returns bigint[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- The subscriptions that a repair is about.
-- Arguments: subscription, subscriber; each may be null.
-- Returns: their ids, those that are gone included; null when neither is given.
-- Raises: OX008 no such subscription, subscriber, or subscription of this subscriber.
-- Touches: select outbox.subscription, outbox.subscriber.
declare
    _ids bigint[];
begin
    if num_nonnulls(require_subscriptions.subscription, require_subscriptions.subscriber) = 0 then
        return null;
    elsif require_subscriptions.subscriber is not null
        and not exists (select from outbox.subscriber s where s.name = require_subscriptions.subscriber)
    then
        raise exception 'no such subscriber: %', left(require_subscriptions.subscriber, 100) using errcode = 'OX008',
            hint = 'select name from outbox.subscriber';
    end if;
    _ids := array(
        select s.id from outbox.subscription s
        where (require_subscriptions.subscription is null or s.id = require_subscriptions.subscription)
            and (require_subscriptions.subscriber is null or s.subscriber = require_subscriptions.subscriber));
    if _ids = '{}' and require_subscriptions.subscription is not null then
        raise exception 'no such subscription: %', require_subscriptions.subscription || coalesce(
                ' of ' || left(require_subscriptions.subscriber, 100), '') using errcode = 'OX008',
            hint = 'select id, subscriber, pattern, status from outbox.subscription';
    end if;
    return _ids;
end
$$;
