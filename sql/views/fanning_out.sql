-- Events whose deliveries are not all made yet: their writers have left that to relays, because very many subscriptions want them
-- (outbox.fan_out_max()). done and of: how many subscriptions have been looked at, and all there are. What stays here for long
-- has no relay.
create or replace view outbox.fanning_out as
select f.event_id, e.type as event_type, e.object, e.object_id, f.created_at, clock_timestamp() - f.created_at as age,
    (select count(*) from outbox.subscription s where s.id <= f.walked_to and s.status <> 'gone') as done,
    (select count(*) from outbox.subscription s where s.status <> 'gone') as of
from outbox.fan_out f
    left join outbox.event e on e.slot = any (array[f.event_slot, (f.event_slot + 8)::smallint]) and e.id = f.event_id
order by f.event_id;
