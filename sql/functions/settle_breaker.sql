create or replace function outbox.settle_breaker(
    subscriptions bigint[], deliveries bigint[], classes text[], ages_ms double precision[], durations_ms double precision[], holds_ms double precision[]
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- The part of outbox.settle() that holds a subscription: because its breaker opens, or because the subscriber asked to be left
-- alone (Retry-After). While it is held nothing of it is claimed and no attempts are used up; see outbox.throttle().
--
-- The breaker opens when consecutive_failures reaches the subscription's breaker_after. It stays open for 10 s, which is longer
-- than the first pauses of a delivery and as long as a quick restart takes, then for twice as long each time, up to 5 minutes:
-- that much later than the subscriber's return is the last of its deliveries, and a dead one costs one POST per 5 minutes. A
-- fifth more or less is drawn, so that those that died together are not tried together. Then one delivery is claimed as a probe
-- (outbox.throttle_taken()). Its failure opens the breaker again; a success, of whichever attempt, closes it. Failures of other
-- attempts, begun before it opened, change nothing.
-- A subscriber that asks to be left alone is, for up to 24 hours, whatever ends meanwhile.
--
-- Arguments: as in outbox.settle(), after outbox.settle_health() has counted.
-- Locks: the rows of outbox.subscription_health that it changes, in the order of subscriptions.
-- Touches: update outbox.subscription_health; select outbox.subscription; see outbox.ring().
declare
    _now    timestamptz := clock_timestamp();
    _h      record;
    _opened integer;
    _until  timestamptz;
    _why    text;
    _flows  boolean := false;
begin
    -- All is well: one look by primary key.
    if 'delivered' = all (settle_breaker.classes) and coalesce(num_nonnulls(variadic settle_breaker.holds_ms), 0) = 0 and not exists (
        select from outbox.subscription_health h
        where h.subscription = any (settle_breaker.subscriptions) and h.breaker_opened > 0)
    then
        return;
    end if;
    for _h in
        with report as (
            select x.subscription,
                bool_or(x.class = 'delivered') as delivered,
                array_agg(x.delivery) filter (where x.class <> 'delivered') as failed,
                -- There was nothing to send, or what came of it says nothing of the subscriber.
                array_agg(x.delivery) filter (where x.class is null) as given_back,
                -- Not a number is above everything.
                max(_now - make_interval(secs => (x.age_ms - coalesce(x.duration_ms, 0)) / 1000)
                    + make_interval(secs => least(greatest(x.hold_ms, 0), 86400000) / 1000)) as asked_until
            from unnest(settle_breaker.subscriptions, settle_breaker.deliveries, settle_breaker.classes,
                settle_breaker.ages_ms, settle_breaker.durations_ms, settle_breaker.holds_ms)
                as x (subscription, delivery, class, age_ms, duration_ms, hold_ms)
            group by x.subscription
        )
        select h.subscription, h.consecutive_failures, h.breaker_opened, h.held_until, h.held_why, s.breaker_after, r.delivered,
            r.asked_until, h.probe = any (r.failed) as probe_failed, h.probe = any (r.given_back) as probe_given_back
        from report r
            join outbox.subscription_health h on h.subscription = r.subscription
            join outbox.subscription s on s.id = r.subscription
        order by h.subscription
        for update of h
    loop
        _opened := case when _h.delivered or _h.breaker_after is null then 0 else _h.breaker_opened end;
        -- What still holds, if the breaker does not open again.
        _until := case when _h.held_why = 'retry-after' or _opened > 0 and _h.probe_given_back is not true then _h.held_until end;
        _why := case when _until is not null then _h.held_why end;
        if (_opened = 0 and _h.consecutive_failures >= _h.breaker_after) or (_opened > 0 and _h.probe_failed) then
            _opened := _opened + 1;
            _until := _now + least(interval '10 s' * 2 ^ least(_opened - 1, 10), interval '5 minutes') * (0.8 + 0.4 * random());
            _why := 'breaker';
        end if;
        if _h.asked_until > greatest(_now, _until) then
            _until := _h.asked_until;
            _why := 'retry-after';
        end if;
        continue when _opened = _h.breaker_opened and _until is not distinct from _h.held_until;
        update outbox.subscription_health h
        set breaker_opened = _opened,
            -- While it is under way a further one is claimed only when its lease has run out.
            probe = case when _opened > 0 and _opened = _h.breaker_opened and _h.probe_given_back is not true then h.probe end,
            held_since = case when _until is not null then case when _until = _h.held_until then h.held_since else _now end end,
            held_until = _until, held_why = _why
        where h.subscription = _h.subscription;
        _flows := _flows or _until is null;
    end loop;
    -- What is due there is claimable again, and nobody has committed it.
    if _flows then
        perform outbox.ring();
    end if;
end
$$;
