create or replace function outbox.skip(delivery bigint, reason text) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Ends a delivery that is open or dead and need not be made: it will never work, or its subscriber has it by other means. Who skipped
-- it and why goes into the ledger. For many at once: outbox.repair('skip', …).
-- Arguments: delivery, as in outbox.dead_letter, outbox.delivery and outbox.delivery_history; reason, why.
-- Returns: 'skipped'; 'under way' when a POST of it is being made at this moment: that is left alone, and nothing has changed.
-- Raises: OX008 it is neither open nor a dead letter; OX032 no reason.
-- Locks: the delivery.
-- Touches: see outbox.end_deliveries().
begin
    return outbox.end_delivery(skip.delivery, 'skipped', skip.reason);
end
$$;
