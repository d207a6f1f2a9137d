create or replace function outbox.settle_health(
    again boolean, deliveries bigint[], attempts integer[], subscriptions bigint[], event_ids bigint[],
    ages_ms double precision[], durations_ms double precision[], classes text[], statuses integer[], error_classes text[],
    errors text[], outcomes text[], holds_ms double precision[], out changes jsonb, out fatal bigint[]
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- The part of outbox.settle() that keeps count of how subscriptions are doing, and changes their status by it.
--
-- It waits for nobody for long, since all of the relay's outcomes wait with it: rows are locked one by one, in the order of
-- subscriptions, so that two settles take turns; one that somebody keeps in an open transaction (outbox.enable()) is left out of
-- the count after 200 ms.
--
-- Arguments: as there, before the ledger has them.
-- Returns: changes, as outbox.judge_subscriptions() has them; fatal, deliveries that end with this failure because it made the
--   severity of their subscription 1.
-- Locks: the rows of outbox.subscription_health, in the order of subscriptions; see outbox.judge_subscriptions().
-- Touches: insert, update outbox.subscription_health; select outbox.attempt where a batch is sent again, outbox.delivery,
--   outbox.subscription; see outbox.settle_breaker(), outbox.judge_subscriptions().
declare
    _now     timestamptz := clock_timestamp();
    _news    bigint[];
    _counted bigint[] := '{}';
    _timeout text;
    _one     bigint;
begin
    if settle_health.again then
        -- What the ledger has already does not count twice: without a class it does not count at all.
        settle_health.classes := array(
            select case when not exists (
                select from outbox.attempt a
                where a.event_id = x.event_id and a.subscription = x.subscription and a.delivery = x.delivery
                    and a.attempt = x.attempt) then x.class end
            from unnest(settle_health.classes, settle_health.deliveries, settle_health.attempts, settle_health.subscriptions,
                settle_health.event_ids) with ordinality as x (class, delivery, attempt, subscription, event_id, n)
            order by x.n);
    end if;
    -- A success is news once in ten seconds, or after a failure: a busy subscription does not rewrite its row all the time.
    _news := array(
        select x.subscription
        from unnest(settle_health.subscriptions, settle_health.classes, settle_health.deliveries) as x (subscription, class, delivery)
        where x.class is not null
            -- A probe that was too old to be sent makes room for another.
            or exists (select from outbox.subscription_health k where k.subscription = x.subscription and k.probe = x.delivery)
        group by x.subscription
        having bool_or(x.class <> 'delivered') or not exists (
            select from outbox.subscription_health k
            where k.subscription = x.subscription and k.consecutive_failures = 0
                and k.last_success_at > _now - interval '10 s')
        order by x.subscription);
    foreach _one in array _news loop
        perform from outbox.subscription_health h where h.subscription = _one for no key update skip locked;
        -- An insert would wait for whoever has changed the row.
        if not found and not exists (select from outbox.subscription_health h where h.subscription = _one) then
            insert into outbox.subscription_health (subscription) values (_one) on conflict do nothing;
        end if;
        if not found then
            -- Another settle has it for a moment, or a person for as long as it pleases.
            continue when _timeout = 'over';
            begin
                _timeout := current_setting('lock_timeout');
                perform set_config('lock_timeout', '200ms', true);
                perform from outbox.subscription_health h where h.subscription = _one for no key update;
                perform set_config('lock_timeout', _timeout, true);
            exception when lock_not_available or deadlock_detected then
                _timeout := 'over';
                continue;
            end;
        end if;
        _counted := _counted || _one;
    end loop;
    if _counted = '{}' then
        return;
    end if;
    with report as (
        select x.*, _now - make_interval(secs => (x.age_ms - coalesce(x.duration_ms, 0)) / 1000) as ended_at
        from unnest(settle_health.subscriptions, settle_health.classes, settle_health.statuses, settle_health.error_classes,
            settle_health.errors, settle_health.ages_ms, settle_health.durations_ms, settle_health.outcomes,
            settle_health.deliveries, settle_health.attempts)
            as x (subscription, class, status, error_class, error, age_ms, duration_ms, outcome, delivery, attempt)
        where x.class is not null and x.subscription = any (_counted)
    ), news as (
        -- Failures count since the newest success of the batch.
        select r.subscription, max(r.ended_at) filter (where r.class = 'delivered') as success_at,
            max(r.ended_at) filter (where r.class <> 'delivered') as failure_at,
            min(r.ended_at) filter (where r.class <> 'delivered' and r.ended_at > r.newest_success) as first_failure_at,
            (count(*) filter (where r.class <> 'delivered' and r.ended_at > r.newest_success))::integer as failures,
            -- A late report ends nothing.
            (count(*) filter (where r.outcome = 'dead' and r.class <> 'delivered' and r.ended_at > r.newest_success and exists (
                select from outbox.delivery d where d.id = r.delivery and d.attempt = r.attempt)))::integer as dead
        from (
            select i.*, coalesce(max(i.ended_at) filter (where i.class = 'delivered') over (partition by i.subscription), '-infinity')
                as newest_success
            from report i
        ) r
        group by r.subscription
    ), standing as (
        select n.*, s.severity_thresholds, l.class, l.status, l.error_class, l.error,
            case when n.success_at is null then h.consecutive_failures else 0 end + n.failures as consecutive_failures,
            case when n.success_at is null then coalesce(h.failing_since, n.first_failure_at) else n.first_failure_at end as failing_since,
            case when n.success_at is null then h.dead_in_a_row else 0 end + n.dead as dead_in_a_row
        from news n
            join outbox.subscription_health h on h.subscription = n.subscription
            left join outbox.subscription s on s.id = n.subscription
            left join lateral (
                select i.class, i.status, i.error_class, i.error from report i
                where i.subscription = n.subscription and i.class <> 'delivered'
                order by i.age_ms limit 1
            ) l on true
    )
    update outbox.subscription_health h
    set consecutive_failures = n.consecutive_failures,
        failing_since = n.failing_since,
        dead_in_a_row = n.dead_in_a_row,
        severity = outbox.severity(n.severity_thresholds, n.failure_at - n.failing_since),
        last_success_at = greatest(h.last_success_at, n.success_at),
        last_failure_at = greatest(h.last_failure_at, n.failure_at),
        last_class = coalesce(n.class, h.last_class),
        last_status = case when n.class is null then h.last_status else n.status end,
        last_error_class = case when n.class is null then h.last_error_class else n.error_class end,
        last_error = case when n.class is null then h.last_error else n.error end
    from standing n
    where h.subscription = n.subscription;
    -- Without what was not counted: somebody has its row.
    perform outbox.settle_breaker(
        array(select case when s.id = any (_counted) then s.id end
            from unnest(settle_health.subscriptions) with ordinality as s (id, n) order by s.n),
        settle_health.deliveries, settle_health.classes, settle_health.ages_ms, settle_health.durations_ms,
        settle_health.holds_ms);
    changes := outbox.judge_subscriptions(_counted);
    if changes is not null then
        fatal := array(
            select distinct on (x.subscription) x.delivery
            from unnest(settle_health.subscriptions, settle_health.classes, settle_health.deliveries, settle_health.ages_ms, settle_health.durations_ms)
                as x (subscription, class, delivery, age_ms, duration_ms)
                join jsonb_to_recordset(changes) as c (subscription bigint, "to" text, severity integer) on c.subscription = x.subscription
            where x.class <> 'delivered' and c."to" = 'disabled' and c.severity = 1
            order by x.subscription, x.age_ms - coalesce(x.duration_ms, 0));
    end if;
end
$$;
