create or replace function outbox.ring() returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Wakes sleeping relays when the caller's transaction commits: NOTIFY on channel outbox, with nothing in it. Rings of one
-- transaction are one.
--
-- The rule for writers: insert the deliveries first, so that the transaction has its id; then read outbox.doorbell, and ring
-- when it is 1. NOTIFY makes commits queue for a lock of the whole cluster, so whoever can tell that no relay sleeps does
-- not ring. Why no delivery is overlooked that way is told in src/relay/doorbell.rs, beside the relay's half of it.
-- Whatever makes rows claimable otherwise (outbox.retry(), an edit of a subscription) rings without looking.
--
-- Arguments: none.
-- Returns: whether it rings; false where outbox.doorbell_silence() says why not. Relays look every few seconds anyway.
-- Touches: nothing.
begin
    if outbox.doorbell_silence() is not null then
        return false;
    end if;
    perform pg_notify('outbox', '');
    return true;
end
$$;
