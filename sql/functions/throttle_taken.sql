create or replace function outbox.throttle_taken(deliveries bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- What outbox.claim() has taken where it had to ask outbox.throttle(): uses up the rate, and keeps others from sending a second
-- probe. The probe holds its subscription until the end of its lease, as outbox.claim() sets it: a probe that is lost with its
-- relay is then followed by another.
-- Arguments: deliveries, claimed; others than those of such subscriptions may be among them.
-- Locks: rows of outbox.subscription_health that the caller has locked.
-- Touches: update outbox.subscription_health; select outbox.subscription, outbox.delivery.
declare
    _now timestamptz := clock_timestamp();
begin
    update outbox.subscription_health h
    set tat = case
            when n.rate is not null then _now + make_interval(
                secs => (greatest(floor(n.rate), 1) - outbox.rate_left(n.rate, h.tat, _now) + n.taken) / n.rate)
            else h.tat
        end,
        probe = case when n.half_open then n.first else h.probe end,
        held_since = case when n.half_open then _now else h.held_since end,
        held_until = case when n.half_open then _now + interval '15 s' + n.deadline else h.held_until end,
        held_why = case when n.half_open then 'breaker' else h.held_why end
    from (
        select c.subscription, c.taken, c.first, s.rate, s.deadline,
            k.breaker_opened > 0 and s.breaker_after is not null
                and (k.held_until > _now and k.held_since >= s.endpoint_since) is not true as half_open
        from (
            select d.subscription, count(*) as taken, min(d.id) as first
            from outbox.delivery d where d.id = any (throttle_taken.deliveries)
            group by d.subscription
        ) c
            join outbox.subscription s on s.id = c.subscription
            join outbox.subscription_health k on k.subscription = c.subscription
    ) n
    where h.subscription = n.subscription and (n.rate is not null or n.half_open);
end
$$;
