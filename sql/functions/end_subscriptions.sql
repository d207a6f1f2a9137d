create or replace function outbox.end_subscriptions(batch integer default 1000) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Ends the subscriptions whose time is over: those past expires_at, and those that have had their max_deliveries. As DELETE does:
-- outbox.keep_tombstone() leaves a row that says why, and outbox.cancel_gone(), which calls this, cancels what is open. Nothing is
-- handed out to them from that moment on, whenever this comes round (outbox.claim).
-- Arguments: batch, how many of each kind at most.
-- Returns: how many have ended.
-- Locks: the subscriptions, FOR UPDATE SKIP LOCKED: somebody who edits one does not hold up the others.
-- Touches: delete outbox.subscription.
declare
    _count integer;
begin
    if not exists (select from outbox.subscription s where s.status <> 'gone' and s.expires_at <= clock_timestamp())
        and not exists (select from outbox.allowance a where a.spent)
    then
        return 0;
    end if;
    -- Two probes, since OR would look at all subscriptions.
    delete from outbox.subscription s
    where s.id = any (array(
            select p.id from outbox.subscription p
            where p.status <> 'gone' and p.expires_at <= clock_timestamp()
            limit end_subscriptions.batch
            for update skip locked)
        || array(
            select p.id from outbox.allowance a cross join lateral (
                select i.id from outbox.subscription i where i.id = a.subscription and i.status <> 'gone'
                for update skip locked) p
            where a.spent
            limit end_subscriptions.batch));
    get diagnostics _count = row_count;
    return _count;
end
$$;
