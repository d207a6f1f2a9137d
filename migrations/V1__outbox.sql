-- The state of outboxd: tables, sequences and indexes of schema outbox. Behaviour (functions, views, triggers, grants) is in sql/.
--
-- Three rules shape every table here:
--   * Hot and cold are apart. event and attempt are only ever inserted into; delivery holds open work alone and stays small.
--   * No foreign keys between hot tables: the check's row lock turns one busy subscription into a bottleneck, and
--     FOR UPDATE SKIP LOCKED skips a row while somebody inserts a child of it.
--   * Every table has a primary key: under a FOR ALL TABLES publication a table without one fails the writer's statement.
-- Statuses are text with a CHECK: typed client calls hang on enums when the type is new to the connection.

-- What was installed, and when. `outboxd migrate` compares its last row with what the binary carries.
create table outbox.definition_history (
    id         bigint generated always as identity primary key,
    applied_at timestamptz not null default clock_timestamp(),
    applied_by text        not null default current_user,
    migration  integer     not null,
    digest     text        not null,
    release    text        not null
);

-- Settings of this database, one row.
--   http_allowed           subscriptions may name http URLs
--   doorbell               whether commits may NOTIFY: auto (not where max_prepared_transactions > 0), on, off
--   retention              how long events and attempts are kept at least
--   dead_letter_retention  how long dead letters are kept, and with them their events and attempts
--   home                   the database that delivers (outbox.home()); in a copy it is another one, and relays refuse
--   context_headers        request headers that a transaction may set: X-CorrelationId is read from outbox.header.x_correlationid
--   cloudevents_source     the attribute source of CloudEvents, a URI-reference; null: / and the database's name
create table outbox.setting (
    one_row               boolean primary key default true,
    http_allowed          boolean  not null default false,
    doorbell              text     not null default 'auto',
    retention             interval not null default '6 days',
    dead_letter_retention interval not null default '90 days',
    home                  text,
    context_headers       text[]   not null default '{}',
    cloudevents_source    text,
    constraint there_is_one_row check (one_row),
    constraint doorbell_is_auto_on_or_off check (doorbell in ('auto', 'on', 'off')),
    constraint retention_is_1_hour_to_6_days check (retention between '1 hour' and '6 days'),
    constraint dead_letter_retention_is_1_hour_or_more check (dead_letter_retention >= '1 hour')
);
insert into outbox.setting default values;

-- Whether a relay sleeps, and commits must wake it: 1 armed, 0 not. A sequence, because its value is outside
-- transactions: setval is seen by everybody at once. sql/functions/ring.sql has the rule and the argument.
create sequence outbox.doorbell as smallint minvalue 0 maxvalue 1 start with 0;
select setval('outbox.doorbell', 0);

-- Work that one relay at a time does: whoever holds the lease.
create table outbox.duty (
    name       text primary key,
    relay      text        not null,
    held_until timestamptz not null
);

-- Leaves of the ring that are being emptied, each with how far that is; written by outbox.turn_ring().
--   written_on  the last day on which the leaf was written
--   walked_to   what deliveries up to this id need of the leaf has been moved; null when that is so of all
--   readers     transactions that were under way when all had been moved, and must have ended before the leaf is emptied
--   obstacle    what is in the way
create table outbox.turn (
    leaf       text primary key,
    written_on date        not null,
    walked_to  bigint               default 0,
    readers    text[],
    since      timestamptz not null default clock_timestamp(),
    obstacle   text
);

-- The catalogue of event types. A watch adds those of its object; emit and subscriptions must name one of these.
create table outbox.event_type (
    name        text primary key,
    description text        not null default '',
    created_at  timestamptz not null default clock_timestamp(),
    created_by  text        not null default session_user,
    constraint name_is_dotted_words check (name ~ '^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$' and length(name) <= 200)
);
insert into outbox.event_type (name, description)
values ('outbox.ping', 'A test event that outbox.ping() sends to one subscription'),
    ('outbox.subscription.active', 'A subscription works again: a POST was delivered, or somebody resumed or enabled it'),
    ('outbox.subscription.failing', 'A subscription fails, and goes on being tried'),
    ('outbox.subscription.paused', 'A subscription was paused: nothing is sent until it is resumed'),
    ('outbox.subscription.disabled', 'A subscription failed for too long, or was disabled by hand: nothing is sent until it is enabled'),
    ('outbox.subscription.gone', 'A subscription was removed, or has ended');

-- A logical object as subscribers see it: the rows of one table, or what a builder makes of several.
--   root      the table whose rows are the objects; null while several tables without a builder share the name
--   owner     who may define and watch it further: the owner of the table that was named first
--   mode      each: an event per changed row and statement; transaction: one per object and transaction, with what came of
--             it; latest: that, and it takes the place of older ones that are still waiting
--   data      full: the row, or what the builder gives; diff: old and new of the changed columns; key: the primary key
--   builder   the function or view that makes the data, `builder_kind` how it is called; null: the row is the data
--   gate      a function of the id; the object is published while it gives true
--   on_error  abort: an error of builder or gate fails the writer's transaction; store: the event is kept with the error
create table outbox.object (
    name         text primary key,
    history      boolean     not null default false,
    root         regclass,
    owner        regrole     not null,
    mode         text        not null default 'transaction',
    data         text        not null default 'full',
    builder      text,
    builder_kind text,
    gate         text,
    on_error     text        not null default 'abort',
    created_at   timestamptz not null default clock_timestamp(),
    created_by   text        not null default session_user,
    constraint name_is_one_word check (name ~ '^[A-Za-z0-9_]+$' and length(name) <= 100),
    constraint mode_is_known check (mode in ('each', 'transaction', 'latest')),
    constraint data_is_known check (data in ('full', 'diff', 'key')),
    constraint builder_kind_is_known check (builder_kind in ('one', 'set', 'view')),
    constraint a_builder_has_a_kind_and_a_root check ((builder is null) = (builder_kind is null) and (builder is null or root is not null)),
    constraint on_error_is_known check (on_error in ('abort', 'store'))
);

-- The rule that turns changes of one table into events of one object. Written by outbox.watch() and outbox.unwatch().
--   through            the function that leads from changed rows to the ids of the objects they are part of
--   only_columns       changes of other columns are no event; ignored_columns: changes of these alone are none
--   condition          an expression over old and new that must be true of a change
--   verbs              event types for changes that fulfil a condition of their own: {"Shipment.Approve": "new.status = 'APPROVED'"}
--   condition_columns  the columns that condition and verbs use
create table outbox.watch (
    id                integer generated always as identity primary key,
    relation          regclass    not null,
    object            text        not null references outbox.object,
    key_columns       text[]      not null,
    id_expression     text,
    id_columns        text[]      not null default '{}',
    through           text,
    only_columns      text[],
    ignored_columns   text[],
    condition         text,
    verb_types        text[]      not null default '{}',
    verb_conditions   text[]      not null default '{}',
    condition_columns text[]      not null default '{}',
    row_bytes_max     integer     not null,
    created_at        timestamptz not null default clock_timestamp(),
    created_by        text        not null default session_user,
    constraint one_watch_per_table_and_object unique (relation, object),
    constraint a_row_is_named_by_key_expression_or_function
        check (cardinality(key_columns) > 0 or id_expression is not null or through is not null),
    constraint a_verb_has_a_condition check (cardinality(verb_types) = cardinality(verb_conditions)),
    constraint row_bytes_max_is_1_kib_to_1_mib check (row_bytes_max between 1024 and 1048576)
);

-- Objects with a builder: the lock that lets one writer at a time render an object, and how far it has got.
--   seq        the number of the object's last event: 1, 2, 3 …, without a gap
--   published  whether its gate was open when it was last rendered
create table outbox.object_head (
    object    text    not null,
    object_id text    not null,
    seq       bigint  not null default 1,
    published boolean not null default true,
    primary key (object, object_id)
) with (fillfactor = 70);

-- Objects with a builder that a running transaction has touched, to be rendered when it commits; nothing is left of it then.
--   first_op, last_op  what happened to the object's row in root, if anything: I inserted, D deleted
--   type               the verb of its own that a change has asked for
--   data               the row in root that was deleted
create unlogged table outbox.touched (
    xid         xid8   not null,
    object      text   not null,
    object_id   text   not null,
    first_op    "char",
    last_op     "char",
    type        text,
    data        jsonb,
    source      text,
    trace_id    text,
    traceparent text,
    headers     jsonb,
    primary key (xid, object, object_id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- Rows of member tables that lead to objects through a function, which is asked again when the transaction commits: an object may
-- have been linked to them meanwhile, by somebody who could not see the change.
create unlogged table outbox.changed (
    xid         xid8     not null,
    n           bigint generated always as identity,
    watch       integer  not null,
    rows        text     not null,
    source      text,
    trace_id    text,
    traceparent text,
    headers     jsonb,
    primary key (xid, n)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- What a builder made of an object: data, or the error it raised.
create type outbox.rendered as (object_id text, data jsonb, error text);

-- Events whose special subscriptions are found when the transaction commits: until then their data may still change.
--   unmerged  under SERIALIZABLE: it becomes one with earlier events of its transaction at the commit too, and has no deliveries yet
--   old, new  the row before and after, where a trigger of the user's has changed it: by them outbox.merge_events() finds the order
create unlogged table outbox.awaiting (
    xid        xid8     not null,
    event_slot smallint not null,
    event_id   bigint   not null,
    unmerged   boolean  not null default false,
    old        jsonb,
    new        jsonb,
    primary key (xid, event_id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- Running transactions that have something to do at their commit: the deferred trigger on this table does it.
create unlogged table outbox.sealing (
    xid xid8 primary key default pg_current_xact_id()
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- Transactions in which outbox.explain() has subscribed to everything: they cannot commit (outbox.refuse_explained()).
create unlogged table outbox.explaining (
    xid   xid8    not null default pg_current_xact_id(),
    asked integer not null default 0,
    primary key (xid, asked)
);

-- What was written under outbox.capture = off, by whom and how much: those changes have no events.
create table outbox.uncaptured (
    id        bigint generated always as identity primary key,
    relation  regclass    not null,
    operation text        not null,
    rows      bigint      not null,
    xid       xid8        not null default pg_current_xact_id(),
    at        timestamptz not null default clock_timestamp(),
    by        text        not null default session_user
);

create table outbox.subscriber (
    name       text primary key,
    created_at timestamptz not null default clock_timestamp(),
    created_by text        not null default session_user,
    constraint name_is_short_and_plain check (name ~ '^[[:graph:]]([[:graph:] ]*[[:graph:]])?$' and length(name) <= 100)
);

-- Who wants which events, where, and how patiently. The writer of every watched row reads this table, so nothing that
-- changes with each delivery is kept in it (see subscription_health). DELETE leaves a row of status 'gone'.
--   object_id       only events of this object; filter: only events whose data contain this; filter_path: only events of whose
--                   data this jsonpath predicate is true; exclude_source: no events of changes that this source has made
--   anchor_path, anchor  one scalar of the filter, where it is in the data and its value as text: by it an event finds the
--                   subscriptions that may want it (outbox.filter_anchor)
--   special         whether more than the pattern decides
--   envelope        the function that makes the body of the POST; default: outbox.body()
--   auth            how the relay proves who we are, by the name of a secret that it alone holds: {"type": "bearer", "secret": "acme"}
--   status          active, failing, paused, disabled, gone; while_off: what becomes of events while it is paused or disabled
--   connect_deadline, deadline  limits of one attempt: until there is a connection, and in all; rate: POSTs per second, all relays together
--   headers         values, or {"copy": "$.object_id"}: what this jsonpath finds in outbox.body()
--   http2           offered to the subscriber by ALPN; batch_max, batch_bytes: how many events, and bytes, one POST may carry
-- What follows from an answer: success_codes (null: 2xx), permanent_codes (dead at once), gone_codes (the subscription ends).
-- When a failure is tried again: immediate_retries without a pause, then delays one after another, the last for ever, or
-- backoff_base and backoff_cap; until max_attempts, or max_age since the event, have made it dead, or ttl has made it expire.
-- What follows from many failures: severity_thresholds, disable_after_failures, disable_after, breaker_after.
--   ordering        none, object or strict; barrier: not before all transactions that began earlier have ended; on_exhausted:
--                   what becomes of the events behind one that was given up: skip, block, park
--   expires_at, max_deliveries  when it ends by itself (outbox.end_subscriptions): then, or when so many events were delivered
--   gone_reason     why it has ended, where nobody has removed it
--   endpoint_since  when what decides whether a POST arrives was changed last: what held it before holds it no more
create table outbox.subscription (
    id           bigint generated by default as identity primary key,
    key          text        not null default substr(replace(gen_random_uuid()::text, '-', ''), 1, 12) unique,
    subscriber   text        not null references outbox.subscriber on update cascade,
    pattern      text        not null,
    url            text        not null,
    object_id      text,
    filter         jsonb,
    filter_path    jsonpath,
    exclude_source text,
    anchor_path    text[] collate "C",
    anchor         text collate "C",
    special        boolean     not null generated always as
        (object_id is not null or filter is not null or filter_path is not null or exclude_source is not null) stored,
    envelope       text,
    format         text        not null default 'standard',
    headers        jsonb       not null default '{}',
    identity       text,
    auth           jsonb,
    status         text        not null default 'active',
    while_off      text        not null default 'hold',
    concurrency    integer     not null default 16,
    rate           double precision,
    connect_deadline interval  not null default '5 s',
    deadline       interval    not null default '20 s',
    http2          boolean     not null default false,
    batch_max      integer     not null default 1,
    batch_bytes    integer     not null default 1048576,
    success_codes   integer[],
    permanent_codes integer[]  not null default '{413,415}',
    gone_codes      integer[]  not null default '{410}',
    immediate_retries integer  not null default 0,
    delays         interval[],
    backoff_base   interval    not null default '5 s',
    backoff_cap    interval    not null default '6 h',
    max_attempts   integer     not null default 30,
    max_age        interval,
    ttl            interval,
    severity_thresholds interval[],
    disable_after_failures integer,
    disable_after  interval             default '5 days',
    breaker_after  integer              default 10,
    ordering       text        not null default 'none',
    barrier        boolean     not null default false,
    on_exhausted   text        not null default 'skip',
    expires_at     timestamptz,
    max_deliveries integer,
    endpoint_since timestamptz not null default clock_timestamp(),
    gone_reason    text,
    version        integer     not null default 1,
    created_at     timestamptz not null default clock_timestamp(),
    created_by     text        not null default session_user,
    updated_at     timestamptz not null default clock_timestamp(),
    updated_by     text        not null default session_user,
    updated_xid    xid8        not null default pg_current_xact_id(),
    constraint key_is_12_hex_digits check (key ~ '^[0-9a-f]{12}$'),
    constraint status_is_known check (status in ('active', 'failing', 'paused', 'disabled', 'gone')),
    constraint identity_is_a_plain_name check (identity ~ '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$'),
    constraint format_is_known check (format in ('standard', 'cloudevents', 'cloudevents-binary', 'raw')),
    constraint while_off_is_hold_or_skip check (while_off in ('hold', 'skip')),
    constraint concurrency_is_1_to_1000 check (concurrency between 1 and 1000),
    constraint rate_is_above_0_to_10000 check (rate > 0 and rate <= 10000),
    constraint connect_deadline_is_100_ms_to_30_s check (connect_deadline between '100 ms' and '30 s'),
    constraint deadline_is_100_ms_to_60_s check (deadline between '100 ms' and '60 s'),
    constraint batch_max_is_1_to_1000 check (batch_max between 1 and 1000),
    constraint batch_bytes_is_1_kib_to_16_mib check (batch_bytes between 1024 and 16777216),
    constraint success_codes_are_200_to_299 check (cardinality(success_codes) > 0 and 200 <= all (success_codes) and 299 >= all (success_codes)),
    constraint permanent_codes_are_300_to_599 check (300 <= all (permanent_codes) and 599 >= all (permanent_codes)),
    constraint gone_codes_are_400_to_499 check (400 <= all (gone_codes) and 499 >= all (gone_codes)),
    constraint immediate_retries_is_0_to_10 check (immediate_retries between 0 and 10),
    constraint delays_are_1_to_100_of_0_to_7_days
        check (cardinality(delays) >= 1 and cardinality(delays) <= 100 and interval '0' <= all (delays) and interval '7 days' >= all (delays)),
    constraint backoff_base_is_1_ms_to_1_day check (backoff_base between '1 ms' and '1 day'),
    constraint backoff_cap_is_base_to_7_days check (backoff_cap >= backoff_base and backoff_cap <= '7 days'),
    constraint max_attempts_is_1_to_1000 check (max_attempts between 1 and 1000),
    constraint max_age_is_1_s_to_90_days check (max_age between '1 s' and '90 days'),
    constraint ttl_is_1_s_to_90_days check (ttl between '1 s' and '90 days'),
    constraint severity_thresholds_are_1_to_9_of_1_s_and_more
        check (cardinality(severity_thresholds) >= 1 and cardinality(severity_thresholds) <= 9 and interval '1 s' <= all (severity_thresholds)),
    constraint disable_after_failures_is_1_to_100000 check (disable_after_failures between 1 and 100000),
    constraint disable_after_is_1_minute_to_90_days check (disable_after between '1 minute' and '90 days'),
    constraint breaker_after_is_1_to_1000 check (breaker_after between 1 and 1000),
    constraint ordering_is_known check (ordering in ('none', 'object', 'strict')),
    constraint barrier_needs_an_order check (not barrier or ordering <> 'none'),
    constraint on_exhausted_is_known check (on_exhausted in ('skip', 'block', 'park')),
    constraint max_deliveries_is_1_or_more check (max_deliveries >= 1)
);
create index subscription_by_pattern on outbox.subscription (pattern, special) where status <> 'gone';
create index subscription_by_object on outbox.subscription (object_id, pattern) where status <> 'gone' and object_id is not null;
create index subscription_by_anchor on outbox.subscription (pattern, anchor_path, anchor)
    where status <> 'gone' and object_id is null and anchor is not null;
create index subscription_by_filter on outbox.subscription (pattern)
    where status <> 'gone' and special and object_id is null and anchor is null;
-- Whether there is any such at all: each capture asks.
create index subscription_special on outbox.subscription (pattern) where status <> 'gone' and special;
create unique index one_subscription_per_pattern_and_url on outbox.subscription
    (subscriber, pattern, md5(url), coalesce('=' || object_id, ''), md5(coalesce(filter::text, '')), md5(coalesce(filter_path::text, '')))
    where status <> 'gone';

-- Each claim asks whether any wants order.
create index subscription_ordered on outbox.subscription (id) where ordering <> 'none';

-- Housekeeping looks for removed ones all the time, and there may be 100,000 others.
create index subscription_gone on outbox.subscription (id) where status = 'gone';
-- And for those whose time is over.
create index subscription_expiring on outbox.subscription (expires_at) where status <> 'gone' and expires_at is not null;
-- So it does, and screens do, for those that are not as they should be.
create index subscription_in_trouble on outbox.subscription (status, id) where status in ('failing', 'paused', 'disabled');

-- Every change of a subscription's status, by whatever statement: who, and why. Written by outbox.record_change(). What was so
-- at that moment: consecutive_failures and severity, as in subscription_health.
create table outbox.subscription_change (
    id                   bigint generated always as identity primary key,
    subscription         bigint      not null,
    changed_at           timestamptz not null default clock_timestamp(),
    changed_by           text        not null default session_user,
    from_status          text        not null,
    to_status            text        not null,
    reason               text,
    consecutive_failures integer     not null default 0,
    severity             integer
);
create index subscription_change_by_subscription on outbox.subscription_change (subscription, id);

-- Signing secrets, apart from the subscription so that readers of that table never see them. All that have not ended sign.
--   kind        v1: HMAC-SHA256; v1a: ed25519, the 32 bytes of the seed and, where known, the 32 of the public key; reference: none is
--               here, the relay has it, under a name
--   reference   that name
--   retires_at  when it ends: a newer one has taken its place
create table outbox.signing_key (
    id           bigint generated always as identity primary key,
    subscription bigint      not null,
    kind         text        not null default 'v1',
    secret       bytea,
    reference    text,
    created_at   timestamptz not null default clock_timestamp(),
    retires_at   timestamptz,
    constraint kind_is_known check (kind in ('v1', 'v1a', 'reference')),
    constraint a_reference_has_a_name_and_no_secret
        check ((kind = 'reference') = (secret is null) and (kind = 'reference') = (reference is not null)),
    constraint secret_is_1_to_512_bytes check (length(secret) between 1 and 512),
    constraint a_v1a_secret_is_32_or_64_bytes check (kind <> 'v1a' or length(secret) in (32, 64)),
    constraint reference_is_a_plain_name check (reference ~ '^[a-z][a-z0-9_.-]{0,62}$')
);
create index signing_key_by_subscription on outbox.signing_key (subscription);

-- How a subscription is doing; written by outbox.settle(), and on success only when that is news.
--   consecutive_failures, failing_since  attempts that failed since the last that was delivered
--   dead_in_a_row  deliveries that ended dead since then
--   severity       how bad that is by severity_thresholds, 1 being the worst; null without them, and while it is well
--   held_since, held_until, held_why  nothing is claimed until then, unless the endpoint has changed since (outbox.throttle())
--   breaker_opened  how often in a row the breaker has opened; 0 is closed
--   probe           the delivery that is to find out whether the subscriber is back
--   tat             how far its rate is used up: when the next POST would be due if they were evenly spaced
create table outbox.subscription_health (
    subscription         bigint primary key,
    consecutive_failures integer not null default 0,
    failing_since        timestamptz,
    dead_in_a_row        integer not null default 0,
    severity             integer,
    last_success_at      timestamptz,
    last_failure_at      timestamptz,
    last_class           text,
    last_status          integer,
    last_error_class     text,
    last_error           text,
    held_since           timestamptz,
    held_until           timestamptz,
    held_why             text,
    breaker_opened       integer not null default 0,
    probe                bigint,
    tat                  timestamptz,
    constraint held_why_is_known check (held_why in ('breaker', 'retry-after'))
) with (fillfactor = 70);

-- How many events were delivered to subscriptions with max_deliveries; a row since the first was claimed. Whoever claims for one
-- locks it: two relays must not both hand out the last. Apart from health, whose rows are locked in another order.
--   spent   it has had them all: to be ended
create table outbox.allowance (
    subscription bigint primary key,
    delivered    integer not null default 0,
    spent        boolean not null default false
) with (fillfactor = 70);
create index allowance_spent on outbox.allowance (subscription) where spent;

-- An immutable fact, committed with the change it tells of. id is the order (CACHE 1: two updates of one row get their
-- ids in commit order, because the row's lock is held while the id is drawn); uid is the name on the wire: half of it is the id, by which the
-- primary key finds it (outbox.event_of()), and half is random, because a sequence hands out ids again after a failover that lost commits. It looks
-- like a random uuid, version and variant included.
--   xid      the transaction that wrote it; events of one commit have the same
--   watch    the watch that wrote it at once; null for objects with a builder, emitted events and snapshots
--   seq      the number of the event among those of its object, where the object has a builder
--   source, trace_id, traceparent, headers  what the transaction had set (outbox.source, …)
--   error    why there are no data: the builder failed, and the object stores that; no delivery is made of it
create sequence outbox.event_id;
create table outbox.event (
    slot        smallint    not null,
    id          bigint      not null default nextval('outbox.event_id'),
    uid         uuid        not null
        default (left(gen_random_uuid()::text, 18) || to_hex(currval('outbox.event_id') # '-9223372036854775808'::bigint))::uuid,
    type        text        not null,
    object      text,
    object_id   text,
    occurred_at timestamptz not null default clock_timestamp(),
    data        jsonb       not null,
    xid         xid8        not null default pg_current_xact_id(),
    watch       integer,
    seq         bigint,
    source      text,
    trace_id    text,
    traceparent text,
    headers     jsonb,
    error       text,
    primary key (slot, id)
) partition by list (slot);
create index event_by_object on outbox.event (object, object_id, id);

-- What outbox.emit() has published under a key, for as long as the same key gives the same event again.
create table outbox.dedupe (
    type       text        not null,
    key        text        not null,
    uid        uuid        not null,
    held_until timestamptz not null,
    primary key (type, key)
);
create index dedupe_over on outbox.dedupe (held_until);

-- The duty to bring one event to one subscription. A row is open work; finishing deletes it. due_at is when it may be
-- claimed next: a claim moves it to the end of the lease, so an expired lease is an ordinary due row. object_key names the
-- object, where a newer event takes the place of older ones (mode latest). since is when its age begins where that is not when the
-- event occurred: it was published for later, retried or replayed. lane is whose turn it must wait for, where the
-- subscription wants order: null until outbox.admit() has seen it; what is not first in its lane has due_at infinity. alone: a
-- batch that it was in was refused for what was in it, and it shares a POST with nobody any more.
create table outbox.delivery (
    id           bigint generated always as identity primary key,
    subscription bigint      not null,
    event_slot   smallint    not null,
    event_id     bigint      not null,
    due_at       timestamptz not null default clock_timestamp(),
    attempt      integer     not null default 0,
    retry_base   integer     not null default 0,
    leased_by    text,
    object_key   bigint,
    since        timestamptz,
    lane         bigint,
    alone        boolean     not null default false,
    constraint what_is_parked_has_no_lease check (due_at < 'infinity' or leased_by is null)
) with (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.1);
create index delivery_ready on outbox.delivery (subscription, due_at, id);
create index delivery_by_object on outbox.delivery (subscription, object_key) where object_key is not null;
-- The order of a lane, what of all lanes may be claimed when, and what is being sent; other deliveries have no entry in these.
create index delivery_by_lane on outbox.delivery (subscription, lane, event_id, id) where lane is not null;
create index delivery_ready_in_order on outbox.delivery (subscription, due_at, id) where lane is not null;
create index delivery_under_way_in_order on outbox.delivery (subscription, lane) where lane is not null and leased_by is not null;

-- Lanes of ordered subscriptions: those of one object's events (lane is outbox.object_key()), or lane 0 for all events.
--   event_id, seq  the last event that the subscriber took, and its number among those of its object
--   blocked_by     the dead letter that nothing of the lane may pass
create table outbox.lane (
    subscription  bigint      not null,
    lane          bigint      not null,
    event_id      bigint,
    seq           bigint,
    blocked_by    bigint,
    blocked_since timestamptz,
    touched_at    timestamptz not null default clock_timestamp(),
    primary key (subscription, lane)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
create index lane_blocked on outbox.lane (blocked_by) where blocked_by is not null;

-- Lanes in which something has ended, so that another may be first: who claims next looks. Written by whoever ends a delivery,
-- be it a writer or a DBA, and so never updated.
create table outbox.lane_wake (
    id           bigint generated always as identity primary key,
    subscription bigint not null,
    lane         bigint not null
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
create index lane_wake_by_subscription on outbox.lane_wake (subscription, id);

-- Subscriptions with a barrier: no event up to passed can be committed any more. Nor up to event_id once all transactions below
-- horizon have ended, which is waited for since then.
create table outbox.barrier (
    subscription bigint primary key,
    passed       bigint not null default 0,
    event_id     bigint,
    horizon      xid8,
    since        timestamptz
) with (fillfactor = 50);

-- Events with more matching subscriptions than a commit should wait for (outbox.fan_out_max()): relays make the deliveries.
--   special    only those of subscriptions where more than the pattern decides; the writer has made the others
--   walked_to  subscriptions up to this id have theirs
--   due_at     when they are due, where that is later
create table outbox.fan_out (
    event_slot smallint    not null,
    event_id   bigint      not null,
    special    boolean     not null default false,
    walked_to  bigint      not null default 0,
    due_at     timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    primary key (event_id, event_slot)
);

-- Backfills: existing objects sent as snapshot events, batch by batch. One that has not ended goes on when it is asked for again.
--   subscription  the only one that gets them, or null
--   condition  an expression over root's columns, run with the rights of who steps it; objects how many rows root had, as far as known
--   walked_to  rows up to this key have been looked at: the values of the key as text, in a JSON array
--   walked, sent  rows looked at, events written
--   cancelled  ended by outbox.backfill_cancel()
create table outbox.backfill_run (
    id           bigint generated always as identity primary key,
    object       text        not null,
    condition    text,
    subscription bigint,
    objects      bigint,
    walked_to    text,
    walked       bigint      not null default 0,
    sent         bigint      not null default 0,
    started_at   timestamptz not null default clock_timestamp(),
    started_by   text        not null default session_user,
    stepped_at   timestamptz,
    ended_at     timestamptz,
    cancelled    boolean     not null default false
);
create unique index one_open_run_for_each on outbox.backfill_run (object, md5(coalesce(condition, '')), coalesce(subscription, 0))
    where ended_at is null;

-- The ledger: one row per POST and its outcome, one for each delivery that ended without a POST, and one, of attempt 0, that says
-- who has sent it again by hand. class is what the POST came to; outcome is set on the row that ended the delivery; tls is what is known of the connection, where there was one.
create sequence outbox.attempt_id;
create table outbox.attempt (
    slot         smallint    not null,
    id           bigint      not null default nextval('outbox.attempt_id'),
    delivery     bigint      not null,
    attempt      integer     not null,
    subscription bigint      not null,
    event_slot   smallint    not null,
    event_id     bigint      not null,
    relay        text,
    started_at   timestamptz not null,
    duration_ms  double precision,
    class        text,
    status       integer,
    error_class  text,
    error        text,
    response     text,
    outcome      text,
    late         boolean     not null default false,
    tls          jsonb,
    primary key (slot, id),
    constraint class_is_known check (class in ('delivered', 'rejected', 'not_sent', 'unknown')),
    constraint outcome_is_known check (outcome in ('delivered', 'dead', 'expired', 'skipped', 'cancelled')),
    constraint an_attempt_an_ending_or_a_note check (class is not null or outcome is not null or attempt = 0 and error is not null)
) partition by list (slot);
create index attempt_by_event on outbox.attempt (event_id, subscription);

-- A delivery given up on, kept until it is retried or purged.
create table outbox.dead_letter (
    delivery     bigint primary key,
    subscription bigint      not null,
    event_slot   smallint    not null,
    event_id     bigint      not null,
    attempt      integer     not null,
    died_at      timestamptz not null default clock_timestamp(),
    reason       text        not null,
    lane         bigint
);
create index dead_letter_by_subscription on outbox.dead_letter (subscription, died_at);

-- Relays that have been seen; for people only, nothing is decided by it. stopped_at: it ended in order, and has not come back.
create table outbox.relay (
    name         text primary key,
    host         text        not null,
    pid          integer     not null,
    release      text        not null,
    doorbell     text,
    started_at   timestamptz not null default clock_timestamp(),
    last_seen_at timestamptz not null default clock_timestamp(),
    stopped_at   timestamptz
);

-- Certificates that relays have in use or have seen, as they report them; for people only.
--   use   current, next: what an identity shows; ca: what it trusts; peer: what a subscriber has shown
--   name  the identity; of a peer, host and port
create table outbox.certificate (
    relay       text        not null,
    use         text        not null,
    name        text        not null,
    fingerprint text        not null,
    subject     text        not null,
    not_before  timestamptz not null,
    not_after   timestamptz not null,
    seen_at     timestamptz not null default clock_timestamp(),
    primary key (relay, use, name, fingerprint),
    constraint use_is_known check (use in ('current', 'next', 'ca', 'peer'))
);

-- The ring: eight leaves, one per day (outbox.slot() says which), made once so that nothing has to run DDL later.
-- The kept leaf is the default one: rows of slot n that must outlive their leaf are moved there as slot n + 8, where whoever
-- looks for slot n looks too; and a leaf that somebody dropped costs order in the house, never a writer's statement.
create table outbox.event_0 partition of outbox.event for values in (0);
create table outbox.event_1 partition of outbox.event for values in (1);
create table outbox.event_2 partition of outbox.event for values in (2);
create table outbox.event_3 partition of outbox.event for values in (3);
create table outbox.event_4 partition of outbox.event for values in (4);
create table outbox.event_5 partition of outbox.event for values in (5);
create table outbox.event_6 partition of outbox.event for values in (6);
create table outbox.event_7 partition of outbox.event for values in (7);
create table outbox.event_kept partition of outbox.event default;
create table outbox.attempt_0 partition of outbox.attempt for values in (0);
create table outbox.attempt_1 partition of outbox.attempt for values in (1);
create table outbox.attempt_2 partition of outbox.attempt for values in (2);
create table outbox.attempt_3 partition of outbox.attempt for values in (3);
create table outbox.attempt_4 partition of outbox.attempt for values in (4);
create table outbox.attempt_5 partition of outbox.attempt for values in (5);
create table outbox.attempt_6 partition of outbox.attempt for values in (6);
create table outbox.attempt_7 partition of outbox.attempt for values in (7);
create table outbox.attempt_kept partition of outbox.attempt default;
