create or replace function outbox.keep_subscriptions(batch integer default 1000) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- What is left to do for subscriptions that are not as they should be: open deliveries of those that are paused or disabled and have
-- while_off = 'skip' are skipped, with the reason in outbox.attempt; one that works again and whose row was being edited when that
-- was recorded is active again. The relay that keeps house calls it.
-- Arguments: batch, how many deliveries to skip at most.
-- Returns: how many were skipped; call again when it equals batch.
-- Locks: see outbox.skip_held() and outbox.judge_subscriptions(); nobody is waited for.
-- Touches: select outbox.subscription, outbox.subscription_health, outbox.delivery; see those two.
declare
    _well  bigint[];
    _one   record;
    _count integer := 0;
begin
    _well := array(
        select s.id from outbox.subscription s join outbox.subscription_health h on h.subscription = s.id
        where s.status = 'failing' and h.consecutive_failures = 0 and h.last_success_at is not null);
    if _well <> '{}' then
        perform outbox.judge_subscriptions(_well);
    end if;
    for _one in
        select s.id, s.status from outbox.subscription s
        where s.status in ('paused', 'disabled') and s.while_off = 'skip'
            and exists (
                select from outbox.delivery d
                where d.subscription = s.id and (d.leased_by is null or d.due_at <= clock_timestamp()))
        order by s.id
    loop
        _count := _count + outbox.skip_held(_one.id, outbox.skipped_words(_one.id, _one.status), keep_subscriptions.batch - _count);
        exit when _count >= keep_subscriptions.batch;
    end loop;
    return _count;
end
$$;
