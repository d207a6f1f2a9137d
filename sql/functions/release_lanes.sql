create or replace function outbox.release_lanes() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Trigger on outbox.dead_letter, after DELETE: what has been retried, or given up for good, blocks its lane no longer. Retried, it is
-- an open delivery again, parked in its lane, and rises when it is the lowest there.
-- Locks: the lanes, in the order of subscriptions and lanes, as outbox.settle_lanes() does.
-- Touches: update outbox.lane; insert outbox.lane_wake; see outbox.ring().
declare
    _released integer;
begin
    perform from outbox.lane l
    where l.blocked_by in (select g.delivery from gone g where g.lane is not null)
    order by l.subscription, l.lane for update;
    update outbox.lane l set blocked_by = null, blocked_since = null, touched_at = clock_timestamp()
    where l.blocked_by in (select g.delivery from gone g where g.lane is not null);
    insert into outbox.lane_wake (subscription, lane)
    select distinct g.subscription, g.lane from gone g where g.lane is not null;
    get diagnostics _released = row_count;
    if _released > 0 then
        perform outbox.ring();
    end if;
    return null;
end
$$;
