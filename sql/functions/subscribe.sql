create or replace function outbox.subscribe(
    subscriber text, pattern text, url text,
    identity text default null, headers jsonb default null, concurrency integer default null, deadline interval default null,
    max_attempts integer default null, backoff_base interval default null, backoff_cap interval default null,
    secret text default null
) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Registers who wants which events, where. From the next commit on, every matching event is delivered there. The same
-- subscriber, pattern and url again is the same subscription: it takes the arguments given and keeps the others.
-- Arguments:
--   subscriber    who receives; made known if it is new
--   pattern       an event type (Order.Update), Order.*, or *
--   url           https://…
--   identity      the name of the client certificate and CA that the relay uses; default: the relay's `default`
--   headers       extra request headers, {"X-Team": "billing"}
--   concurrency   POSTs at a time from one relay (16)
--   deadline      for one POST, from connect to the end of the answer (20 s)
--   max_attempts  before the delivery is dead (30)
--   backoff_base, backoff_cap  the n-th pause is drawn from 0 to least(cap, base * 2^(n-1)) (5 s, 6 h)
--   secret        whsec_… if the subscriber already holds one; default: a new one, see outbox.signing_secret()
-- Returns: the subscription's id.
-- Raises: OX001, OX005 pattern; OX006 url; OX007 headers; OX009 secret; 23514 naming the limit a number breaks.
-- Touches: insert or update outbox.subscription, and through its triggers outbox.subscriber and outbox.signing_key.
#variable_conflict use_column
declare
    _id bigint;
begin
    -- Two callers at once with the same arguments: the second updates what the first has inserted.
    for _try in 1..3 loop
        update outbox.subscription s
        set identity = coalesce(subscribe.identity, s.identity),
            headers = coalesce(subscribe.headers, s.headers),
            concurrency = coalesce(subscribe.concurrency, s.concurrency),
            deadline = coalesce(subscribe.deadline, s.deadline),
            max_attempts = coalesce(subscribe.max_attempts, s.max_attempts),
            backoff_base = coalesce(subscribe.backoff_base, s.backoff_base),
            backoff_cap = coalesce(subscribe.backoff_cap, s.backoff_cap)
        where s.subscriber = subscribe.subscriber and s.pattern = subscribe.pattern and s.url = subscribe.url and s.status <> 'gone'
        returning s.id into _id;
        exit when found;
        insert into outbox.subscription as s
            (subscriber, pattern, url, identity, headers, concurrency, deadline, max_attempts, backoff_base, backoff_cap)
        values (
            subscribe.subscriber, subscribe.pattern, subscribe.url, subscribe.identity,
            coalesce(subscribe.headers, '{}'), coalesce(subscribe.concurrency, 16), coalesce(subscribe.deadline, '20 s'),
            coalesce(subscribe.max_attempts, 30), coalesce(subscribe.backoff_base, '5 s'),
            greatest(coalesce(subscribe.backoff_cap, '6 h'), case when subscribe.backoff_cap is null then subscribe.backoff_base end))
        on conflict do nothing
        returning s.id into _id;
        exit when found;
    end loop;
    if subscribe.secret is not null then
        perform outbox.set_signing_secret(_id, subscribe.secret);
    end if;
    return _id;
end
$$;
