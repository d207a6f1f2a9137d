create or replace function outbox.next_due(ago_ms double precision default 0) returns double precision
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
-- When the next delivery becomes due that is not due yet: a retry, or a lease that runs out. Two index probes per subscription
-- with open deliveries, as in outbox.claim(). Of an ordered subscription a claim may have left what is due: another claim had its
-- lanes locked, it was too much at once, or a barrier stands: then it is worth looking again soon, at pauses that grow with the wait.
-- Arguments: ago_ms, how long ago the relay claimed, in milliseconds: what became due since then, that claim did not see.
-- Returns: milliseconds from now, negative for what became due since; null when nothing waits.
-- Touches: select outbox.delivery, outbox.subscription, outbox.barrier, outbox.lane_wake.
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
                select s.id, s.ordering <> 'none' as ordered, s.barrier from outbox.subscription s
                where s.id = o.subscription and s.status in ('active', 'failing')
            ) s
            cross join lateral (
                (select d.due_at from outbox.delivery d
                 where d.subscription = o.subscription and d.due_at > _since and d.due_at < 'infinity'
                 order by d.due_at limit 1)
                union all
                (select clock_timestamp() + greatest(interval '50 ms', (
                    select least((clock_timestamp() - b.since) / 2, interval '5 s') from outbox.barrier b
                    where s.barrier and b.subscription = s.id and b.horizon is not null))
                 where s.ordered and (
                     exists (select from outbox.lane_wake w where w.subscription = s.id)
                     or exists (
                        select from (
                            select d.id, d.lane, d.due_at from outbox.delivery d
                            where d.subscription = s.id order by d.due_at, d.id limit 1
                        ) f
                        where f.due_at <= _since and (f.lane is null or f.id = (
                            select l.id from outbox.delivery l
                            where l.subscription = s.id and l.lane = f.lane order by l.event_id, l.id limit 1)))))
            ) n
    );
end
$$;
