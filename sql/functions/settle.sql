create or replace function outbox.settle(
    relay text, again boolean,
    deliveries bigint[], attempts integer[], subscriptions bigint[], event_slots smallint[], event_ids bigint[],
    ages_ms double precision[], durations_ms double precision[],
    classes text[], statuses integer[], error_classes text[], errors text[], responses text[],
    outcomes text[], retries_in_ms double precision[],
    holds_ms double precision[] default null, tls text[] default null,
    alones boolean[] default null, followers boolean[] default null,
    out late integer, out changes jsonb, out dead bigint[]
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Records a batch of attempts and what follows from each: the delivery is finished, or due again later.
--
-- Fenced by attempt: a report whose attempt is no longer the delivery's current one comes from a relay that lost its lease.
-- It goes into the ledger, marked late, and changes nothing else, save that a success completes a delivery that is still
-- open: the subscriber has it.
--
-- Arguments, one element per attempt:
--   relay, again      the relay's name; whether this batch was sent before and its commit is in doubt
--   deliveries, attempts, subscriptions, event_slots, event_ids  from outbox.claim()
--   ages_ms           how long ago it began; durations_ms, how long it took
--   classes           delivered, rejected, not_sent or unknown; null when there was nothing to send
--   statuses, error_classes, errors, responses  what the POST came to, for people
--   outcomes          delivered, dead, expired or cancelled; gone: the subscriber has ended its subscription; null to try again
--   retries_in_ms     pause before the next attempt, from now
--   holds_ms          how long the subscriber asked to be left alone altogether, from the end of the attempt; null when it did not
--   tls               what is known of the connection, a JSON object: see outbox.attempt.tls
--   alones            whether it is to share no POST any more; null for no
--   followers         of a POST of several events: whether it was another's report that counted it; null for a POST of one
-- Returns: late, how many of the reports were; changes of the status of subscriptions, as outbox.judge_subscriptions() has
--   them, or null; dead, deliveries that were to be tried again and are dead, as with their failure the severity has come to 1, or null.
-- Locks: the deliveries, in the order of their ids, so that two relays cannot deadlock.
-- Touches: update and delete outbox.delivery; insert outbox.attempt, outbox.dead_letter; see outbox.settle_health(),
--   outbox.count_delivered(), outbox.settle_lanes().
declare
    _now      timestamptz := clock_timestamp();
    _slot     smallint := outbox.slot(_now);
    _counting text[] := settle.classes;
    _holds    double precision[] := settle.holds_ms;
    _fatal    bigint[];
begin
    perform from outbox.delivery d where d.id = any (settle.deliveries) order by d.id for update;
    if 'gone' = any (settle.outcomes) then
        perform outbox.settle_gone(settle.subscriptions, settle.ages_ms, settle.outcomes);
    end if;
    if settle.followers is not null or 'delivered' <> any (settle.classes) or num_nonnulls(variadic settle.holds_ms) > 0 then
        -- A POST of several events that failed is one failure. What failed by the relay's own doing, or began when the subscription still
        -- led elsewhere, says nothing of its subscriber.
        select array_agg(case when f.follows or c.is_ours or c.is_past then null else f.class end order by f.n),
            array_agg(case when c.is_past then null else f.hold_ms end order by f.n)
            into _counting, _holds
        from unnest(settle.classes, settle.followers, settle.error_classes, settle.subscriptions, settle.ages_ms, settle.holds_ms)
                with ordinality as f (class, follows, error_class, subscription, age_ms, hold_ms, n)
            cross join lateral (
                select f.class <> 'delivered' and f.error_class in ('stopped', 'lease', 'settings', 'panic') as is_ours,
                    f.class <> 'delivered' and (
                        select s.endpoint_since > _now - make_interval(secs => f.age_ms / 1000)
                        from outbox.subscription s where s.id = f.subscription) as is_past
            ) c;
    end if;
    -- Before the ledger is written: what it has already (a batch sent again) does not count twice.
    select h.changes, h.fatal into changes, _fatal
    from outbox.settle_health(settle.again, settle.deliveries, settle.attempts, settle.subscriptions, settle.event_ids, settle.ages_ms,
        settle.durations_ms,
        _counting, settle.statuses, settle.error_classes, settle.errors, settle.outcomes, _holds) h;
    if _fatal <> '{}' then
        -- Not one of several: none dies by a POST that it shared.
        dead := array(
            select o.delivery
            from unnest(settle.deliveries, settle.classes, settle.outcomes, settle.followers) as o (delivery, class, outcome, follows)
            where o.delivery = any (_fatal) and o.follows is null and o.class <> 'delivered' and o.outcome is null);
        settle.outcomes := array(
            select coalesce(o.outcome, case when o.delivery = any (settle.dead) then 'dead' end)
            from unnest(settle.deliveries, settle.outcomes) with ordinality as o (delivery, outcome, n)
            order by o.n);
    end if;
    perform outbox.count_delivered(settle.deliveries, settle.outcomes);
    perform outbox.settle_lanes(settle.deliveries, settle.attempts, settle.outcomes);
    with report as (
        select r.delivery, r.attempt, r.subscription, r.event_slot, r.event_id, r.age_ms, r.duration_ms, r.class, r.status,
            r.error_class, r.error, r.response, r.tls, r.alone, coalesce(r.retry_in_ms, 5000) as retry_in_ms,
            case when r.outcome <> 'gone' then r.outcome
                else (select 'cancelled' from outbox.subscription s where s.id = r.subscription and s.status = 'gone') end as outcome
        from unnest(
            settle.deliveries, settle.attempts, settle.subscriptions, settle.event_slots, settle.event_ids, settle.ages_ms,
            settle.durations_ms, settle.classes, settle.statuses, settle.error_classes, settle.errors, settle.responses,
            settle.outcomes, settle.retries_in_ms, settle.tls, settle.alones
        ) as r (delivery, attempt, subscription, event_slot, event_id, age_ms,
            duration_ms, class, status, error_class, error, response, outcome, retry_in_ms, tls, alone)
        where not settle.again or not exists (
            select from outbox.attempt a
            where a.event_id = r.event_id and a.subscription = r.subscription and a.delivery = r.delivery and a.attempt = r.attempt)
    ), decisive as (
        -- One report decides a delivery: a success before all, else that of the current attempt.
        select distinct on (r.delivery) r.*
        from report r join outbox.delivery d on d.id = r.delivery
        where r.outcome = 'delivered' or d.attempt = r.attempt
        order by r.delivery, (r.outcome is not distinct from 'delivered') desc, r.attempt desc
    ), finished as (
        delete from outbox.delivery d using decisive r
        where d.id = r.delivery and r.outcome is not null and (d.attempt = r.attempt or r.outcome = 'delivered')
        returning d.id, r.attempt, d.lane
    ), waiting as (
        update outbox.delivery d
        set due_at = _now + make_interval(secs => r.retry_in_ms / 1000), leased_by = null, alone = d.alone or coalesce(r.alone, false)
        from decisive r
        where d.id = r.delivery and r.outcome is null and d.attempt = r.attempt
        returning d.id, r.attempt
    ), applied as (
        select f.id, f.attempt from finished f union all select w.id, w.attempt from waiting w
    ), dead as (
        insert into outbox.dead_letter (delivery, subscription, event_slot, event_id, attempt, reason, lane)
        select r.delivery, r.subscription, r.event_slot, r.event_id, r.attempt,
            coalesce(r.error, 'status ' || r.status, r.class, 'unknown'), f.lane
        from report r join finished f on f.id = r.delivery and f.attempt = r.attempt
        where r.outcome = 'dead'
    ), ledger as (
        insert into outbox.attempt (slot, delivery, attempt, subscription, event_slot, event_id, relay, started_at, duration_ms,
            class, status, error_class, error, response, outcome, late, tls)
        select _slot, r.delivery, r.attempt, r.subscription, r.event_slot, r.event_id, settle.relay,
            _now - make_interval(secs => r.age_ms / 1000), r.duration_ms,
            coalesce(r.class, case when a.id is null then 'unknown' end), r.status, r.error_class,
            coalesce(r.error, case when r.class is null then 'the event was deleted' end), r.response,
            case when a.id is not null then r.outcome end, a.id is null, r.tls::jsonb
        from report r left join applied a on a.id = r.delivery and a.attempt = r.attempt
        returning attempt.late
    )
    select count(*) filter (where ledger.late) into late from ledger;
    -- A relay that stops gives back what it could not finish.
    if 0 = any (settle.retries_in_ms) then
        perform outbox.ring();
    end if;
end
$$;
