create or replace function outbox.subscribe(
    subscriber text, pattern text, url text,
    identity text default null, headers jsonb default null, concurrency integer default null, deadline interval default null,
    max_attempts integer default null, backoff_base interval default null, backoff_cap interval default null,
    secret text default null,
    object_id text default null, filter jsonb default null, filter_path text default null, exclude_source text default null,
    envelope text default null
) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Registers who wants which events, where. From the next commit on, every matching event is delivered there. The same
-- subscriber, pattern, url, object_id, filter and filter_path again is the same subscription: it takes the arguments given and
-- keeps the others.
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
--   object_id     only events of the object with this id
--   filter        only events whose data contain this (@>): {"status": "PAID"}
--   filter_path   only events of whose data this jsonpath predicate is true: $.amount > 100
--   exclude_source  no events of changes made under this outbox.source; that they were left out is on record
--   envelope      schema.function that makes the body of the POST from a row of outbox.event; default: outbox.body()
-- Returns: the subscription's id.
-- Raises: OX001, OX005 pattern; OX006 url; OX007 headers; OX009 secret; OX015 envelope; OX016 filter, filter_path,
--   exclude_source; 23514 naming the limit a number breaks.
-- Touches: insert or update outbox.subscription, and through its triggers outbox.subscriber and outbox.signing_key.
#variable_conflict use_column
declare
    _id        bigint;
    _object_id text := outbox.short_id(subscribe.object_id);
    _path      jsonpath;
begin
    begin
        _path := subscribe.filter_path;
    exception when others then
        raise exception 'filter_path is not a jsonpath' using errcode = 'OX016', detail = sqlerrm || '.',
            hint = 'For example $.amount > 100, or $.status like_regex "^(PAID|OPEN)$".';
    end;
    -- Two callers at once with the same arguments: the second updates what the first has inserted.
    for _try in 1..3 loop
        update outbox.subscription s
        set identity = coalesce(subscribe.identity, s.identity),
            headers = coalesce(subscribe.headers, s.headers),
            concurrency = coalesce(subscribe.concurrency, s.concurrency),
            deadline = coalesce(subscribe.deadline, s.deadline),
            max_attempts = coalesce(subscribe.max_attempts, s.max_attempts),
            backoff_base = coalesce(subscribe.backoff_base, s.backoff_base),
            backoff_cap = coalesce(subscribe.backoff_cap, s.backoff_cap),
            exclude_source = coalesce(subscribe.exclude_source, s.exclude_source),
            envelope = coalesce(subscribe.envelope, s.envelope)
        -- As the unique index has it: there may be 100,000 that differ in the last three only.
        where s.subscriber = subscribe.subscriber and s.pattern = subscribe.pattern and md5(s.url) = md5(subscribe.url)
            and coalesce('=' || s.object_id, '') = coalesce('=' || _object_id, '')
            and md5(coalesce(s.filter::text, '')) = md5(coalesce(subscribe.filter::text, ''))
            and md5(coalesce(s.filter_path::text, '')) = md5(coalesce(_path::text, ''))
            and s.status <> 'gone'
        returning s.id into _id;
        exit when found;
        insert into outbox.subscription as s
            (subscriber, pattern, url, identity, headers, concurrency, deadline, max_attempts, backoff_base, backoff_cap,
                object_id, filter, filter_path, exclude_source, envelope)
        values (
            subscribe.subscriber, subscribe.pattern, subscribe.url, subscribe.identity,
            coalesce(subscribe.headers, '{}'), coalesce(subscribe.concurrency, 16), coalesce(subscribe.deadline, '20 s'),
            coalesce(subscribe.max_attempts, 30), coalesce(subscribe.backoff_base, '5 s'),
            greatest(coalesce(subscribe.backoff_cap, '6 h'),
                case when subscribe.backoff_cap is null then subscribe.backoff_base end),
            _object_id, subscribe.filter, _path, subscribe.exclude_source, subscribe.envelope)
        on conflict (subscriber, pattern, md5(url), coalesce('=' || object_id, ''), md5(coalesce(filter::text, '')),
            md5(coalesce(filter_path::text, ''))) where status <> 'gone' do nothing
        returning s.id into _id;
        exit when found;
    end loop;
    if subscribe.secret is not null then
        perform outbox.set_signing_secret(_id, subscribe.secret);
    end if;
    return _id;
end
$$;
