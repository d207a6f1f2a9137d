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
create table outbox.setting (
    one_row               boolean primary key default true,
    http_allowed          boolean  not null default false,
    doorbell              text     not null default 'auto',
    retention             interval not null default '6 days',
    dead_letter_retention interval not null default '90 days',
    home                  text,
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
values ('outbox.ping', 'A test event that outbox.ping() sends to one subscription');

-- A logical object as subscribers see it.
create table outbox.object (
    name       text primary key,
    history    boolean     not null default false,
    created_at timestamptz not null default clock_timestamp(),
    created_by text        not null default session_user,
    constraint name_is_one_word check (name ~ '^[A-Za-z0-9_]+$' and length(name) <= 100)
);

-- The rule that turns changes of one table into events of one object. Written by outbox.watch() and outbox.unwatch().
create table outbox.watch (
    id             integer generated always as identity primary key,
    relation       regclass    not null,
    object         text        not null references outbox.object,
    key_columns    text[]      not null,
    id_expression  text,
    id_columns     text[]      not null default '{}',
    row_bytes_max  integer     not null,
    created_at     timestamptz not null default clock_timestamp(),
    created_by     text        not null default session_user,
    constraint one_watch_per_table_and_object unique (relation, object),
    constraint a_row_is_named_by_key_or_expression check (cardinality(key_columns) > 0 or id_expression is not null),
    constraint row_bytes_max_is_1_kib_to_1_mib check (row_bytes_max between 1024 and 1048576)
);

create table outbox.subscriber (
    name       text primary key,
    created_at timestamptz not null default clock_timestamp(),
    created_by text        not null default session_user,
    constraint name_is_short_and_plain check (name ~ '^[[:graph:]]([[:graph:] ]*[[:graph:]])?$' and length(name) <= 100)
);

-- Who wants which events, where, and how patiently. The writer of every watched row reads this table, so nothing that
-- changes with each delivery is kept in it (see subscription_health). DELETE leaves a row of status 'gone'.
create table outbox.subscription (
    id           bigint generated by default as identity primary key,
    key          text        not null default substr(replace(gen_random_uuid()::text, '-', ''), 1, 12) unique,
    subscriber   text        not null references outbox.subscriber on update cascade,
    pattern      text        not null,
    url          text        not null,
    headers      jsonb       not null default '{}',
    identity     text,
    status       text        not null default 'active',
    concurrency  integer     not null default 16,
    deadline     interval    not null default '20 s',
    max_attempts integer     not null default 30,
    backoff_base interval    not null default '5 s',
    backoff_cap  interval    not null default '6 h',
    version      integer     not null default 1,
    created_at   timestamptz not null default clock_timestamp(),
    created_by   text        not null default session_user,
    updated_at   timestamptz not null default clock_timestamp(),
    updated_by   text        not null default session_user,
    updated_xid  xid8        not null default pg_current_xact_id(),
    constraint key_is_12_hex_digits check (key ~ '^[0-9a-f]{12}$'),
    constraint status_is_known check (status in ('active', 'failing', 'paused', 'disabled', 'gone')),
    constraint identity_is_a_plain_name check (identity ~ '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$'),
    constraint concurrency_is_1_to_1000 check (concurrency between 1 and 1000),
    constraint deadline_is_100_ms_to_60_s check (deadline between '100 ms' and '60 s'),
    constraint max_attempts_is_1_to_1000 check (max_attempts between 1 and 1000),
    constraint backoff_base_is_1_ms_to_1_day check (backoff_base between '1 ms' and '1 day'),
    constraint backoff_cap_is_base_to_7_days check (backoff_cap >= backoff_base and backoff_cap <= '7 days')
);
create index subscription_by_pattern on outbox.subscription (pattern) where status <> 'gone';
create unique index one_subscription_per_pattern_and_url on outbox.subscription (subscriber, pattern, md5(url))
    where status <> 'gone';

-- Housekeeping looks for removed ones all the time, and there may be 100,000 others.
create index subscription_gone on outbox.subscription (id) where status = 'gone';

-- Signing secrets, apart from the subscription so that readers of that table never see them.
create table outbox.signing_key (
    id           bigint generated always as identity primary key,
    subscription bigint      not null,
    secret       bytea       not null,
    created_at   timestamptz not null default clock_timestamp(),
    constraint secret_is_1_to_512_bytes check (length(secret) between 1 and 512)
);
create index signing_key_by_subscription on outbox.signing_key (subscription);

-- How a subscription is doing; written by outbox.settle(), and on success only when that is news.
create table outbox.subscription_health (
    subscription         bigint primary key,
    consecutive_failures integer not null default 0,
    failing_since        timestamptz,
    last_success_at      timestamptz,
    last_failure_at      timestamptz,
    last_class           text,
    last_status          integer,
    last_error_class     text,
    last_error           text
) with (fillfactor = 70);

-- An immutable fact, committed with the change it tells of. id is the order (CACHE 1: two updates of one row get their
-- ids in commit order, because the row's lock is held while the id is drawn); uid is the name on the wire, random because
-- a sequence hands out ids again after a failover that lost commits.
create sequence outbox.event_id;
create table outbox.event (
    slot        smallint    not null,
    id          bigint      not null default nextval('outbox.event_id'),
    uid         uuid        not null default gen_random_uuid(),
    type        text        not null,
    object      text,
    object_id   text,
    occurred_at timestamptz not null default clock_timestamp(),
    data        jsonb       not null,
    primary key (slot, id)
) partition by list (slot);
create index event_by_uid on outbox.event (uid);
create index event_by_object on outbox.event (object, object_id, id);

-- The duty to bring one event to one subscription. A row is open work; finishing deletes it. due_at is when it may be
-- claimed next: a claim moves it to the end of the lease, so an expired lease is an ordinary due row.
create table outbox.delivery (
    id           bigint generated always as identity primary key,
    subscription bigint      not null,
    event_slot   smallint    not null,
    event_id     bigint      not null,
    due_at       timestamptz not null default clock_timestamp(),
    attempt      integer     not null default 0,
    retry_base   integer     not null default 0,
    leased_by    text
) with (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.1);
create index delivery_ready on outbox.delivery (subscription, due_at, id);

-- The ledger: one row per POST and its outcome, and one for each delivery that ended without a POST. class is what the
-- POST came to; outcome is set on the row that ended the delivery.
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
    primary key (slot, id),
    constraint class_is_known check (class in ('delivered', 'rejected', 'not_sent', 'unknown')),
    constraint outcome_is_known check (outcome in ('delivered', 'dead', 'expired', 'skipped', 'cancelled')),
    constraint an_attempt_or_an_ending check (class is not null or outcome is not null)
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
    reason       text        not null
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
