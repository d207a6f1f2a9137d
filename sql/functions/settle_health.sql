create or replace function outbox.settle_health(
    again boolean, deliveries bigint[], attempts integer[], subscriptions bigint[], event_ids bigint[],
    ages_ms double precision[], durations_ms double precision[], classes text[], statuses integer[], error_classes text[],
    errors text[], outcomes text[], holds_ms double precision[]
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- The part of outbox.settle() that keeps count of how subscriptions are doing.
-- Arguments: as there, before the ledger has them.
-- Locks: the rows of outbox.subscription_health, in the order of subscriptions.
-- Touches: upsert outbox.subscription_health; select outbox.attempt where a batch is sent again; see outbox.settle_breaker().
declare
    _now timestamptz := clock_timestamp();
begin
    insert into outbox.subscription_health as h (subscription, consecutive_failures, failing_since, last_success_at, last_failure_at,
        last_class, last_status, last_error_class, last_error)
    select g.subscription, g.failures, case when g.failures > 0 then g.first_failure_at end, g.success_at, g.failure_at,
        l.class, l.status, l.error_class, l.error
    from (
        -- Failures count since the newest success of the batch.
        select r.subscription, max(r.ended_at) filter (where r.class = 'delivered') as success_at,
            max(r.ended_at) filter (where r.class <> 'delivered') as failure_at,
            min(r.ended_at) filter (where r.class <> 'delivered' and r.ended_at > r.newest_success) as first_failure_at,
            (count(*) filter (where r.class <> 'delivered' and r.ended_at > r.newest_success))::integer as failures
        from (
            select u.subscription, u.class, u.ended_at,
                coalesce(max(u.ended_at) filter (where u.class = 'delivered') over (partition by u.subscription), '-infinity') as newest_success
            from (
                select x.subscription, x.class, _now - make_interval(secs => (x.age_ms - coalesce(x.duration_ms, 0)) / 1000) as ended_at
                from unnest(settle_health.subscriptions, settle_health.classes, settle_health.ages_ms, settle_health.durations_ms,
                    settle_health.deliveries, settle_health.attempts, settle_health.event_ids)
                    as x (subscription, class, age_ms, duration_ms, delivery, attempt, event_id)
                where x.class is not null and (not settle_health.again or not exists (
                    select from outbox.attempt a
                    where a.event_id = x.event_id and a.subscription = x.subscription and a.delivery = x.delivery
                        and a.attempt = x.attempt))
            ) u
        ) r
        group by r.subscription
    ) g
        left join lateral (
            select x.class, x.status, x.error_class, x.error
            from unnest(settle_health.subscriptions, settle_health.classes, settle_health.statuses, settle_health.error_classes, settle_health.errors, settle_health.ages_ms)
                as x (subscription, class, status, error_class, error, age_ms)
            where x.subscription = g.subscription and x.class <> 'delivered'
            order by x.age_ms limit 1
        ) l on true
    -- A success is news once in ten seconds, or after a failure: a busy subscription does not rewrite its row all the time.
    where g.failure_at is not null or not exists (
        select from outbox.subscription_health k
        where k.subscription = g.subscription and k.consecutive_failures = 0 and k.last_success_at > _now - interval '10 s')
    order by g.subscription
    on conflict on constraint subscription_health_pkey do update set
        consecutive_failures = case when excluded.last_success_at is null then h.consecutive_failures else 0 end
            + excluded.consecutive_failures,
        failing_since = case when excluded.last_success_at is null then coalesce(h.failing_since, excluded.failing_since)
            else excluded.failing_since end,
        last_success_at = greatest(h.last_success_at, excluded.last_success_at),
        last_failure_at = greatest(h.last_failure_at, excluded.last_failure_at),
        last_class = coalesce(excluded.last_class, h.last_class),
        last_status = case when excluded.last_class is null then h.last_status else excluded.last_status end,
        last_error_class = case when excluded.last_class is null then h.last_error_class else excluded.last_error_class end,
        last_error = case when excluded.last_class is null then h.last_error else excluded.last_error end;
    perform outbox.settle_breaker(settle_health.subscriptions, settle_health.deliveries, settle_health.classes,
        settle_health.error_classes, settle_health.ages_ms, settle_health.durations_ms, settle_health.holds_ms);
end
$$;
