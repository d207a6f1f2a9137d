create or replace function outbox.deliver_plain(slot smallint, events bigint[]) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Makes the deliveries of events for subscriptions that want everything of their pattern. An event that more of them want than a
-- commit should wait for is left to the relays, in outbox.fan_out.
-- Arguments: slot, events, of the caller's transaction.
-- Returns: how many deliveries and fan-outs were written.
-- Touches: insert outbox.delivery, outbox.fan_out; select outbox.event, outbox.subscription.
declare
    _type  text;
    _to    bigint[];
    _count integer;
    _made  integer := 0;
begin
    for _type in
        select distinct e.type from outbox.event e where e.slot = deliver_plain.slot and e.id = any (deliver_plain.events)
    loop
        _to := array(
            select s.id from outbox.subscription s
            where s.pattern = any (outbox.patterns(_type)) and not s.special and s.status <> 'gone'
            limit outbox.fan_out_max() + 1);
        if cardinality(_to) > outbox.fan_out_max() then
            insert into outbox.fan_out (event_slot, event_id)
            select e.slot, e.id from outbox.event e
            where e.slot = deliver_plain.slot and e.id = any (deliver_plain.events) and e.type = _type
            on conflict do nothing;
        else
            insert into outbox.delivery (subscription, event_slot, event_id, due_at)
            select s.id, e.slot, e.id, e.occurred_at
            from outbox.event e cross join unnest(_to) as s (id)
            where e.slot = deliver_plain.slot and e.id = any (deliver_plain.events) and e.type = _type;
        end if;
        get diagnostics _count = row_count;
        _made := _made + _count;
    end loop;
    return _made;
end
$$;
