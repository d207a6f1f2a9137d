create or replace function outbox.admit(moment timestamptz, batch integer default 500) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
-- Ordered subscriptions: puts deliveries that are new into their lanes and lets the next ones rise, so that outbox.heads() finds
-- what may be sent and nothing else. Each delivery is admitted once and rises once, however many lie before or behind it.
--
-- One claim at a time does it per subscription, and keeps the lock until it commits. Whoever ends a delivery needs no lock: the end
-- and the row in outbox.lane_wake that tells of it become visible together (outbox.note_ended). A claim that did not see the end has
-- parked the newcomer behind what was ending; the next one sees the wake, looks for the lowest of the lane, and finds it.
-- outbox.next_due() has a relay look again when something was left here.
--
-- With a lane of all events, or a barrier, nothing of the subscription is handed out before all that can be seen has its place.
-- Otherwise the oldest due ones are enough: of one object they became due in the order of their events.
-- Arguments: moment, from when on what rises is due; batch, deliveries in one step. There is a step at least, and more for 0.2 s.
-- Returns: the subscriptions of which nothing may be handed out now.
-- Raises: OX020 when something is due and this database is a copy of another.
-- Locks: an advisory lock of the transaction per subscription, in the order of their ids, each only if nobody has it.
-- Touches: select outbox.subscription, outbox.delivery; see outbox.pass_barrier(), outbox.admit_batch(), outbox.wake_lanes().
declare
    _left_out     bigint[] := '{}';
    _drawn        bigint;
    _candidate    bigint;
    _subscription record;
    _strictly     boolean;
    _looked       integer;
    _admitted     integer;
begin
    if not exists (select from outbox.subscription s where s.ordering <> 'none') then
        return _left_out;
    end if;
    -- Before this transaction has a number: see outbox.pass_barrier().
    if pg_current_xact_id_if_assigned() is null then
        _drawn := (select e.last_value from outbox.event_id e);
    end if;
    for _candidate in
        -- Of each two neighbours in one list, what lies between in the other is leapt over: as many probes as the shorter has rows.
        with recursive leap (id) as (
            (select s.id from outbox.subscription s
             where s.ordering <> 'none' and s.id >= (select d.subscription from outbox.delivery d order by d.subscription limit 1)
             order by s.id limit 1)
            union all
            select (
                select s.id from outbox.subscription s
                where s.ordering <> 'none' and s.id >= (
                    select d.subscription from outbox.delivery d where d.subscription > l.id order by d.subscription limit 1)
                order by s.id limit 1)
            from leap l where l.id is not null
        )
        select l.id from leap l
        where l.id is not null
            and (select true from outbox.delivery d where d.subscription = l.id limit 1)
    loop
        if not pg_try_advisory_xact_lock('outbox.lane'::regclass::oid::integer, (_candidate % 2147483647)::integer) then
            _left_out := _left_out || _candidate;
            continue;
        end if;
        -- Under the lock, in a statement of its own: what others did under it is seen.
        select s.id, s.ordering, s.barrier, s.on_exhausted into _subscription
        from outbox.subscription s
        where s.id = _candidate and s.ordering <> 'none' and s.status in ('active', 'failing');
        continue when not found or coalesce(
            (select true from outbox.delivery d where d.subscription = _candidate and d.due_at <= admit.moment order by d.due_at limit 1),
            (select true from outbox.lane_wake w where w.subscription = _candidate limit 1)) is null;
        perform outbox.require_home();
        if _subscription.barrier then
            perform outbox.pass_barrier(_candidate, _drawn, admit.moment);
        end if;
        _strictly := _subscription.barrier or _subscription.ordering = 'strict';
        loop
            select b.looked, b.admitted into _looked, _admitted
            from outbox.admit_batch(_candidate, _subscription.ordering = 'strict', _strictly, admit.moment, admit.batch) b;
            exit when _looked < admit.batch or _admitted = 0;
            if clock_timestamp() > admit.moment + interval '0.2 s' then
                _left_out := _left_out || case when _strictly then array[_candidate] else '{}' end;
                exit;
            end if;
        end loop;
        loop
            exit when not outbox.wake_lanes(_candidate, _subscription.on_exhausted = 'park', admit.moment, admit.batch)
                or clock_timestamp() > admit.moment + interval '0.2 s';
        end loop;
    end loop;
    return _left_out;
end
$$;
