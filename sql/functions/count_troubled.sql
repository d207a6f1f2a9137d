create or replace function outbox.count_troubled() returns table (status text, subscriptions bigint)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    -- How many subscriptions are not as they should be, for whoever watches relays from outside; relays call it with
    -- outbox.measure(). An index holds those alone, so it costs nothing however many others there are.
    -- Returns: one row each for failing, paused and disabled.
    -- Touches: select outbox.subscription.
    select w.status, (select count(*) from outbox.subscription s where s.status = w.status)
    from unnest('{failing,paused,disabled}'::text[]) as w (status)
$$;
