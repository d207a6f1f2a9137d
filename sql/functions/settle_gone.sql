create or replace function outbox.settle_gone(subscriptions bigint[], ages_ms double precision[], outcomes text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- The part of outbox.settle() that ends subscriptions whose subscriber says so (410, or what its gone_codes say). Not one that
-- was changed since that attempt began: it may point elsewhere now; nor one that somebody has locked, for recording outcomes
-- waits for nobody; nor does an error, as a trigger of somebody else may raise it, keep outcomes from being recorded. Their
-- deliveries are tried again in five seconds, and then it is said once more.
-- Arguments: as there.
-- Locks: the subscriptions, in the order of their ids, FOR UPDATE SKIP LOCKED.
-- Touches: delete outbox.subscription, which leaves a tombstone (outbox.keep_tombstone).
declare
    _before text := coalesce(current_setting('outbox.reason', true), '');
    _one    bigint;
begin
    for _one in
        select s.id
        from outbox.subscription s
        where s.id = any (settle_gone.subscriptions) and s.status <> 'gone' and exists (
            select from unnest(settle_gone.subscriptions, settle_gone.ages_ms, settle_gone.outcomes) as r (subscription, age_ms, outcome)
            where r.subscription = s.id and r.outcome = 'gone'
                and s.updated_at < clock_timestamp() - make_interval(secs => r.age_ms / 1000))
        order by s.id
        for update skip locked
    loop
        begin
            perform set_config('outbox.reason', 'the subscriber has ended it', true);
            delete from outbox.subscription s where s.id = _one;
            perform set_config('outbox.reason', _before, true);
        exception when others then
            raise warning 'subscription % stays, though its subscriber has ended it: %', _one, sqlerrm;
        end;
    end loop;
end
$$;
