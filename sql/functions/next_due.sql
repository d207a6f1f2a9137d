create or replace function outbox.next_due(ago_ms double precision default 0) returns double precision
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
-- When the next delivery becomes due that is not due yet: a retry, or a lease that runs out. Two index probes per subscription
-- with open deliveries, as in outbox.claim().
-- Arguments: ago_ms, how long ago the relay claimed, in milliseconds: what became due since then, that claim did not see.
-- Returns: milliseconds from now, negative for what became due since; null when nothing waits.
-- Touches: select outbox.delivery, outbox.subscription.
declare
    _since timestamptz := clock_timestamp() - make_interval(secs => next_due.ago_ms / 1000);
begin
    return (
        with recursive open (subscription) as (
            (select d.subscription from outbox.delivery d order by d.subscription limit 1)
            union all
            select (select d.subscription from outbox.delivery d where d.subscription > o.subscription order by d.subscription limit 1)
            from open o where o.subscription is not null
        )
        select extract(epoch from min(n.due_at) - clock_timestamp())::double precision * 1000
        from open o
            cross join lateral (
                select d.due_at from outbox.delivery d
                where d.subscription = o.subscription and d.due_at > _since
                order by d.due_at limit 1
            ) n
        where exists (select from outbox.subscription s where s.id = o.subscription and s.status in ('active', 'failing'))
    );
end
$$;
