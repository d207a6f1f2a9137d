create or replace function outbox.deliver_special(slot smallint, events bigint[]) returns integer
language plpgsql
as $$
-- As outbox.deliver(), for subscriptions with a filter, an object's id or an excluded source only: generated code has written the
-- deliveries of the others. Events that it has left to relays altogether (outbox.fan_out) are passed over.
-- Arguments: slot and events, as in outbox.event.
-- Returns: how many rows were written that a relay has to see.
-- Touches: see outbox.deliver_matching().
begin
    return outbox.deliver_matching(deliver_special.slot, deliver_special.events, false);
end
$$;
