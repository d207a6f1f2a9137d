create or replace function outbox.explain_open() returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Subscribes to everything, so that outbox.explain() sees events that nobody wants. The transaction, or the savepoint in which
-- this was called, can only be rolled back from here on: outbox.refuse_explained() sees to that, and so whoever may look may call
-- it.
-- Returns: the subscription's id.
-- Touches: insert outbox.subscription, outbox.subscriber, outbox.signing_key, outbox.explaining.
declare
    -- Names of its own, since two who insert the same one wait for each other.
    _name text := 'outbox.explain ' || gen_random_uuid();
    _id   bigint;
begin
    insert into outbox.explaining default values on conflict do nothing;
    insert into outbox.subscription as s (subscriber, pattern, url, status)
    values (_name, '*', 'https://explain.invalid/' || gen_random_uuid(), 'paused') returning s.id into _id;
    return _id;
end
$$;
