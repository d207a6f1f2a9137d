create or replace function outbox.claim(
    relay text, free integer, busy bigint[], busy_running integer[], start_after bigint,
    busy_limits integer[] default '{}', others_limit integer default null, busy_only boolean default false
) returns table (
    delivery bigint, attempt integer, retry_base integer, subscription bigint, version integer,
    event_slot smallint, event_id bigint, event_type text, webhook_id text, body text, body_error text,
    traceparent text, trace_id text, headers jsonb, occurred_at double precision,
    aged_from double precision, claimed_at double precision, ordered boolean, seq bigint, previous_event bigint, previous_seq bigint,
    format text, attributes jsonb, copied jsonb, batch integer, lease double precision
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
-- Where one POST may carry several events, it is POSTs that are counted: each delivery picked stands for one, outbox.claim_more()
-- adds others of its subscription, and outbox.pack() says what goes into which.
--
-- Bodies that envelopes make are made before the lease begins, in the order of the deliveries: one, and more until that has
-- taken a second, or 32 MiB, or the statement's time-out has ended one. The others are left for the next claim, and due from
-- then on. So a slow envelope holds up others no longer than one call of it takes.
--
-- What outbox.throttle() holds back is left: that of a breaker that has opened, and what is above a rate; see outbox.probes().
--
-- Arguments:
--   relay               its name, shown as outbox.delivery.leased_by
--   free                how many POSTs it can start now
--   busy, busy_running  subscriptions that it is sending to already, and how many POSTs each has under way
--   start_after         the subscription at which the last claim stopped; 0 at first
--   busy_limits         how many POSTs at a time each of busy may have, if that is less than its concurrency
--   others_limit        the same for all others; null: their concurrency
--   busy_only           nothing of others
-- Returns: one row per claimed delivery; version is the subscription's, whose settings come from
--   outbox.subscription_settings(); webhook_id and body are null when somebody deleted the event; body_error
--   says why the envelope made no body; traceparent, trace_id and headers are what the event's transaction had set, unchecked;
--   occurred_at is when it happened, aged_from from when the delivery's age counts, claimed_at the database's clock, by which the
--   relay stamps what it sends: seconds since 1970;
--   ordered, whether it has a lane: then seq is the event's number among those of its object, where it has one, and previous_event
--   and previous_seq are of what the subscriber took last of this lane;
--   format is that of the body, attributes those of a CloudEvent that become headers, copied the headers that the subscription copies
--   from the event; deliveries with the same batch are one POST, whose body is an array of theirs; null: a POST by itself;
--   lease, its length in seconds; it began after the claim was asked for.
-- Raises: OX020 when something is due and this database is a copy of another.
-- Locks: the rows it returns, and more where it looks for what fills a POST, FOR UPDATE SKIP LOCKED; see outbox.throttle(),
--   outbox.admit().
-- Touches: update outbox.delivery; select outbox.subscription, outbox.event, outbox.lane; what envelopes read; see outbox.admit(),
--   outbox.heads(), outbox.probes(), outbox.throttle(), outbox.throttle_taken(), outbox.claim_more(), outbox.pack(), outbox.supersede_claimed(),
--   outbox.within_allowance(), outbox.formatted(), outbox.cloudevent(), outbox.copied_headers().
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
    _asked     boolean;
    _counted   boolean;
    _left_out  bigint[] := outbox.admit(_now);
    _posts     bigint[];
    _filled    bigint[];
    _packed    bigint[];
    _batches   integer[];
    _too_old   bigint[];
begin
    with recursive later (subscription) as (
        (select d.subscription from outbox.delivery d where not claim.busy_only and d.subscription > claim.start_after
         order by d.subscription limit 1)
        union all
        select (select d.subscription from outbox.delivery d where d.subscription > l.subscription order by d.subscription limit 1)
        from later l where l.subscription is not null
    ), earlier (subscription) as (
        (select d.subscription from outbox.delivery d where not claim.busy_only order by d.subscription limit 1)
        union all
        select (select d.subscription from outbox.delivery d where d.subscription > e.subscription order by d.subscription limit 1)
        from earlier e where e.subscription < claim.start_after
    ), picked as materialized (
        select p.id, p.object_key, s.enveloped and not p.too_old as enveloped, s.counted, p.too_old,
            s.rate is not null or h.breaker_opened > 0 as asked,
            case when s.batched and not p.too_old then open.subscription end as batching,
            -- A probe is one event.
            s.batched and (h.breaker_opened > 0) is not true as fills
        from (
            select l.subscription from later l where l.subscription is not null
            union all
            select e.subscription from earlier e where e.subscription <= claim.start_after
            union all
            (select b.subscription from unnest(claim.busy) as b (subscription) where claim.busy_only
             order by b.subscription <= claim.start_after, b.subscription)
        ) open
            join lateral (
                select least(s.concurrency, case when s.max_deliveries is not null
                        then outbox.remaining(s.id, s.max_deliveries) end) as concurrency,
                    s.envelope is not null as enveloped, s.max_deliveries is not null as counted, s.ordering <> 'none' as ordered,
                    s.rate, s.endpoint_since, s.batch_max > 1 as batched,
                    num_nonnulls(s.ttl, s.max_age) > 0 and s.breaker_after is not null as mortal
                from outbox.subscription s
                where s.id = open.subscription and s.status in ('active', 'failing')
                    and (s.expires_at is null or s.expires_at > _now) limit 1
            ) s on true
            left join lateral (
                select h.breaker_opened, h.held_since, h.held_until from outbox.subscription_health h
                where h.subscription = open.subscription limit 1
            ) h on true
            left join unnest(claim.busy, claim.busy_running, claim.busy_limits) as b (subscription, running, posts)
                on b.subscription = open.subscription
            cross join lateral (
                select (least(s.concurrency, case when b.subscription is null then claim.others_limit else b.posts end)
                    - coalesce(b.running, 0))::integer as room
            ) r
            cross join lateral (
                select case
                    when r.room <= 0 or h.held_until > _now and h.held_since >= s.endpoint_since then 0
                    when s.rate is null and (h.breaker_opened > 0) is not true then r.room
                    else outbox.throttle(open.subscription, r.room)
                end as places, s.mortal and (h.breaker_opened > 0) is true as half_open
            ) t
            cross join lateral (
                select u.id, u.object_key, false as too_old
                from (
                    select d.id, d.object_key from outbox.delivery d
                    where not s.ordered and not t.half_open and d.subscription = open.subscription and d.due_at <= _now
                    order by d.due_at, d.id
                    limit t.places
                    for update skip locked
                ) u
                union all
                select h.id, h.object_key, false from outbox.heads(open.subscription, _now, t.places) h
                where s.ordered and not t.half_open and open.subscription <> all (_left_out)
                union all
                select o.id, o.object_key, o.too_old from outbox.probes(open.subscription, _now, r.room) o
                where t.half_open and t.places > 0 and open.subscription <> all (_left_out)
            ) p
        limit claim.free
    )
    select array_agg(picked.id), array_agg(picked.id order by picked.id) filter (where picked.enveloped),
        bool_or(picked.object_key is not null), bool_or(picked.counted), bool_or(picked.asked),
        array_agg(picked.batching) filter (where picked.batching is not null), array_agg(picked.batching) filter (where picked.fills),
        coalesce(array_agg(picked.id) filter (where picked.too_old), '{}')
        into _ids, _enveloped, _latest, _counted, _asked, _posts, _filled, _too_old
    from picked;
    if _ids is null then
        return;
    end if;
    -- Here and not before: looking for work in vain, which is done all the time, costs nothing by it.
    perform outbox.require_home();
    if _filled is not null then
        select _ids || array_agg(m.id), _enveloped || (array_agg(m.id) filter (where m.enveloped)), _latest or bool_or(m.latest)
            into _ids, _enveloped, _latest
        from outbox.claim_more(_ids, _filled, _now) m;
    end if;
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
    if _posts is not null then
        select array_agg(p.id), array_agg(p.batch), _made || (array_agg(p.id) filter (where p.news)),
            _bodies || (array_agg(p.body) filter (where p.news)), _errors || (array_agg(null::text) filter (where p.news)),
            coalesce(array_agg(p.id) filter (where p.batch is null), '{}')
            into _packed, _batches, _made, _bodies, _errors, _left
        from outbox.pack(array(select i.id from unnest(_ids) as i (id) where i.id <> all (_too_old)), _posts, _made, _bodies) p;
        _ids := array(select i.id from unnest(_ids) as i (id) where i.id <> all (_left));
    end if;
    if _asked then
        -- A rate is of POSTs, and what is too old is none.
        perform outbox.throttle_taken(array(
            select min(i.id)
            from unnest(_ids) as i (id)
                left join unnest(_packed, _batches) as b (id, batch) on b.id = i.id
            where i.id <> all (_too_old)
            group by coalesce(b.batch, -i.id)));
    end if;
    return query
    with claimed as (
        update outbox.delivery d
        set attempt = d.attempt + 1, leased_by = claim.relay,
            due_at = clock_timestamp() + interval '15 s'
                + (select s.deadline from outbox.subscription s where s.id = d.subscription)
        where d.id = any (_ids)
        returning d.id, d.attempt, d.retry_base, d.subscription, d.event_slot, d.event_id, d.since, d.lane
    )
    select c.id, c.attempt, c.retry_base, c.subscription, s.version, c.event_slot, c.event_id, (x.event).type,
        outbox.webhook_id((x.event).uid, s.key),
        case when m.id is not null then m.body when s.format = 'standard' then outbox.body(x.event)
            else outbox.formatted(x.event, s.format) end, m.error,
        (x.event).traceparent, (x.event).trace_id, (x.event).headers,
        extract(epoch from (x.event).occurred_at)::double precision,
        extract(epoch from coalesce(c.since, (x.event).occurred_at))::double precision,
        extract(epoch from clock_timestamp())::double precision,
        c.lane is not null, (x.event).seq, k.event_id, k.seq,
        s.format,
        case when s.format = 'cloudevents-binary' then outbox.cloudevent(x.event) end,
        case when b.batch is null and s.headers @? '$.* ? (@.type() == "object")' then outbox.copied_headers(x.event, s.headers) end, b.batch,
        extract(epoch from s.deadline + interval '15 s')::double precision
    from claimed c
        cross join lateral (
            select s.version, s.key, s.deadline, case when s.envelope is null then s.format else 'envelope' end as format, s.headers
            from outbox.subscription s where s.id = c.subscription limit 1
        ) s
        left join lateral (
            select e as event from outbox.event e
            -- Where it was written, or where outbox.turn_ring() moved it.
            where e.slot = any (array[c.event_slot, (c.event_slot + 8)::smallint]) and e.id = c.event_id
            limit 1
        ) x on true
        left join unnest(_made, _bodies, _errors) as m (id, body, error) on m.id = c.id
        left join outbox.lane k on k.subscription = c.subscription and k.lane = c.lane
        left join unnest(_packed, _batches) as b (id, batch) on b.id = c.id
    order by c.id;
end
$$;
