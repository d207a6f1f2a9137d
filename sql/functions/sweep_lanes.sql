create or replace function outbox.sweep_lanes() returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Mends lanes that nothing would wake: whose first delivery is parked though nothing blocks them, or that are blocked by a dead letter
-- that is not there. No statement leaves one behind; a DELETE or TRUNCATE that fires no triggers does. Two probes of the index per
-- lane that holds something.
-- Returns: how many lanes are to be looked at by the next claim.
-- Touches: update outbox.lane; insert outbox.lane_wake; select outbox.delivery, outbox.dead_letter.
declare
    _count integer;
begin
    update outbox.lane l set blocked_by = null, blocked_since = null
    where l.blocked_by is not null and not exists (select from outbox.dead_letter d where d.delivery = l.blocked_by);
    insert into outbox.lane_wake (subscription, lane)
    with recursive held (subscription, lane, due_at) as (
        (select d.subscription, d.lane, d.due_at from outbox.delivery d
         where d.lane is not null order by d.subscription, d.lane, d.event_id, d.id limit 1)
        union all
        select n.subscription, n.lane, n.due_at
        from held h cross join lateral (
            select d.subscription, d.lane, d.due_at from outbox.delivery d
            where d.lane is not null and (d.subscription, d.lane) > (h.subscription, h.lane)
            order by d.subscription, d.lane, d.event_id, d.id limit 1
        ) n
    )
    select h.subscription, h.lane from held h
    where h.due_at = 'infinity'
        and not exists (
            select from outbox.lane b where b.subscription = h.subscription and b.lane = h.lane and b.blocked_by is not null)
        and not exists (select from outbox.lane_wake w where w.subscription = h.subscription and w.lane = h.lane);
    get diagnostics _count = row_count;
    return _count;
end
$$;
