create or replace function outbox.note_ended() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Trigger on outbox.delivery, after DELETE: a lane in which something has ended may have another that is first. Whoever ended it: a
-- relay, a newer event that took its place, a DBA. A row more and none changed, so that it can make nobody wait or fail.
-- Touches: insert outbox.lane_wake; select outbox.subscription.
begin
    insert into outbox.lane_wake (subscription, lane)
    select e.subscription, e.lane
    from (select distinct g.subscription, g.lane from gone g where g.lane is not null and g.lane <> -g.id) e
    where exists (select from outbox.subscription s where s.id = e.subscription and s.status <> 'gone');
    return null;
end
$$;
