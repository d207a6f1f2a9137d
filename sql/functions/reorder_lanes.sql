create or replace function outbox.reorder_lanes() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Trigger on outbox.subscription, after UPDATE of ordering or on_exhausted. Another order: what was parked is due, nothing has a lane
-- any more, and none is blocked; outbox.admit() makes new ones of what is open. What waits to be tried again is due, too, so that it has
-- its place before others of its object. It takes as long as there is open.
-- skip: blocked lanes go on; park: what they hold is put aside.
-- Locks: that of outbox.admit(), so that no claim parks anything meanwhile.
-- Touches: update outbox.delivery, outbox.dead_letter, outbox.lane; delete outbox.lane, outbox.lane_wake, outbox.barrier; insert outbox.lane_wake.
declare
    _now timestamptz;
begin
    perform pg_advisory_xact_lock('outbox.lane'::regclass::oid::integer, (new.id % 2147483647)::integer);
    if new.ordering <> old.ordering then
        _now := clock_timestamp();
        update outbox.delivery d
        set lane = null, due_at = case when d.due_at = 'infinity' or d.leased_by is null and d.attempt > 0 then _now else d.due_at end
        where d.subscription = new.id and (d.lane is not null or d.leased_by is null and d.attempt > 0 and d.due_at > _now);
        update outbox.dead_letter l set lane = null where l.subscription = new.id and l.lane is not null;
        delete from outbox.lane l where l.subscription = new.id;
        delete from outbox.lane_wake w where w.subscription = new.id;
        delete from outbox.barrier b where b.subscription = new.id;
        return null;
    end if;
    if new.on_exhausted = 'block' then
        return null;
    end if;
    insert into outbox.lane_wake (subscription, lane)
    select l.subscription, l.lane from outbox.lane l where l.subscription = new.id and l.blocked_by is not null;
    if new.on_exhausted = 'skip' then
        update outbox.lane l set blocked_by = null, blocked_since = null
        where l.subscription = new.id and l.blocked_by is not null;
    end if;
    return null;
end
$$;
