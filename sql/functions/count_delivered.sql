create or replace function outbox.count_delivered(deliveries bigint[], outcomes text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- The part of outbox.settle() that counts what is delivered to subscriptions with max_deliveries, before the deliveries are
-- deleted: so what was recorded before counts once. The last one rings, for whoever keeps house to end the subscription.
-- Arguments: as there; the caller has locked the deliveries.
-- Locks: rows of outbox.allowance, in the order of subscriptions.
-- Touches: update outbox.allowance; select outbox.delivery, outbox.subscription.
declare
    _to    bigint[];
    _times bigint[];
    _spent boolean;
begin
    if not exists (select from outbox.allowance a) then
        return;
    end if;
    select array_agg(c.subscription), array_agg(c.times) into _to, _times
    from (
        select d.subscription, count(*) as times
        from outbox.delivery d join outbox.allowance a on a.subscription = d.subscription
        where d.id in (
            select r.delivery from unnest(count_delivered.deliveries, count_delivered.outcomes) as r (delivery, outcome)
            where r.outcome = 'delivered')
        group by d.subscription
    ) c;
    if _to is null then
        return;
    end if;
    perform from outbox.allowance a where a.subscription = any (_to) order by a.subscription for update;
    with counted as (
        update outbox.allowance a
        set delivered = a.delivered + c.times,
            spent = coalesce(a.delivered + c.times >= (select s.max_deliveries from outbox.subscription s where s.id = a.subscription), false)
        from unnest(_to, _times) as c (subscription, times)
        where a.subscription = c.subscription
        returning a.spent
    )
    select bool_or(c.spent) into _spent from counted c;
    if _spent then
        perform outbox.ring();
    end if;
end
$$;
