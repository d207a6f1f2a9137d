create or replace function outbox.replay(
    event_type text, "from" timestamptz, "to" timestamptz, reason text default null,
    dry_run boolean default true, subscription bigint default null, subscriber text default null, object text default null,
    object_id text default null, filter jsonb default null, made_later boolean default false,
    after bigint default 0, batch integer default 10000
) returns table (subscription_id bigint, subscriber_name text, events bigint, open bigint, superseded bigint, next_after bigint)
language plpgsql security definer
set search_path = pg_catalog, pg_temp set jit = off set enable_nestloop = off
as $$
-- Sends events of the past again, to the subscriptions that want them as they are now. At first it only counts; with dry_run => false
-- it makes the deliveries of the next `batch` events in one transaction, and says with which `after` to go on when there are more;
-- outbox.replay_all() does that.
-- A delivery is a new row, whose age begins now and whose making is in the ledger, with who has asked and why; its webhook-id is that of
-- the first time. One that is still open, or left to be made by a relay, is counted and not doubled. A dead letter ends as skipped: the
-- new delivery takes its place. Of objects of mode latest only the newest event is sent.
-- Arguments:
--   event_type    an event type, Order.*, or *; "from", "to": events that occurred from then on, and before then
--   reason        for the ledger; needed when it is not a dry run
--   dry_run       only count, all there are
--   subscription, subscriber  only to this one; object, object_id: only events of this object; filter: whose data contain this
--   made_later    also to subscriptions that were made after the event
--   after         events with higher numbers; batch: how many events at most, 1 to 100000
-- Returns: per subscription: events, how many are, or would be, sent; open, how many were so already; superseded, how many are old news
--   of an object of mode latest; next_after, for the next call, null when this was the last. Without subscription: none of these events.
-- Raises: OX031 no span of time, or batch; OX032 reason; OX001, OX005 event_type; OX008 subscription, subscriber; OX013 in a transaction
--   that does not see what others commit meanwhile.
-- Locks: an advisory lock of the transaction, that of outbox.turn_ring(): until it ends no old event goes, and no other replay begins.
-- Touches: insert outbox.delivery, outbox.attempt; select outbox.event, outbox.fan_out, outbox.dead_letter, outbox.object,
--   outbox.subscription; see outbox.end_deliveries().
#variable_conflict use_column
declare
    _now     timestamptz;
    _of      bigint[];
    _words   text;
    _next    bigint;
    _slots   smallint[];
    _ids     bigint[];
    _to      bigint[];
    _sent    bigint[];
    _open    bigint[];
    _old     bigint[];
    _letters bigint[];
    _ends    text[];
begin
    if replay."from" is null or replay."to" is null or replay."to" <= replay."from" then
        raise exception 'not a span of time: from % to %', coalesce(replay."from"::text, 'NULL'), coalesce(replay."to"::text, 'NULL')
            using errcode = 'OX031', hint = 'All events that are kept: from ''-infinity'' to now().';
    elsif replay.batch is null or replay.batch not between 1 and 100000 then
        raise exception 'batch is out of range: %', coalesce(replay.batch::text, 'NULL') using errcode = 'OX031',
            detail = 'It is 1 to 100000 events.';
    elsif current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        raise exception 'events are replayed under READ COMMITTED only' using errcode = 'OX013',
            detail = 'What is open already must be seen, and not be sent twice.', hint = 'begin isolation level read committed';
    end if;
    perform outbox.require_event_type(replay.event_type);
    _words := outbox.by_hand('sent again', replay.reason, replay.dry_run is not true);
    _of := outbox.require_subscriptions(replay.subscription, replay.subscriber);
    if replay.dry_run is not true then
        perform pg_advisory_xact_lock('outbox.turn'::regclass::oid::integer, 0);
        execute outbox.replay_events(replay.event_type, replay.object, replay.object_id, replay.filter, true)
            into _slots, _ids
            using replay.after, replay."from", replay."to", replay.event_type, replay.object, replay.object_id, replay.filter, replay.batch;
        _next := case when cardinality(_ids) = replay.batch then _ids[replay.batch] end;
    end if;
    _now := clock_timestamp();
    execute format($statement$
        with pair as materialized (%1$s), made as (
            insert into outbox.delivery (subscription, event_slot, event_id, due_at, since)
            select p.subscription, mod(p.slot, 8::smallint), p.id, $13, $13
            from pair p where p.state = 'sent' and not $14
            order by p.id, p.subscription
            returning id, subscription, event_slot, event_id
        ), note as (
            insert into outbox.attempt (slot, delivery, attempt, subscription, event_slot, event_id, started_at, error)
            select outbox.slot($13), m.id, 0, m.subscription, m.event_slot, m.event_id, $13, $15 from made m
        ), buried as (
            select l.delivery, format('%%s as delivery %%s', $15, m.id) as reason
            from made m join outbox.dead_letter l on l.subscription = m.subscription and l.event_id = m.event_id
        ), counted as (
            select p.subscription, count(*) filter (where p.state = 'sent') as sent, count(*) filter (where p.state = 'open') as open,
                count(*) filter (where p.state = 'superseded') as old
            from pair p group by p.subscription
        )
        select array_agg(c.subscription), array_agg(c.sent), array_agg(c.open), array_agg(c.old),
            (select array_agg(b.delivery) from buried b), (select array_agg(b.reason) from buried b)
        from counted c
        $statement$, outbox.replay_pairs(_of is not null, case when replay.dry_run is true
            then outbox.replay_events(replay.event_type, replay.object, replay.object_id, replay.filter, false) end))
        into _to, _sent, _open, _old, _letters, _ends
        using replay.after, replay."from", replay."to", replay.event_type, replay.object, replay.object_id, replay.filter, replay.batch,
            _slots, _ids, _of, replay.made_later is true, _now, replay.dry_run is true, _words;
    if _letters is not null then
        perform outbox.end_deliveries(_letters, 'skipped', _ends);
    end if;
    if replay.dry_run is not true and _to is not null then
        perform outbox.ring();
    end if;
    if _next is not null then
        raise notice 'there may be more events: go on with after => %', _next;
    end if;
    return query
    select c.subscription, s.subscriber, coalesce(c.sent, 0), coalesce(c.open, 0), coalesce(c.old, 0), _next
    from (
            select u.* from unnest(_to, _sent, _open, _old) as u (subscription, sent, open, old)
            union all
            select null, 0, 0, 0 where _to is null and _next is not null
        ) c
        left join outbox.subscription s on s.id = c.subscription
    order by c.subscription;
end
$$;
