create or replace function outbox.choose_subscriptions(
    subscription bigint, subscriptions bigint[], subscriber text, pattern text
) returns setof outbox.subscription
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- The subscriptions that a call of outbox.pause(), outbox.resume() or outbox.enable() means, locked.
-- Arguments: one id, several, all of a subscriber, all with this very pattern; more than one of these narrow it down.
-- Returns: their rows, in the order of their ids.
-- Raises: OX025 when none is given; OX008 a named one that there is not or that is gone, or none that is meant.
-- Locks: the rows, FOR NO KEY UPDATE, in the order of their ids, so that two such calls do not deadlock.
-- Touches: select outbox.subscription.
declare
    _named bigint[] := coalesce(choose_subscriptions.subscriptions, '{}');
    _no    bigint;
begin
    if num_nonnulls(choose_subscriptions.subscription, choose_subscriptions.subscriptions, choose_subscriptions.subscriber,
        choose_subscriptions.pattern) = 0
    then
        raise exception 'which subscriptions?' using errcode = 'OX025',
            hint = 'An id, subscriptions => ''{1,2}'', subscriber => ''acme'' or pattern => ''Order.*''. '
                'All there are: subscriptions => array(select id from outbox.subscription where status <> ''gone'').';
    end if;
    if choose_subscriptions.subscription is not null then
        _named := _named || choose_subscriptions.subscription;
    end if;
    select n.id into _no from unnest(_named) as n (id)
    where not exists (select from outbox.subscription s where s.id = n.id and s.status <> 'gone')
    order by n.id limit 1;
    if found then
        raise exception '%', case when exists (select from outbox.subscription s where s.id = _no)
                then format('subscription %s is gone', _no) else 'no such subscription: ' || coalesce(_no::text, 'NULL') end
            using errcode = 'OX008', hint = 'select id, subscriber, pattern, status from outbox.subscription';
    end if;
    return query
    select s.* from outbox.subscription s
    where s.status <> 'gone'
        and (choose_subscriptions.subscription is null or s.id = choose_subscriptions.subscription)
        and (choose_subscriptions.subscriptions is null or s.id = any (choose_subscriptions.subscriptions))
        and (choose_subscriptions.subscriber is null or s.subscriber = choose_subscriptions.subscriber)
        and (choose_subscriptions.pattern is null or s.pattern = choose_subscriptions.pattern)
    order by s.id for no key update;
    if not found and choose_subscriptions.subscriptions is distinct from '{}' then
        raise exception 'no such subscription: %', concat_ws(' with ',
                coalesce('of subscriber ' || quote_literal(choose_subscriptions.subscriber), 'any'),
                'pattern ' || quote_literal(choose_subscriptions.pattern)) using errcode = 'OX008',
            hint = 'select id, subscriber, pattern, status from outbox.subscription';
    end if;
end
$$;
