create or replace function outbox.reopen(deliveries bigint[], reason text) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- The work of outbox.retry(): dead letters become open again with a full number of attempts ahead of them, open ones that wait become
-- due. Numbers of attempts go on, age begins anew, and the ledger says who has done it.
-- Arguments: deliveries; reason, or null.
-- Returns: those that are due now. Others are being sent at this moment, which is the retry, or have ended, or their subscription is gone.
-- Raises: OX032 a reason that is too long.
-- Locks: dead letters and deliveries, in the order of their ids.
-- Touches: delete outbox.dead_letter; insert or update outbox.delivery; insert outbox.attempt; select outbox.event, outbox.object,
--   outbox.subscription.
declare
    _words  text := outbox.by_hand('sent again', reopen.reason, false);
    _now    timestamptz;
    _opened bigint[];
    _due    bigint[];
    _others bigint[];
begin
    perform from outbox.dead_letter l where l.delivery = any (reopen.deliveries) order by l.delivery for update;
    _now := clock_timestamp();
    with dead as (
        delete from outbox.dead_letter l where l.delivery = any (reopen.deliveries)
            and exists (select from outbox.subscription s where s.id = l.subscription and s.status <> 'gone')
        returning l.*
    ), opened as (
        insert into outbox.delivery as d (id, subscription, event_slot, event_id, due_at, attempt, retry_base, object_key, since)
        overriding system value
        select dead.delivery, dead.subscription, dead.event_slot, dead.event_id, _now, dead.attempt, dead.attempt, (
                select outbox.object_key(e.object, e.object_id)
                from outbox.event e join outbox.object o on o.name = e.object and o.mode = 'latest'
                where e.slot = any (array[dead.event_slot, (dead.event_slot + 8)::smallint]) and e.id = dead.event_id),
            _now
        from dead
        returning d.id
    )
    select coalesce(array_agg(o.id), '{}') into _opened from opened o;
    -- In statements of their own: another session may have opened one while this waited for its dead letter.
    _others := array(select o.id from unnest(reopen.deliveries) as o (id) except select o.id from unnest(_opened) as o (id));
    perform from outbox.delivery d where d.id = any (_others) order by d.id for update;
    _now := clock_timestamp();
    with due as (
        update outbox.delivery d set due_at = _now, since = _now
        where d.id = any (_others) and (d.leased_by is null or d.due_at <= _now)
            and exists (select from outbox.subscription s where s.id = d.subscription and s.status <> 'gone')
        returning d.id
    )
    select _opened || coalesce(array_agg(d.id), '{}') into _due from due d;
    insert into outbox.attempt (slot, delivery, attempt, subscription, event_slot, event_id, started_at, error)
    select outbox.slot(_now), d.id, 0, d.subscription, d.event_slot, d.event_id, _now, _words
    from outbox.delivery d where d.id = any (_due);
    return _due;
end
$$;
