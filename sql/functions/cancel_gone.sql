create or replace function outbox.cancel_gone(batch integer default 1000) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Cancels open deliveries of subscriptions that are gone, each with its reason in outbox.attempt, and deletes tombstones
-- that nothing needs any more: none open, none dead, gone for as long as history reaches, and by a transaction that ended
-- before any that still runs, so that no writer can have seen the subscription alive and add a delivery later.
-- Relays call it about once a second. A delivery that is being sent is left alone until its lease ends.
-- Arguments: batch, how many deliveries to cancel at most.
-- Returns: how many were cancelled; call again when it equals batch.
-- Locks: the deliveries, FOR UPDATE SKIP LOCKED.
-- Touches: delete outbox.delivery, outbox.subscription, outbox.subscription_health; insert outbox.attempt.
declare
    _now   timestamptz := clock_timestamp();
    _count integer;
begin
    if not exists (select from outbox.subscription s where s.status = 'gone') then
        return 0;
    end if;
    with picked as materialized (
        select p.id
        from outbox.subscription s
            cross join lateral (
                select d.id from outbox.delivery d
                where d.subscription = s.id and (d.leased_by is null or d.due_at <= _now)
                order by d.due_at, d.id
                limit cancel_gone.batch
                for update skip locked
            ) p
        where s.status = 'gone'
        limit cancel_gone.batch
    ), cancelled as (
        delete from outbox.delivery d
        where d.id = any (array(select picked.id from picked))
        returning d.*
    )
    insert into outbox.attempt (slot, delivery, attempt, subscription, event_slot, event_id, started_at, outcome, error)
    select outbox.slot(_now), c.id, c.attempt, c.subscription, c.event_slot, c.event_id, _now, 'cancelled',
        'the subscription was removed'
    from cancelled c;
    get diagnostics _count = row_count;
    if _count = 0 then
        with purged as (
            delete from outbox.subscription s
            where s.status = 'gone' and s.updated_at < _now - interval '8 days'
                and s.updated_xid < pg_snapshot_xmin(pg_current_snapshot())
                and not exists (select from outbox.delivery d where d.subscription = s.id)
                and not exists (select from outbox.dead_letter l where l.subscription = s.id)
            returning s.id
        )
        delete from outbox.subscription_health h using purged where h.subscription = purged.id;
    end if;
    return _count;
end
$$;
