create or replace function outbox.settle_gone(subscriptions bigint[], ages_ms double precision[], outcomes text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- The part of outbox.settle() that ends subscriptions whose subscriber says so (410, or what its gone_codes say). Not one that
-- was changed since that attempt began: it may point elsewhere now; nor one that somebody has locked, for recording outcomes
-- waits for nobody. Their deliveries are tried again in five seconds, and then it is said once more.
-- Arguments: as there.
-- Locks: the subscriptions, FOR UPDATE SKIP LOCKED.
-- Touches: delete outbox.subscription, which leaves a tombstone (outbox.keep_tombstone).
declare
    _before text := coalesce(current_setting('outbox.reason', true), '');
begin
    perform set_config('outbox.reason', 'the subscriber has ended it', true);
    delete from outbox.subscription s
    where s.id = any (array(
        select l.id
        from unnest(settle_gone.subscriptions, settle_gone.ages_ms, settle_gone.outcomes) as r (subscription, age_ms, outcome)
            cross join lateral (
                select i.id from outbox.subscription i
                where i.id = r.subscription and i.status <> 'gone'
                    and i.updated_at < clock_timestamp() - make_interval(secs => r.age_ms / 1000)
                for update skip locked
            ) l
        where r.outcome = 'gone'));
    perform set_config('outbox.reason', _before, true);
end
$$;
