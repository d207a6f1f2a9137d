create or replace function outbox.subscribe(
    subscriber text, pattern text, url text, identity text = null, headers jsonb = null, concurrency integer = null,
    deadline interval = null, max_attempts integer = null, backoff_base interval = null, backoff_cap interval = null,
    secret text = null, object_id text = null, filter jsonb = null, filter_path text = null, exclude_source text = null,
    envelope text = null, schedule text = null, immediate_retries integer = null, delays interval[] = null,
    max_age interval = null, ttl interval = null, success_codes integer[] = null, permanent_codes integer[] = null,
    gone_codes integer[] = null, severity_thresholds interval[] = null, disable_after_failures integer = null,
    disable_after interval = null, breaker_after integer = null, while_off text = null, ordering text = null, barrier boolean = null,
    on_exhausted text = null, rate double precision = null, connect_deadline interval = null, http2 boolean = null, format text = null,
    batch_max integer = null, batch_bytes integer = null, auth jsonb = null, expires_at timestamptz = null, max_deliveries integer = null
) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Registers who wants which events, where. From the next commit on, every matching event is delivered there. The same
-- subscriber, pattern, url, object_id, filter and filter_path again is the same subscription: it takes the arguments given and
-- keeps the others. Every argument is a column of outbox.subscription, but secret and schedule; to take one back, or set it to
-- NULL, update that.
-- Arguments:
--   subscriber    who receives; made known if it is new
--   pattern       an event type (Order.Update), Order.*, or *
--   url           https://…
--   identity      the name of the client certificate and CA that the relay uses; default: the relay's `default`
--   headers       extra request headers, {"X-Team": "billing"}; copied from the event: {"X-Order": {"copy": "$.object_id"}}
--   secret        whsec_… if the subscriber already holds one, whsk_… to sign with ed25519 too, or ref: and the name of a secret
--                 that the relay has; default: a new one, see outbox.signing_secret()
--   auth          how the relay proves who we are, by a secret that it has: {"type": "bearer", "secret": "acme-token"}; also basic,
--                 header, oauth2, see outbox.check_auth()
--  which events
--   object_id     only events of the object with this id
--   filter        only events whose data contain this (@>): {"status": "PAID"}
--   filter_path   only events of whose data this jsonpath predicate is true: $.amount > 100
--   exclude_source  no events of changes made under this outbox.source; that they were left out is on record
--   expires_at, max_deliveries  when it ends by itself
--  in which form
--   format        standard, cloudevents, cloudevents-binary or raw (standard)
--   envelope      schema.function that makes the body of the POST from a row of outbox.event; default: what format says
--   batch_max, batch_bytes  events, and bytes, in one POST (1, 1 MiB); above 1 each body is a JSON array
--   http2         offer HTTP/2 (false)
--  how fast
--   concurrency   POSTs at a time from one relay (16)
--   rate          POSTs per second from all relays
--   connect_deadline  for name, TCP and TLS (5 s)
--   deadline      for one POST, from connect to the end of the answer (20 s)
--  when again
--   schedule      a published schedule by name, see outbox.schedule(); what is given beside it counts more
--   immediate_retries  without a pause (0)
--   delays        the pauses after that, one by one, the last for ever; default:
--   backoff_base, backoff_cap  the n-th pause is drawn from 0 to least(cap, base * 2^(n-1)) (5 s, 6 h)
--   max_attempts  before the delivery is dead (30); max_age: how old it may get before it is
--   ttl           how old it may get before it expires: then it is no use any more
--  what an answer means
--   success_codes, permanent_codes, gone_codes  (2xx; 413, 415: dead at once; 410: the subscription ends)
--  when it keeps failing
--   breaker_after  failures in a row, then only one POST now and then tries (10)
--   disable_after_failures  deliveries in a row that ended dead; disable_after: for so long (5 days)
--   severity_thresholds  lengths of a failure at which its severity changes; at the last the subscription is disabled
--   while_off     what becomes of its events while paused or disabled: hold or skip (hold)
--  in which order
--   ordering      none, object or strict (none); barrier: wait for transactions that began earlier
--   on_exhausted  what becomes of those behind one that was given up: skip, block or park (skip)
-- Returns: the subscription's id.
-- Raises: OX001, OX005 pattern; OX006 url; OX007 headers; OX009 secret; OX015 envelope; OX016 filter, filter_path,
--   exclude_source; OX021 schedule; OX027 auth; OX029 batch_max; 23514 naming the limit a number breaks.
-- Touches: insert or update outbox.subscription, and through its triggers outbox.subscriber and outbox.signing_key.
declare
    _id        bigint;
    _object_id text := outbox.short_id(subscribe.object_id);
    _path      jsonpath;
    _given     jsonb;
    _columns   text;
begin
    begin
        _path := subscribe.filter_path;
    exception when others then
        raise exception 'filter_path is not a jsonpath' using errcode = 'OX016', detail = sqlerrm || '.',
            hint = 'For example $.amount > 100, or $.status like_regex "^(PAID|OPEN)$".';
    end;
    -- Here already, since a JSON null passes for none below.
    if subscribe.headers is not null then
        perform outbox.check_headers(subscribe.headers);
    end if;
    perform outbox.check_filter(subscribe.filter, _path, subscribe.exclude_source);
    -- By column: what the schedule says, and over that what was given. The others keep what they have, or take the table's default.
    select coalesce(jsonb_object_agg(g.key, g.value), '{}'), string_agg(quote_ident(g.key), ', ') into _given, _columns
    from jsonb_each(
        coalesce((select jsonb_strip_nulls(to_jsonb(s) - '{name,description}'::text[]) from outbox.schedule(subscribe.schedule) s
            where subscribe.schedule is not null), '{}')
        -- A base above the default cap is its own cap.
        || case when subscribe.backoff_base > '6 h' then jsonb_build_object('backoff_cap', subscribe.backoff_base) else '{}' end
        || (
            select coalesce(jsonb_object_agg(a.key, a.value), '{}')
            from jsonb_each(
                jsonb_build_object(
                    'identity', subscribe.identity, 'headers', subscribe.headers, 'auth', subscribe.auth,
                    'exclude_source', subscribe.exclude_source, 'expires_at', subscribe.expires_at,
                    'max_deliveries', subscribe.max_deliveries,
                    'format', subscribe.format, 'envelope', subscribe.envelope, 'batch_max', subscribe.batch_max,
                    'batch_bytes', subscribe.batch_bytes, 'http2', subscribe.http2,
                    'concurrency', subscribe.concurrency, 'rate', subscribe.rate,
                    'connect_deadline', subscribe.connect_deadline, 'deadline', subscribe.deadline)
                || jsonb_build_object(
                    'immediate_retries', subscribe.immediate_retries, 'delays', subscribe.delays,
                    'backoff_base', subscribe.backoff_base, 'backoff_cap', subscribe.backoff_cap,
                    'max_attempts', subscribe.max_attempts, 'max_age', subscribe.max_age, 'ttl', subscribe.ttl,
                    'success_codes', subscribe.success_codes, 'permanent_codes', subscribe.permanent_codes,
                    'gone_codes', subscribe.gone_codes,
                    'severity_thresholds', subscribe.severity_thresholds,
                    'disable_after_failures', subscribe.disable_after_failures, 'disable_after', subscribe.disable_after,
                    'breaker_after', subscribe.breaker_after, 'while_off', subscribe.while_off,
                    'ordering', subscribe.ordering, 'barrier', subscribe.barrier, 'on_exhausted', subscribe.on_exhausted)) a
            where a.value <> 'null')) g;
    -- Two callers at once with the same arguments: the second updates what the first has inserted.
    for _try in 1..3 loop
        -- As the unique index has it: there may be 100,000 that differ in the last three only.
        select s.id into _id from outbox.subscription s
        where s.subscriber = subscribe.subscriber and s.pattern = subscribe.pattern and md5(s.url) = md5(subscribe.url)
            and coalesce('=' || s.object_id, '') = coalesce('=' || _object_id, '')
            and md5(coalesce(s.filter::text, '')) = md5(coalesce(subscribe.filter::text, ''))
            and md5(coalesce(s.filter_path::text, '')) = md5(coalesce(_path::text, ''))
            and s.status <> 'gone';
        if found then
            exit when _columns is null;
            execute format(
                $f$ update outbox.subscription s set (%1$s) = (select %1$s from jsonb_populate_record(null::outbox.subscription, $1))
                    where s.id = $2 and s.status <> 'gone' returning s.id $f$, _columns)
                into _id using _given, _id;
        else
            execute format(
                $f$ insert into outbox.subscription as s (subscriber, pattern, url, object_id, filter, filter_path %1$s)
                    select subscriber, pattern, url, object_id, filter, filter_path %1$s
                    from jsonb_populate_record(null::outbox.subscription, $1)
                    on conflict (subscriber, pattern, md5(url), coalesce('=' || object_id, ''), md5(coalesce(filter::text, '')),
                        md5(coalesce(filter_path::text, ''))) where status <> 'gone' do nothing
                    returning s.id $f$, ', ' || _columns)
                into _id
                using _given || jsonb_build_object('subscriber', subscribe.subscriber, 'pattern', subscribe.pattern, 'url', subscribe.url,
                    'object_id', _object_id, 'filter', subscribe.filter, 'filter_path', _path::text);
        end if;
        exit when _id is not null;
    end loop;
    if subscribe.secret is not null then
        perform outbox.set_signing_secret(_id, subscribe.secret);
    end if;
    return _id;
end
$$;
