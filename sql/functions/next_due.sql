create or replace function outbox.next_due(ago_ms double precision default 0, full_up bigint[] default '{}') returns double precision
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
-- When the next delivery becomes due that is not due yet: a retry, or a lease that runs out; or when the time is over for which
-- due ones are held, by a breaker, a Retry-After or a rate. Two index probes per subscription with open deliveries, as in
-- outbox.claim(), and two by primary key. Of an ordered subscription a claim may have left what is due: another claim had its
-- lanes locked, it was too much at once, or a barrier stands: then it is worth looking again soon, at pauses that grow with the wait.
-- Arguments:
--   ago_ms   how long ago the relay claimed, in milliseconds: what became due since then, that claim did not see
--   full_up  subscriptions that the relay has no room for: it looks when it has
-- Returns: milliseconds from now, negative for what became due since; null when nothing waits.
-- Touches: select outbox.delivery, outbox.subscription, outbox.subscription_health, outbox.barrier, outbox.lane_wake.
declare
    _now   timestamptz := clock_timestamp();
    _since timestamptz := _now - make_interval(secs => next_due.ago_ms / 1000);
begin
    return (
        with recursive open (subscription) as (
            (select d.subscription from outbox.delivery d order by d.subscription limit 1)
            union all
            select (select d.subscription from outbox.delivery d where d.subscription > o.subscription order by d.subscription limit 1)
            from open o where o.subscription is not null
        )
        select extract(epoch from min(greatest(n.due_at, h.held_until)) - clock_timestamp())::double precision * 1000
        from open o
            join lateral (
                select s.id, s.rate, s.endpoint_since, s.ordering <> 'none' as ordered, s.barrier from outbox.subscription s
                where s.id = o.subscription and s.status in ('active', 'failing') limit 1
            ) s on true
            left join lateral (
                -- Free, and yet nothing was taken: its row was locked at that moment.
                select case when a.opens_at > _now then a.opens_at else _now + interval '200 ms' end as held_until
                from outbox.subscription_health k
                    cross join lateral (
                        select greatest(
                            case when k.held_since >= s.endpoint_since then k.held_until end,
                            -- Until 20 ms worth of POSTs may be made: a look for each is too often.
                            _now + make_interval(secs => (ceil(s.rate * 0.02) - outbox.rate_left(s.rate, k.tat, _now)) / s.rate)) as opens_at
                    ) a
                where k.subscription = o.subscription and (s.rate is not null or k.breaker_opened > 0 or k.held_until > _since)
                    and o.subscription <> all (next_due.full_up)
                limit 1
            ) h on true
            cross join lateral (
                (select d.due_at from outbox.delivery d
                 where d.subscription = o.subscription and d.due_at < 'infinity'
                    and d.due_at > case when h.held_until is null then _since else '-infinity' end
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
