create or replace function outbox.claim(
    relay text, free integer, busy bigint[], busy_running integer[], start_after bigint
) returns table (
    delivery bigint, attempt integer, retry_base integer, subscription bigint, version integer,
    event_slot smallint, event_id bigint, event_type text, webhook_id text, body text, body_error text,
    traceparent text, trace_id text, headers jsonb, occurred_at double precision,
    aged_from double precision, claimed_at double precision
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Gives a relay due deliveries that it can start at once, each under a lease: due_at moves to the end of the lease, so that
-- nobody else claims it before, and anybody after. The lease is the subscription's deadline and 15 s, so that an attempt
-- has ended, one way or the other, before it runs out. attempt is raised here and never lowered: it counts the POST before
-- it is made, and outbox.settle() knows a stale owner by it. The caller must commit, durably, before it sends.
--
-- Who has work is found by a loose scan over the index (subscription, due_at, id): two index probes per subscription with
-- open deliveries, none for the others, however many there are. It starts after start_after and wraps around, so that
-- no subscription waits behind others for ever when there are more due than slots.
--
-- Bodies that envelopes make are made before the lease begins, in the order of the deliveries: one, and more until that has
-- taken a second, or 32 MiB, or the statement's time-out has ended one. The others are left for the next claim, and due from
-- then on. So a slow envelope holds up others no longer than one call of it takes.
--
-- Arguments:
--   relay               its name, shown as outbox.delivery.leased_by
--   free                how many deliveries it can start now
--   busy, busy_running  subscriptions that it is sending to already, and how many POSTs each has under way
--   start_after         the subscription at which the last claim stopped; 0 at first
-- Returns: one row per claimed delivery; version is the subscription's, whose settings come from
--   outbox.subscription_settings(); webhook_id and body are null when somebody deleted the event; body_error
--   says why the envelope made no body; traceparent, trace_id and headers are what the event's transaction had set, unchecked;
--   occurred_at is when it happened, aged_from from when the delivery's age counts, claimed_at the database's clock, by which the
--   relay stamps what it sends: seconds since 1970.
-- Raises: OX020 when something is due and this database is a copy of another.
-- Locks: the rows it returns, FOR UPDATE SKIP LOCKED.
-- Touches: update outbox.delivery; select outbox.subscription, outbox.event; what envelopes read; see outbox.supersede_claimed(),
--   outbox.within_allowance().
declare
    _now       timestamptz := clock_timestamp();
    _ids       bigint[];
    _enveloped bigint[];
    _left      bigint[] := '{}';
    _made      bigint[] := '{}';
    _bodies    text[] := '{}';
    _errors    text[] := '{}';
    _bytes     bigint := 0;
    _over      boolean := false;
    _body      text[];
    _envelope  record;
    _latest    boolean;
    _counted   boolean;
begin
    with recursive later (subscription) as (
        (select d.subscription from outbox.delivery d where d.subscription > claim.start_after order by d.subscription limit 1)
        union all
        select (select d.subscription from outbox.delivery d where d.subscription > l.subscription order by d.subscription limit 1)
        from later l where l.subscription is not null
    ), earlier (subscription) as (
        (select d.subscription from outbox.delivery d order by d.subscription limit 1)
        union all
        select (select d.subscription from outbox.delivery d where d.subscription > e.subscription order by d.subscription limit 1)
        from earlier e where e.subscription < claim.start_after
    ), picked as materialized (
        select p.id, p.object_key, s.enveloped, s.counted
        from (
            select l.subscription from later l where l.subscription is not null
            union all
            select e.subscription from earlier e where e.subscription <= claim.start_after
        ) open
            join lateral (
                select least(s.concurrency, case when s.max_deliveries is not null
                        then outbox.remaining(s.id, s.max_deliveries) end) as concurrency,
                    s.envelope is not null as enveloped, s.max_deliveries is not null as counted from outbox.subscription s
                where s.id = open.subscription and s.status in ('active', 'failing')
                    and (s.expires_at is null or s.expires_at > _now) limit 1
            ) s on true
            left join unnest(claim.busy, claim.busy_running) as b (subscription, running) on b.subscription = open.subscription
            cross join lateral (
                select d.id, d.object_key from outbox.delivery d
                where d.subscription = open.subscription and d.due_at <= _now
                order by d.due_at, d.id
                limit greatest(s.concurrency - coalesce(b.running, 0), 0)
                for update skip locked
            ) p
        limit claim.free
    )
    select array_agg(picked.id), array_agg(picked.id order by picked.id) filter (where picked.enveloped),
        bool_or(picked.object_key is not null), bool_or(picked.counted)
        into _ids, _enveloped, _latest, _counted
    from picked;
    if _ids is null then
        return;
    end if;
    -- Here and not before: looking for work in vain, which is done all the time, costs nothing by it.
    perform outbox.require_home();
    if _latest then
        perform outbox.supersede_claimed(_ids);
    end if;
    if _counted then
        _ids := outbox.within_allowance(_ids);
        _enveloped := array(select e.id from unnest(_enveloped) as e (id) where e.id = any (_ids) order by e.id);
    end if;
    if _enveloped is not null then
        for _envelope in
            select d.id, s.envelope, d.subscription, d.event_slot, d.event_id
            from unnest(_enveloped) as i (id)
                join outbox.delivery d on d.id = i.id
                join outbox.subscription s on s.id = d.subscription
            order by d.id
        loop
            if _over then
                _left := _left || _envelope.id;
                continue;
            end if;
            _body := (
                select outbox.envelop(e, _envelope.envelope, _envelope.subscription) from outbox.event e
                where e.slot = any (array[_envelope.event_slot, (_envelope.event_slot + 8)::smallint]) and e.id = _envelope.event_id
                limit 1);
            _made := _made || _envelope.id;
            _bodies := _bodies || _body[1];
            _errors := _errors || _body[2];
            _bytes := _bytes + coalesce(octet_length(_body[1]), 0);
            _over := _bytes > 33554432 or clock_timestamp() > _now + interval '1 s' or _body[3] is not null;
        end loop;
        if _left <> '{}' then
            _ids := array(select i.id from unnest(_ids) as i (id) where i.id <> all (_left));
            update outbox.delivery d set due_at = clock_timestamp() where d.id = any (_left);
        end if;
    end if;
    return query
    with claimed as (
        update outbox.delivery d
        set attempt = d.attempt + 1, leased_by = claim.relay,
            due_at = clock_timestamp() + interval '15 s'
                + (select s.deadline from outbox.subscription s where s.id = d.subscription)
        where d.id = any (_ids)
        returning d.id, d.attempt, d.retry_base, d.subscription, d.event_slot, d.event_id, d.since
    )
    select c.id, c.attempt, c.retry_base, c.subscription, s.version, c.event_slot, c.event_id, (x.event).type,
        outbox.webhook_id((x.event).uid, s.key),
        case when m.id is null then outbox.body(x.event) else m.body end, m.error,
        (x.event).traceparent, (x.event).trace_id, (x.event).headers,
        extract(epoch from (x.event).occurred_at)::double precision,
        extract(epoch from coalesce(c.since, (x.event).occurred_at))::double precision, extract(epoch from clock_timestamp())::double precision
    from claimed c
        cross join lateral (select s.version, s.key from outbox.subscription s where s.id = c.subscription limit 1) s
        left join lateral (
            select e as event from outbox.event e
            -- Where it was written, or where outbox.turn_ring() moved it.
            where e.slot = any (array[c.event_slot, (c.event_slot + 8)::smallint]) and e.id = c.event_id
            limit 1
        ) x on true
        left join unnest(_made, _bodies, _errors) as m (id, body, error) on m.id = c.id
    order by c.id;
end
$$;
