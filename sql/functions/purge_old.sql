create or replace function outbox.purge_old(
    moment timestamptz default clock_timestamp(), batch integer default 5000, out letters bigint, out events bigint, out attempts bigint,
    out keys bigint
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Deletes dead letters and changes of subscriptions older than dead_letter_retention, and of the kept leaf what has had its time
-- and nobody needs any more: an event without open delivery, dead letter or fan-out that no attempt in the ring names, and an
-- attempt of a delivery that has ended whose event is gone. So what became of a kept delivery can be read for as long as of any
-- other. And keys of outbox.emit() that hold nobody any more, and signing secrets that have ended. While somebody replays events (outbox.replay) nothing goes.
-- Arguments: moment, when it is; batch, how many of each to delete at most.
-- Returns: how many of each were deleted; call again until all are 0.
-- Locks: the advisory lock of outbox.turn_ring(), if it is free.
-- Touches: delete outbox.dead_letter, outbox.subscription_change, outbox.signing_key, outbox.event_kept, outbox.attempt_kept,
--   outbox.dedupe; select outbox.delivery, outbox.fan_out, outbox.attempt, outbox.event.
declare
    _setting outbox.setting;
begin
    letters := 0;
    events := 0;
    attempts := 0;
    keys := 0;
    if not pg_try_advisory_xact_lock('outbox.turn'::regclass::oid::integer, 0) then
        return;
    end if;
    select s.* into _setting from outbox.setting s;
    delete from outbox.signing_key k where k.retires_at < purge_old.moment;
    -- Two probes of the index per subscription that has dead letters.
    with recursive dead (subscription) as (
        (select l.subscription from outbox.dead_letter l order by l.subscription limit 1)
        union all
        select (select l.subscription from outbox.dead_letter l where l.subscription > d.subscription order by l.subscription limit 1)
        from dead d where d.subscription is not null
    ), picked as materialized (
        select p.delivery
        from dead d cross join lateral (
            select l.delivery from outbox.dead_letter l
            where l.subscription = d.subscription and l.died_at < purge_old.moment - _setting.dead_letter_retention
            order by l.died_at limit purge_old.batch
            for update skip locked
        ) p
        limit purge_old.batch
    )
    delete from outbox.dead_letter l where l.delivery = any (array(select p.delivery from picked p));
    get diagnostics letters = row_count;
    -- Changes of subscriptions go as late as what they may have buried; the last one of each stays, as the reason of what it is.
    delete from outbox.subscription_change c
    where c.changed_at < purge_old.moment - _setting.dead_letter_retention
        and exists (select from outbox.subscription_change n where n.subscription = c.subscription and n.id > c.id);
    -- The sub-selects with a LIMIT are probes of an index per row: as joins they could become scans of the whole ring.
    with idle as materialized (
        select k.slot, k.id from outbox.event_kept k
        where k.occurred_at < purge_old.moment - _setting.retention
            and not exists (select from outbox.delivery d where d.event_id = k.id)
            and not exists (select from outbox.dead_letter l where l.event_id = k.id)
            and not exists (select from outbox.fan_out f where f.event_id = k.id)
    ), picked as materialized (
        select i.slot, i.id from idle i
        where (select true from outbox.attempt a where a.event_id = i.id and a.slot in (0, 1, 2, 3, 4, 5, 6, 7) limit 1) is null
        limit purge_old.batch
    )
    delete from outbox.event_kept k using picked p where k.slot = p.slot and k.id = p.id;
    get diagnostics events = row_count;
    with idle as materialized (
        select k.slot, k.id, k.event_slot, k.event_id from outbox.attempt_kept k
        where k.started_at < purge_old.moment - _setting.retention
            and not exists (select from outbox.delivery d where d.id = k.delivery)
            and not exists (select from outbox.dead_letter l where l.delivery = k.delivery)
    ), picked as materialized (
        select i.slot, i.id from idle i
        where (select true from outbox.event e where e.slot = any (array[i.event_slot, (i.event_slot + 8)::smallint]) and e.id = i.event_id limit 1) is null
        limit purge_old.batch
    )
    delete from outbox.attempt_kept k using picked p where k.slot = p.slot and k.id = p.id;
    get diagnostics attempts = row_count;
    delete from outbox.dedupe k
    where (k.type, k.key) in (
        select d.type, d.key from outbox.dedupe d where d.held_until <= purge_old.moment order by d.held_until limit purge_old.batch
        for update skip locked);
    get diagnostics keys = row_count;
end
$$;
