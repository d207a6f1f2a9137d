create or replace function outbox.deliver(slot smallint, events bigint[]) returns integer
language plpgsql
as $$
-- Makes the deliveries of events that the caller's transaction has written, for every subscription that wants them. The caller
-- reads the doorbell afterwards and rings.
-- Arguments: slot and events, as in outbox.event. No event twice: what was made by an earlier call is not looked for.
-- Returns: how many rows were written that a relay has to see: deliveries, and events left to relays (outbox.fan_out).
-- Touches: see outbox.deliver_matching().
begin
    return outbox.deliver_matching(deliver.slot, deliver.events, true);
end
$$;
