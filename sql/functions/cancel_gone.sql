create or replace function outbox.cancel_gone(batch integer default 1000) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Cancels open deliveries of subscriptions that are gone, each with its reason in outbox.attempt; those whose time is over go
-- before (outbox.end_subscriptions). Of those gone for as long as
-- history reaches it deletes the dead letters, which nobody can retry, and then the tombstones that nothing needs any more: none
-- open, none dead, and no transaction left that may have seen the subscription alive and could add a delivery yet. That is a
-- transaction that had its xid when the subscription went, and also one that had only a snapshot: under REPEATABLE READ it may
-- begin to write days later.
-- The relay that keeps house calls it. A delivery that is being sent is left alone until its lease ends.
-- Arguments: batch, how many deliveries to cancel at most, and dead letters to delete.
-- Returns: how many were cancelled; call again when it equals batch.
-- Locks: the deliveries, FOR UPDATE SKIP LOCKED.
-- Touches: delete outbox.delivery, outbox.dead_letter, outbox.subscription, outbox.subscription_health,
--   outbox.subscription_change; insert outbox.attempt.
declare
    _now   timestamptz := clock_timestamp();
    _count integer;
begin
    perform outbox.end_subscriptions();
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
        coalesce((select s.gone_reason from outbox.subscription s where s.id = c.subscription), 'the subscription was removed')
    from cancelled c;
    get diagnostics _count = row_count;
    if _count > 0 or not exists (
        select from outbox.subscription s where s.status = 'gone' and s.updated_at < _now - interval '8 days'
    ) then
        return _count;
    end if;
    delete from outbox.dead_letter l
    where l.delivery = any (array(
        select p.delivery
        from outbox.subscription s
            cross join lateral (
                select i.delivery from outbox.dead_letter i where i.subscription = s.id
                order by i.died_at limit cancel_gone.batch
            ) p
        where s.status = 'gone' and s.updated_at < _now - interval '8 days'
        limit cancel_gone.batch));
    with purged as (
        delete from outbox.subscription s
        where s.status = 'gone' and s.updated_at < _now - interval '8 days'
            and s.updated_xid < pg_snapshot_xmin(pg_current_snapshot())
            and s.updated_xid < all (
                -- 32 bits, counted back from now.
                select (greatest(pg_snapshot_xmax(pg_current_snapshot())::text::bigint - age(a.backend_xmin), 0))::text::xid8
                from pg_stat_activity a
                where a.datname = current_database() and a.backend_xmin is not null and a.pid <> pg_backend_pid())
            and not exists (select from outbox.delivery d where d.subscription = s.id)
            and not exists (select from outbox.dead_letter l where l.subscription = s.id)
        returning s.id
    ), forgotten as (
        delete from outbox.subscription_change c using purged where c.subscription = purged.id
    )
    delete from outbox.subscription_health h using purged where h.subscription = purged.id;
    return _count;
end
$$;
