create or replace function outbox.deliver_type(slot smallint, type text, events bigint[], due_at timestamptz) returns integer
language plpgsql
as $$
-- Makes the deliveries of events of one type for subscriptions that want everything of their pattern. Events that more of them want
-- than a commit should wait for are left to the relays, in outbox.fan_out. Part of outbox.seal() and outbox.merge_events(), with their rights
-- and settings. The events are not read again: the plan of any query of outbox.event costs as much as all the rest.
-- Arguments: slot, events, of the caller's transaction; type, which all of them have; due_at.
-- Returns: how many deliveries and fan-outs were written.
-- Touches: insert outbox.delivery, outbox.fan_out; select outbox.subscription.
declare
    _to   bigint[];
    _made integer;
begin
    _to := array(
        select s.id from outbox.subscription s
        where s.pattern = any (outbox.patterns(deliver_type.type)) and not s.special and s.status <> 'gone'
        limit outbox.fan_out_max() + 1);
    if cardinality(_to) > outbox.fan_out_max() then
        insert into outbox.fan_out (event_slot, event_id)
        select deliver_type.slot, e.id from unnest(deliver_type.events) as e (id)
        on conflict do nothing;
    else
        insert into outbox.delivery (subscription, event_slot, event_id, due_at)
        select unnest(_to), deliver_type.slot, e.id, deliver_type.due_at from unnest(deliver_type.events) as e (id);
    end if;
    get diagnostics _made = row_count;
    return _made;
end
$$;
