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
-- Relays that listen share an advisory lock. Who can have it alone knows that none does, and clears the flag that a crashed
-- one left: so a stopped relay costs writers nothing. Whoever listens later has the lock before it sets the flag, and waits
-- for the end of all who saw the flag before.
--
-- Arguments: none.
-- Returns: whether it rings; false when no relay listens, and where outbox.doorbell_silence() says why not. Relays look
--   every few seconds anyway.
-- Locks: an advisory lock, 8031453476610925570, tried and given back at once.
-- Touches: setval outbox.doorbell.
begin
    if outbox.doorbell_silence() is not null then
        return false;
    end if;
    begin
        if pg_try_advisory_xact_lock(8031453476610925570) then
            perform setval('outbox.doorbell', 0);
            -- Only the end of a subtransaction that failed gives it back before the end of all.
            raise exception using errcode = 'OX014', message = 'no relay listens';
        end if;
    exception when sqlstate 'OX014' then
        return false;
    end;
    perform pg_notify('outbox', '');
    return true;
end
$$;
