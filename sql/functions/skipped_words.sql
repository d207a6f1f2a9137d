create or replace function outbox.skipped_words(subscription bigint, status text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Why a delivery was skipped, where while_off = 'skip': for outbox.attempt.
    -- Arguments: subscription; status, which it had when it was off.
    -- Returns: a sentence, with the reason of the last change to that status.
    -- Touches: select outbox.subscription_change.
    select concat_ws(': ', 'the subscription was ' || skipped_words.status, (
        select c.reason from outbox.subscription_change c
        where c.subscription = skipped_words.subscription and c.to_status = skipped_words.status
        order by c.id desc limit 1))
$$;
