-- Schema outbox as a fresh installation makes it: pg_dump --schema-only --no-owner -n outbox, without comments,
-- blank lines and settings. Bodies of functions are left out: they are in sql/functions/ word by word.
-- Written by UPDATE_EXPECT=1 cargo test --test suite golden::
CREATE SCHEMA outbox;
CREATE TYPE outbox.rendered AS (
	object_id text,
	data jsonb,
	error text
);
CREATE FUNCTION outbox.add_triggers(relation regclass, watch integer) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.admit(moment timestamp with time zone, batch integer DEFAULT 500) RETURNS bigint[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET jit TO 'off'
    AS ...;
CREATE FUNCTION outbox.admit_batch(subscription bigint, strict boolean, all_of_them boolean, moment timestamp with time zone, batch integer, OUT looked integer, OUT admitted integer) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_nestloop TO 'off'
    SET jit TO 'off'
    AS ...;
CREATE FUNCTION outbox.adopt_database() RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.anchor_value(value jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS ...;
CREATE FUNCTION outbox.await_commit(slot smallint, events bigint[], unmerged boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql
    AS ...;
CREATE PROCEDURE outbox.backfill(IN object text, IN condition text DEFAULT NULL::text, IN batch integer DEFAULT 1000, IN subscription bigint DEFAULT NULL::bigint)
    LANGUAGE plpgsql
    AS ...;
CREATE FUNCTION outbox.backfill_cancel(run bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.backfill_lock(run bigint, ids text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.backfill_plan(run bigint, condition text, OUT composite boolean, OUT keys text, OUT seen text, OUT data text) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.backfill_send(run bigint, walked_to text, walked integer, ids text[], data jsonb[], ended boolean) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET "DateStyle" TO 'ISO'
    SET "IntervalStyle" TO 'postgres'
    SET bytea_output TO 'hex'
    SET extra_float_digits TO '1'
    SET jit TO 'off'
    AS ...;
CREATE FUNCTION outbox.backfill_start(object text, condition text DEFAULT NULL::text, subscription bigint DEFAULT NULL::bigint) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.backfill_step(run bigint, batch integer DEFAULT 1000, condition text DEFAULT NULL::text, path text DEFAULT current_setting('search_path'::text)) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "DateStyle" TO 'ISO'
    SET "IntervalStyle" TO 'postgres'
    SET bytea_output TO 'hex'
    SET extra_float_digits TO '1'
    AS ...;
CREATE TABLE outbox.object (
    name text NOT NULL,
    history boolean DEFAULT false NOT NULL,
    root regclass,
    owner regrole NOT NULL,
    mode text DEFAULT 'transaction'::text NOT NULL,
    data text DEFAULT 'full'::text NOT NULL,
    builder text,
    builder_kind text,
    gate text,
    on_error text DEFAULT 'abort'::text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    created_by text DEFAULT SESSION_USER NOT NULL,
    CONSTRAINT a_builder_has_a_kind_and_a_root CHECK ((((builder IS NULL) = (builder_kind IS NULL)) AND ((builder IS NULL) OR (root IS NOT NULL)))),
    CONSTRAINT builder_kind_is_known CHECK ((builder_kind = ANY (ARRAY['one'::text, 'set'::text, 'view'::text]))),
    CONSTRAINT data_is_known CHECK ((data = ANY (ARRAY['full'::text, 'diff'::text, 'key'::text]))),
    CONSTRAINT mode_is_known CHECK ((mode = ANY (ARRAY['each'::text, 'transaction'::text, 'latest'::text]))),
    CONSTRAINT name_is_one_word CHECK (((name ~ '^[A-Za-z0-9_]+$'::text) AND (length(name) <= 100))),
    CONSTRAINT on_error_is_known CHECK ((on_error = ANY (ARRAY['abort'::text, 'store'::text])))
);
CREATE FUNCTION outbox.backfill_to(subscription bigint, object outbox.object, ids text[], data jsonb[]) RETURNS integer
    LANGUAGE plpgsql
    SET enable_nestloop TO 'off'
    AS ...;
CREATE SEQUENCE outbox.event_id
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE outbox.event (
    slot smallint NOT NULL,
    id bigint DEFAULT nextval('outbox.event_id'::regclass) NOT NULL,
    uid uuid DEFAULT (("left"((gen_random_uuid())::text, 18) || to_hex((currval('outbox.event_id'::regclass) # '-9223372036854775808'::bigint))))::uuid NOT NULL,
    type text NOT NULL,
    object text,
    object_id text,
    occurred_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    data jsonb NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    watch integer,
    seq bigint,
    source text,
    trace_id text,
    traceparent text,
    headers jsonb,
    error text
)
PARTITION BY LIST (slot);
CREATE FUNCTION outbox.body(event outbox.event) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS ...;
CREATE FUNCTION outbox.by_hand(done text, reason text, required boolean) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.cancel(delivery bigint, reason text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.cancel_gone(batch integer DEFAULT 1000) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE TABLE outbox.watch (
    id integer NOT NULL,
    relation regclass NOT NULL,
    object text NOT NULL,
    key_columns text[] NOT NULL,
    id_expression text,
    id_columns text[] DEFAULT '{}'::text[] NOT NULL,
    through text,
    only_columns text[],
    ignored_columns text[],
    condition text,
    verb_types text[] DEFAULT '{}'::text[] NOT NULL,
    verb_conditions text[] DEFAULT '{}'::text[] NOT NULL,
    condition_columns text[] DEFAULT '{}'::text[] NOT NULL,
    row_bytes_max integer NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    created_by text DEFAULT SESSION_USER NOT NULL,
    CONSTRAINT a_row_is_named_by_key_expression_or_function CHECK (((cardinality(key_columns) > 0) OR (id_expression IS NOT NULL) OR (through IS NOT NULL))),
    CONSTRAINT a_verb_has_a_condition CHECK ((cardinality(verb_types) = cardinality(verb_conditions))),
    CONSTRAINT row_bytes_max_is_1_kib_to_1_mib CHECK (((row_bytes_max >= 1024) AND (row_bytes_max <= 1048576)))
);
CREATE FUNCTION outbox.capture_awaited(watch outbox.watch) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.capture_branches(watch outbox.watch, object outbox.object, by_expression boolean) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.capture_changes(watch outbox.watch, object outbox.object, by_expression boolean, kind text, alone boolean DEFAULT false) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.capture_elsewhere(watch integer, relation oid, operation text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.capture_finish(watch outbox.watch, object outbox.object) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.capture_insert(watch outbox.watch, alone boolean, chosen text DEFAULT ''::text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.capture_is_trusted(relation regclass) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.capture_knows(relation regclass, named text[], capture regprocedure) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.capture_planned(statements text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.capture_row(watch outbox.watch, object outbox.object, by_expression boolean) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.capture_rows(rows text, relation regclass, named text[], columns text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.capture_signature(relation oid, named text[] DEFAULT NULL::text[]) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.capture_size(relation regclass, bytes_max integer) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.capture_source(watch outbox.watch) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.capture_touches(watch outbox.watch, object outbox.object, by_expression boolean) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.capture_values(relation regclass, only_columns text[] DEFAULT NULL::text[]) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.capture_wanted(watch outbox.watch) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.check_auth(auth jsonb, headers jsonb, http_allowed boolean) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.check_batch(envelope text, format text, batch_max integer, ordering text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.check_builder(builder text, root regclass) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.check_called(function text, relation regclass, what text, arrays boolean DEFAULT NULL::boolean) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.check_envelope(envelope text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.check_filter(filter jsonb, filter_path jsonpath, exclude_source text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.check_headers(headers jsonb) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.check_object_name(object text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.check_setting() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.check_subscription() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.check_url(url text, http_allowed boolean) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.check_watch_settings(object outbox.object, relation regclass, history boolean, mode text, data text, only_columns text[], ignored_columns text[], verb_types text[], through text, has_id boolean) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.check_watchable(relation regclass) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE TABLE outbox.subscription (
    id bigint NOT NULL,
    key text DEFAULT substr(replace((gen_random_uuid())::text, '-'::text, ''::text), 1, 12) NOT NULL,
    subscriber text NOT NULL,
    pattern text NOT NULL,
    url text NOT NULL,
    object_id text,
    filter jsonb,
    filter_path jsonpath,
    exclude_source text,
    anchor_path text[] COLLATE pg_catalog."C",
    anchor text COLLATE pg_catalog."C",
    special boolean GENERATED ALWAYS AS (((object_id IS NOT NULL) OR (filter IS NOT NULL) OR (filter_path IS NOT NULL) OR (exclude_source IS NOT NULL))) STORED NOT NULL,
    envelope text,
    format text DEFAULT 'standard'::text NOT NULL,
    headers jsonb DEFAULT '{}'::jsonb NOT NULL,
    identity text,
    auth jsonb,
    status text DEFAULT 'active'::text NOT NULL,
    while_off text DEFAULT 'hold'::text NOT NULL,
    concurrency integer DEFAULT 16 NOT NULL,
    rate double precision,
    connect_deadline interval DEFAULT '00:00:05'::interval NOT NULL,
    deadline interval DEFAULT '00:00:20'::interval NOT NULL,
    http2 boolean DEFAULT false NOT NULL,
    batch_max integer DEFAULT 1 NOT NULL,
    batch_bytes integer DEFAULT 1048576 NOT NULL,
    success_codes integer[],
    permanent_codes integer[] DEFAULT '{413,415}'::integer[] NOT NULL,
    gone_codes integer[] DEFAULT '{410}'::integer[] NOT NULL,
    immediate_retries integer DEFAULT 0 NOT NULL,
    delays interval[],
    backoff_base interval DEFAULT '00:00:05'::interval NOT NULL,
    backoff_cap interval DEFAULT '06:00:00'::interval NOT NULL,
    max_attempts integer DEFAULT 30 NOT NULL,
    max_age interval,
    ttl interval,
    severity_thresholds interval[],
    disable_after_failures integer,
    disable_after interval DEFAULT '5 days'::interval,
    breaker_after integer DEFAULT 10,
    ordering text DEFAULT 'none'::text NOT NULL,
    barrier boolean DEFAULT false NOT NULL,
    on_exhausted text DEFAULT 'skip'::text NOT NULL,
    expires_at timestamp with time zone,
    max_deliveries integer,
    endpoint_since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    gone_reason text,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    created_by text DEFAULT SESSION_USER NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_by text DEFAULT SESSION_USER NOT NULL,
    updated_xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT backoff_base_is_1_ms_to_1_day CHECK (((backoff_base >= '00:00:00.001'::interval) AND (backoff_base <= '1 day'::interval))),
    CONSTRAINT backoff_cap_is_base_to_7_days CHECK (((backoff_cap >= backoff_base) AND (backoff_cap <= '7 days'::interval))),
    CONSTRAINT barrier_needs_an_order CHECK (((NOT barrier) OR (ordering <> 'none'::text))),
    CONSTRAINT batch_bytes_is_1_kib_to_16_mib CHECK (((batch_bytes >= 1024) AND (batch_bytes <= 16777216))),
    CONSTRAINT batch_max_is_1_to_1000 CHECK (((batch_max >= 1) AND (batch_max <= 1000))),
    CONSTRAINT breaker_after_is_1_to_1000 CHECK (((breaker_after >= 1) AND (breaker_after <= 1000))),
    CONSTRAINT concurrency_is_1_to_1000 CHECK (((concurrency >= 1) AND (concurrency <= 1000))),
    CONSTRAINT connect_deadline_is_100_ms_to_30_s CHECK (((connect_deadline >= '00:00:00.1'::interval) AND (connect_deadline <= '00:00:30'::interval))),
    CONSTRAINT deadline_is_100_ms_to_60_s CHECK (((deadline >= '00:00:00.1'::interval) AND (deadline <= '00:01:00'::interval))),
    CONSTRAINT delays_are_1_to_100_of_0_to_7_days CHECK (((cardinality(delays) >= 1) AND (cardinality(delays) <= 100) AND ('00:00:00'::interval <= ALL (delays)) AND ('7 days'::interval >= ALL (delays)))),
    CONSTRAINT disable_after_failures_is_1_to_100000 CHECK (((disable_after_failures >= 1) AND (disable_after_failures <= 100000))),
    CONSTRAINT disable_after_is_1_minute_to_90_days CHECK (((disable_after >= '00:01:00'::interval) AND (disable_after <= '90 days'::interval))),
    CONSTRAINT format_is_known CHECK ((format = ANY (ARRAY['standard'::text, 'cloudevents'::text, 'cloudevents-binary'::text, 'raw'::text]))),
    CONSTRAINT gone_codes_are_400_to_499 CHECK (((400 <= ALL (gone_codes)) AND (499 >= ALL (gone_codes)))),
    CONSTRAINT identity_is_a_plain_name CHECK ((identity ~ '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$'::text)),
    CONSTRAINT immediate_retries_is_0_to_10 CHECK (((immediate_retries >= 0) AND (immediate_retries <= 10))),
    CONSTRAINT key_is_12_hex_digits CHECK ((key ~ '^[0-9a-f]{12}$'::text)),
    CONSTRAINT max_age_is_1_s_to_90_days CHECK (((max_age >= '00:00:01'::interval) AND (max_age <= '90 days'::interval))),
    CONSTRAINT max_attempts_is_1_to_1000 CHECK (((max_attempts >= 1) AND (max_attempts <= 1000))),
    CONSTRAINT max_deliveries_is_1_or_more CHECK ((max_deliveries >= 1)),
    CONSTRAINT on_exhausted_is_known CHECK ((on_exhausted = ANY (ARRAY['skip'::text, 'block'::text, 'park'::text]))),
    CONSTRAINT ordering_is_known CHECK ((ordering = ANY (ARRAY['none'::text, 'object'::text, 'strict'::text]))),
    CONSTRAINT permanent_codes_are_300_to_599 CHECK (((300 <= ALL (permanent_codes)) AND (599 >= ALL (permanent_codes)))),
    CONSTRAINT rate_is_above_0_to_10000 CHECK (((rate > (0)::double precision) AND (rate <= (10000)::double precision))),
    CONSTRAINT severity_thresholds_are_1_to_9_of_1_s_and_more CHECK (((cardinality(severity_thresholds) >= 1) AND (cardinality(severity_thresholds) <= 9) AND ('00:00:01'::interval <= ALL (severity_thresholds)))),
    CONSTRAINT status_is_known CHECK ((status = ANY (ARRAY['active'::text, 'failing'::text, 'paused'::text, 'disabled'::text, 'gone'::text]))),
    CONSTRAINT success_codes_are_200_to_299 CHECK (((cardinality(success_codes) > 0) AND (200 <= ALL (success_codes)) AND (299 >= ALL (success_codes)))),
    CONSTRAINT ttl_is_1_s_to_90_days CHECK (((ttl >= '00:00:01'::interval) AND (ttl <= '90 days'::interval))),
    CONSTRAINT while_off_is_hold_or_skip CHECK ((while_off = ANY (ARRAY['hold'::text, 'skip'::text])))
);
CREATE FUNCTION outbox.choose_subscriptions(subscription bigint, subscriptions bigint[], subscriber text, pattern text) RETURNS SETOF outbox.subscription
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.claim(relay text, free integer, busy bigint[], busy_running integer[], start_after bigint, busy_limits integer[] DEFAULT '{}'::integer[], others_limit integer DEFAULT NULL::integer, busy_only boolean DEFAULT false) RETURNS TABLE(delivery bigint, attempt integer, retry_base integer, subscription bigint, version integer, event_slot smallint, event_id bigint, event_type text, webhook_id text, body text, body_error text, traceparent text, trace_id text, headers jsonb, occurred_at double precision, aged_from double precision, claimed_at double precision, ordered boolean, seq bigint, previous_event bigint, previous_seq bigint, format text, attributes jsonb, copied jsonb, batch integer, lease double precision)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.claim_key(type text, key text, "window" interval, INOUT uid uuid, OUT is_new boolean) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.claim_more(ids bigint[], posts bigint[], now timestamp with time zone) RETURNS TABLE(id bigint, enveloped boolean, latest boolean)
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.close_breaker(subscription bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.cloudevent(event outbox.event) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    AS ...;
CREATE FUNCTION outbox.cloudevents_source() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS ...;
CREATE FUNCTION outbox.compact(subscription bigint, reason text DEFAULT NULL::text, dry_run boolean DEFAULT true, batch integer DEFAULT 100000) RETURNS TABLE(waiting bigint, superseded bigint, done bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.condition_of(trigger oid) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.context_headers() RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS ...;
CREATE FUNCTION outbox.copied_headers(event outbox.event, headers jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS ...;
CREATE FUNCTION outbox.count_delivered(deliveries bigint[], outcomes text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.count_troubled() RETURNS TABLE(status text, subscriptions bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.define_event_type(name text, description text DEFAULT ''::text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.define_object(object text, root regclass, builder text DEFAULT NULL::text, gate text DEFAULT NULL::text, id text DEFAULT NULL::text, mode text DEFAULT 'transaction'::text, data text DEFAULT 'full'::text, on_error text DEFAULT 'abort'::text, history boolean DEFAULT false, only_columns text[] DEFAULT NULL::text[], ignored_columns text[] DEFAULT NULL::text[], condition text DEFAULT NULL::text, verbs jsonb DEFAULT NULL::jsonb, row_bytes_max integer DEFAULT 262144, path text DEFAULT current_setting('search_path'::text)) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.deliver(slot smallint, events bigint[]) RETURNS integer
    LANGUAGE plpgsql
    AS ...;
CREATE FUNCTION outbox.deliver_matching(slot smallint, events bigint[], everything boolean) RETURNS integer
    LANGUAGE plpgsql
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS ...;
CREATE FUNCTION outbox.deliver_plain(slot smallint, events bigint[]) RETURNS integer
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    AS ...;
CREATE FUNCTION outbox.deliver_special(slot smallint, events bigint[]) RETURNS integer
    LANGUAGE plpgsql
    AS ...;
CREATE FUNCTION outbox.deliver_type(slot smallint, type text, events bigint[], due_at timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql
    AS ...;
CREATE FUNCTION outbox.descendants(relation regclass) RETURNS SETOF regclass
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.diff(old jsonb, new jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS ...;
CREATE FUNCTION outbox.doorbell_silence() RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.drop_through(relation regclass, through text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.due_leaves(moment timestamp with time zone) RETURNS TABLE(leaf text, slot smallint, written_on date)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.emit(event_type text, data jsonb DEFAULT 'null'::jsonb, object text DEFAULT NULL::text, object_id text DEFAULT NULL::text, dedupe_key text DEFAULT NULL::text, dedupe_window interval DEFAULT '1 day'::interval, due_at timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.empty_leaf(leaf text, slot smallint, moment timestamp with time zone) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '100ms'
    AS ...;
CREATE FUNCTION outbox.enable(subscription bigint DEFAULT NULL::bigint, reason text DEFAULT NULL::text, subscriptions bigint[] DEFAULT NULL::bigint[], subscriber text DEFAULT NULL::text, pattern text DEFAULT NULL::text) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.end_deliveries(deliveries bigint[], outcome text, reasons text[]) RETURNS bigint[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_nestloop TO 'off'
    AS ...;
CREATE FUNCTION outbox.end_delivery(delivery bigint, outcome text, reason text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.end_subscriptions(batch integer DEFAULT 1000) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.endpoint(url text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS ...;
CREATE FUNCTION outbox.envelop(event outbox.event, envelope text, subscription bigint) RETURNS text[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET "DateStyle" TO 'ISO, YMD'
    SET "IntervalStyle" TO 'postgres'
    SET extra_float_digits TO '1'
    SET bytea_output TO 'hex'
    SET xmlbinary TO 'base64'
    SET lc_monetary TO 'C'
    SET lc_numeric TO 'C'
    SET lc_time TO 'C'
    AS ...;
CREATE FUNCTION outbox.event_of(uid uuid) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.event_uid(id bigint) RETURNS uuid
    LANGUAGE sql PARALLEL SAFE
    AS ...;
CREATE FUNCTION outbox.excluded_words(source text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS ...;
CREATE FUNCTION outbox.expand(batch integer DEFAULT 1000) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.explain(sql text, path text DEFAULT current_setting('search_path'::text)) RETURNS TABLE(event_type text, object text, object_id text, data jsonb, subscription bigint, subscriber text, matches boolean, reason text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.explain_open() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.explainable(sql text, path text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.fan_out_max() RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS ...;
CREATE FUNCTION outbox.filter_anchor(filter jsonb, pattern text, subscription bigint, OUT path text[], OUT value text) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.find(webhook_id text) RETURNS TABLE(event bigint, event_type text, object text, object_id text, occurred_at timestamp with time zone, trace_id text, data jsonb, subscription bigint, subscriber text, endpoint text, delivery bigint, state text, due_at timestamp with time zone, attempt integer, started_at timestamp with time zone, duration_ms double precision, class text, status integer, error text, response text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.find_function(signature text) RETURNS regprocedure
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.forget_watch(watch integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.formatted(event outbox.event, format text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS ...;
CREATE FUNCTION outbox.function_name(signature text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.heads(subscription bigint, moment timestamp with time zone, places integer) RETURNS TABLE(id bigint, object_key bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET jit TO 'off'
    AS ...;
CREATE FUNCTION outbox.home() RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.is_home() RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.judge_subscriptions(subscriptions bigint[]) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.keep_needed(leaf text, slot smallint, walked_to bigint, batch integer, OUT looked integer, OUT moved bigint, OUT last bigint) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.keep_subscriptions(batch integer DEFAULT 1000) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.keep_tombstone() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.labels_in(conditions text[]) RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.labels_stand(labels text[]) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.leave_duty(duty text, relay text) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.let_call(called text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.link_events(watch integer, slots smallint[], fresh bigint[], INOUT ids bigint[], INOUT types text[], INOUT datas jsonb[]) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.lock_for_triggers(relation regclass, mode text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '2s'
    AS ...;
CREATE TABLE outbox.object_head (
    object text NOT NULL,
    object_id text NOT NULL,
    seq bigint DEFAULT 1 NOT NULL,
    published boolean DEFAULT true NOT NULL
)
WITH (fillfactor='70');
CREATE UNLOGGED TABLE outbox.touched (
    xid xid8 NOT NULL,
    object text NOT NULL,
    object_id text NOT NULL,
    first_op "char",
    last_op "char",
    type text,
    data jsonb,
    source text,
    trace_id text,
    traceparent text,
    headers jsonb
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='5000', autovacuum_vacuum_cost_delay='0');
CREATE FUNCTION outbox.lock_heads(touched outbox.touched[]) RETURNS outbox.object_head[]
    LANGUAGE plpgsql
    AS ...;
CREATE FUNCTION outbox.make_signing_key() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.make_through(relation regclass, object text, through text, path text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.match_words(pattern text, only_object_id text, filter jsonb, filter_path jsonpath, exclude_source text, status text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.measure(subscriptions_max integer) RETURNS TABLE(subscription bigint, subscriber text, open bigint, dead bigint, oldest_age double precision, due_at double precision, due_for double precision, first_due bigint, held bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET max_parallel_workers_per_gather TO '0'
    AS ...;
CREATE FUNCTION outbox.merge_diffs(diffs jsonb[]) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.merge_events(watch integer, slot smallint, events bigint[], since bigint, partial boolean, nested boolean, sealing boolean DEFAULT false) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'auto'
    AS ...;
CREATE FUNCTION outbox.mismatch(pattern text, only_object_id text, filter jsonb, filter_path jsonpath, exclude_source text, status text, event_type text, data jsonb, object_id text, source text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.missing_triggers(relation regclass, watch integer) RETURNS SETOF regclass
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.net_type(object text, types text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.next_due(ago_ms double precision DEFAULT 0, full_up bigint[] DEFAULT '{}'::bigint[]) RETURNS double precision
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.note_ended() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.object_key(object text, object_id text) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS ...;
CREATE FUNCTION outbox.pack(ids bigint[], posts bigint[], made bigint[], bodies text[]) RETURNS TABLE(id bigint, batch integer, news boolean, body text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.pass_barrier(subscription bigint, drawn bigint, moment timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.path_holds(data jsonb, path jsonpath) RETURNS boolean
    LANGUAGE plpgsql STABLE COST 1000
    AS ...;
CREATE FUNCTION outbox.patterns(event_type text) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS ...;
CREATE FUNCTION outbox.pause(subscription bigint DEFAULT NULL::bigint, reason text DEFAULT NULL::text, subscriptions bigint[] DEFAULT NULL::bigint[], subscriber text DEFAULT NULL::text, pattern text DEFAULT NULL::text) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.payload_omitted(bytes_max bigint) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS ...;
CREATE FUNCTION outbox.permit_watch(role regrole) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.ping(subscription bigint) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.probe_conditions(relation regclass, conditions text[]) RETURNS regclass
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.probe_id(relation regclass, id text) RETURNS regclass
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.probes(subscription bigint, moment timestamp with time zone, room integer) RETURNS TABLE(id bigint, object_key bigint, too_old boolean)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET jit TO 'off'
    AS ...;
CREATE FUNCTION outbox.purge_old(moment timestamp with time zone DEFAULT clock_timestamp(), batch integer DEFAULT 5000, OUT letters bigint, OUT events bigint, OUT attempts bigint, OUT keys bigint) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.rate_left(rate double precision, tat timestamp with time zone, at timestamp with time zone) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS ...;
CREATE FUNCTION outbox.reach(watch integer, rows text) RETURNS SETOF text
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'auto'
    AS ...;
CREATE FUNCTION outbox.reach_again(xid xid8) RETURNS void
    LANGUAGE plpgsql
    AS ...;
CREATE FUNCTION outbox.reach_query(watch integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.read_conditions(relation regclass, probe regclass, count integer, OUT conditions text[], OUT columns text[]) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.read_signing_secret(secret text, OUT kind text, OUT bytes bytea, OUT reference text) RETURNS record
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.readers() RETURNS text[]
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.record_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.refuse_explained() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.refuse_truncate() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.regenerate(object text DEFAULT NULL::text) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.register_object(object text, root regclass, builder text, builder_kind text, gate text, mode text, data text, on_error text, history boolean) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.register_watch(relation regclass, object text, id_probe regclass, conditions_probe regclass, verb_types text[], history boolean, row_bytes_max integer, only_columns text[], ignored_columns text[], mode text, data text, through text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.release_lanes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.remaining(subscription bigint, max_deliveries integer) RETURNS bigint
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.render(object text, ids text[]) RETURNS SETOF outbox.rendered
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'auto'
    AS ...;
CREATE FUNCTION outbox.render_bravely(object text, ids text[]) RETURNS outbox.rendered[]
    LANGUAGE plpgsql
    AS ...;
CREATE FUNCTION outbox.render_object(object text, touched outbox.touched[], heads outbox.object_head[]) RETURNS boolean
    LANGUAGE plpgsql
    AS ...;
CREATE FUNCTION outbox.render_query(object outbox.object) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.reopen(deliveries bigint[], reason text) RETURNS bigint[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.reopen_watches(part regclass) RETURNS TABLE(id integer, relation regclass, object text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.reorder_lanes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.repair(action text, reason text DEFAULT NULL::text, deliveries bigint[] DEFAULT NULL::bigint[], subscription bigint DEFAULT NULL::bigint, subscriber text DEFAULT NULL::text, event_type text DEFAULT NULL::text, object text DEFAULT NULL::text, object_id text DEFAULT NULL::text, filter jsonb DEFAULT NULL::jsonb, "from" timestamp with time zone DEFAULT NULL::timestamp with time zone, "to" timestamp with time zone DEFAULT NULL::timestamp with time zone, state text DEFAULT 'all'::text, dry_run boolean DEFAULT true, batch integer DEFAULT 10000) RETURNS TABLE(subscription_id bigint, subscriber_name text, dead bigint, waiting bigint, under_way bigint, done bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_nestloop TO 'off'
    SET jit TO 'off'
    AS ...;
CREATE FUNCTION outbox.replay(event_type text, "from" timestamp with time zone, "to" timestamp with time zone, reason text DEFAULT NULL::text, dry_run boolean DEFAULT true, subscription bigint DEFAULT NULL::bigint, subscriber text DEFAULT NULL::text, object text DEFAULT NULL::text, object_id text DEFAULT NULL::text, filter jsonb DEFAULT NULL::jsonb, made_later boolean DEFAULT false, after bigint DEFAULT 0, batch integer DEFAULT 10000) RETURNS TABLE(subscription_id bigint, subscriber_name text, events bigint, open bigint, superseded bigint, next_after bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    SET enable_nestloop TO 'off'
    AS ...;
CREATE PROCEDURE outbox.replay_all(IN event_type text, IN "from" timestamp with time zone, IN "to" timestamp with time zone, IN reason text, IN subscription bigint DEFAULT NULL::bigint, IN subscriber text DEFAULT NULL::text, IN object text DEFAULT NULL::text, IN object_id text DEFAULT NULL::text, IN filter jsonb DEFAULT NULL::jsonb, IN made_later boolean DEFAULT false, IN after bigint DEFAULT 0, IN batch integer DEFAULT 10000)
    LANGUAGE plpgsql
    AS ...;
CREATE FUNCTION outbox.replay_events(event_type text, object text, object_id text, filter jsonb, numbers boolean) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.replay_pairs(few boolean, events text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.report_certificates(relay text, certificates jsonb) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.report_relay(name text, host text, pid integer, release text, doorbell text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.report_stop(name text, host text, pid integer) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.require_backfill(object text) RETURNS outbox.object
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.require_event_type(pattern text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.require_home() RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.require_object_owner(object text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.require_subscriptions(subscription bigint, subscriber text) RETURNS bigint[]
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.reset_health(subscriptions bigint[]) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.resolve_function(name text, path text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.resume(subscription bigint DEFAULT NULL::bigint, reason text DEFAULT NULL::text, subscriptions bigint[] DEFAULT NULL::bigint[], subscriber text DEFAULT NULL::text, pattern text DEFAULT NULL::text) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.retry(delivery bigint, reason text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.rewatch(relation regclass DEFAULT NULL::regclass) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.ring() RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.rotate_signing_secret(subscription bigint, overlap interval DEFAULT '1 day'::interval, secret text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.route(event_type text, data jsonb DEFAULT 'null'::jsonb, object_id text DEFAULT NULL::text, source text DEFAULT NULL::text) RETURNS TABLE(subscription bigint, subscriber text, pattern text, matches boolean, reason text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.runs_apart(called text, relation regclass) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.schedule(wanted text DEFAULT NULL::text) RETURNS TABLE(name text, description text, deadline interval, success_codes integer[], immediate_retries integer, delays interval[], max_attempts integer, severity_thresholds interval[], breaker_after integer)
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.seal() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    AS ...;
CREATE FUNCTION outbox.seal_one(touched outbox.touched) RETURNS boolean
    LANGUAGE plpgsql
    AS ...;
CREATE FUNCTION outbox.seal_watch(watch integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.set_signing_secret(subscription bigint, secret text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.settle(relay text, again boolean, deliveries bigint[], attempts integer[], subscriptions bigint[], event_slots smallint[], event_ids bigint[], ages_ms double precision[], durations_ms double precision[], classes text[], statuses integer[], error_classes text[], errors text[], responses text[], outcomes text[], retries_in_ms double precision[], holds_ms double precision[] DEFAULT NULL::double precision[], tls text[] DEFAULT NULL::text[], alones boolean[] DEFAULT NULL::boolean[], followers boolean[] DEFAULT NULL::boolean[], OUT late integer, OUT changes jsonb, OUT dead bigint[]) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.settle_breaker(subscriptions bigint[], deliveries bigint[], classes text[], ages_ms double precision[], durations_ms double precision[], holds_ms double precision[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.settle_gone(subscriptions bigint[], ages_ms double precision[], outcomes text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.settle_health(again boolean, deliveries bigint[], attempts integer[], subscriptions bigint[], event_ids bigint[], ages_ms double precision[], durations_ms double precision[], classes text[], statuses integer[], error_classes text[], errors text[], outcomes text[], holds_ms double precision[], OUT changes jsonb, OUT fatal bigint[]) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.settle_lanes(deliveries bigint[], attempts integer[], outcomes text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.severity(thresholds interval[], elapsed interval) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS ...;
CREATE FUNCTION outbox.short_id(object_id text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS ...;
CREATE FUNCTION outbox.shortened_id(object_id text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS ...;
CREATE FUNCTION outbox.signing_public_key(subscription bigint) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.signing_secret(subscription bigint) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.skip(delivery bigint, reason text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.skip_capture(relation oid, operation text, rows bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.skip_held(subscription bigint, reason text, batch integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.skipped_words(subscription bigint, status text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.slot(moment timestamp with time zone) RETURNS smallint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS ...;
CREATE FUNCTION outbox.subscribe(subscriber text, pattern text, url text, identity text DEFAULT NULL::text, headers jsonb DEFAULT NULL::jsonb, concurrency integer DEFAULT NULL::integer, deadline interval DEFAULT NULL::interval, max_attempts integer DEFAULT NULL::integer, backoff_base interval DEFAULT NULL::interval, backoff_cap interval DEFAULT NULL::interval, secret text DEFAULT NULL::text, object_id text DEFAULT NULL::text, filter jsonb DEFAULT NULL::jsonb, filter_path text DEFAULT NULL::text, exclude_source text DEFAULT NULL::text, envelope text DEFAULT NULL::text, schedule text DEFAULT NULL::text, immediate_retries integer DEFAULT NULL::integer, delays interval[] DEFAULT NULL::interval[], max_age interval DEFAULT NULL::interval, ttl interval DEFAULT NULL::interval, success_codes integer[] DEFAULT NULL::integer[], permanent_codes integer[] DEFAULT NULL::integer[], gone_codes integer[] DEFAULT NULL::integer[], severity_thresholds interval[] DEFAULT NULL::interval[], disable_after_failures integer DEFAULT NULL::integer, disable_after interval DEFAULT NULL::interval, breaker_after integer DEFAULT NULL::integer, while_off text DEFAULT NULL::text, ordering text DEFAULT NULL::text, barrier boolean DEFAULT NULL::boolean, on_exhausted text DEFAULT NULL::text, rate double precision DEFAULT NULL::double precision, connect_deadline interval DEFAULT NULL::interval, http2 boolean DEFAULT NULL::boolean, format text DEFAULT NULL::text, batch_max integer DEFAULT NULL::integer, batch_bytes integer DEFAULT NULL::integer, auth jsonb DEFAULT NULL::jsonb, expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone, max_deliveries integer DEFAULT NULL::integer) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.subscription_settings(subscriptions bigint[]) RETURNS TABLE(id bigint, version integer, settings jsonb, secrets bytea[])
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.supersede(subscriptions bigint[], keys bigint[], events bigint[], under_way boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.supersede_claimed(deliveries bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.sweep_lanes() RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.take_duty(duty text, relay text, lease interval) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.take_over(relation regclass, object text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.throttle(subscription bigint, wanted integer) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.throttle_taken(deliveries bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.through_of(through text, relation regclass) RETURNS regprocedure
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.try_builder(root regclass, id text, builder text, builder_kind text, gate text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.turn_ring(skip text[] DEFAULT '{}'::text[], moment timestamp with time zone DEFAULT clock_timestamp(), batch integer DEFAULT 5000, OUT leaf text, OUT step text, OUT moved bigint) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '100ms'
    AS ...;
CREATE FUNCTION outbox.uid_mark() RETURNS text
    LANGUAGE sql PARALLEL SAFE
    AS ...;
CREATE FUNCTION outbox.unsubscribe(subscription bigint) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.unwatch(relation regclass, object text DEFAULT NULL::text) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.wake_lanes(subscription bigint, park boolean, moment timestamp with time zone, batch integer) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_nestloop TO 'off'
    SET jit TO 'off'
    AS ...;
CREATE FUNCTION outbox.watch(relation regclass, object text, id text DEFAULT NULL::text, history boolean DEFAULT NULL::boolean, row_bytes_max integer DEFAULT 262144, only_columns text[] DEFAULT NULL::text[], ignored_columns text[] DEFAULT NULL::text[], condition text DEFAULT NULL::text, verbs jsonb DEFAULT NULL::jsonb, mode text DEFAULT NULL::text, data text DEFAULT NULL::text, through text DEFAULT NULL::text, path text DEFAULT current_setting('search_path'::text)) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.watches_of(relation regclass) RETURNS TABLE(id integer, object text, relation regclass, through text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.webhook_id(event_uid uuid, subscription_key text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS ...;
CREATE FUNCTION outbox.why(event text, subscription bigint DEFAULT NULL::bigint) RETURNS TABLE(event_id bigint, event_type text, object text, object_id text, occurred_at timestamp with time zone, subscription_id bigint, subscriber text, state text, reason text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.within_allowance(deliveries bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.write_call(name text, arguments text, returned text, branches text, calls_apart boolean) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.write_calls() RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE FUNCTION outbox.write_rendered(object outbox.object, touched outbox.touched[], heads outbox.object_head[], rendered outbox.rendered[]) RETURNS boolean
    LANGUAGE plpgsql
    SET enable_nestloop TO 'off'
    AS ...;
CREATE FUNCTION outbox.written(watch integer, slot smallint, events bigint[], since bigint) RETURNS SETOF outbox.event
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS ...;
CREATE TABLE outbox.allowance (
    subscription bigint NOT NULL,
    delivered integer DEFAULT 0 NOT NULL,
    spent boolean DEFAULT false NOT NULL
)
WITH (fillfactor='70');
CREATE SEQUENCE outbox.attempt_id
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE outbox.attempt (
    slot smallint NOT NULL,
    id bigint DEFAULT nextval('outbox.attempt_id'::regclass) NOT NULL,
    delivery bigint NOT NULL,
    attempt integer NOT NULL,
    subscription bigint NOT NULL,
    event_slot smallint NOT NULL,
    event_id bigint NOT NULL,
    relay text,
    started_at timestamp with time zone NOT NULL,
    duration_ms double precision,
    class text,
    status integer,
    error_class text,
    error text,
    response text,
    outcome text,
    late boolean DEFAULT false NOT NULL,
    tls jsonb,
    CONSTRAINT an_attempt_an_ending_or_a_note CHECK (((class IS NOT NULL) OR (outcome IS NOT NULL) OR ((attempt = 0) AND (error IS NOT NULL)))),
    CONSTRAINT class_is_known CHECK ((class = ANY (ARRAY['delivered'::text, 'rejected'::text, 'not_sent'::text, 'unknown'::text]))),
    CONSTRAINT outcome_is_known CHECK ((outcome = ANY (ARRAY['delivered'::text, 'dead'::text, 'expired'::text, 'skipped'::text, 'cancelled'::text])))
)
PARTITION BY LIST (slot);
CREATE TABLE outbox.attempt_0 (
    slot smallint NOT NULL,
    id bigint DEFAULT nextval('outbox.attempt_id'::regclass) NOT NULL,
    delivery bigint NOT NULL,
    attempt integer NOT NULL,
    subscription bigint NOT NULL,
    event_slot smallint NOT NULL,
    event_id bigint NOT NULL,
    relay text,
    started_at timestamp with time zone NOT NULL,
    duration_ms double precision,
    class text,
    status integer,
    error_class text,
    error text,
    response text,
    outcome text,
    late boolean DEFAULT false NOT NULL,
    tls jsonb,
    CONSTRAINT an_attempt_an_ending_or_a_note CHECK (((class IS NOT NULL) OR (outcome IS NOT NULL) OR ((attempt = 0) AND (error IS NOT NULL)))),
    CONSTRAINT class_is_known CHECK ((class = ANY (ARRAY['delivered'::text, 'rejected'::text, 'not_sent'::text, 'unknown'::text]))),
    CONSTRAINT outcome_is_known CHECK ((outcome = ANY (ARRAY['delivered'::text, 'dead'::text, 'expired'::text, 'skipped'::text, 'cancelled'::text])))
);
CREATE TABLE outbox.attempt_1 (
    slot smallint NOT NULL,
    id bigint DEFAULT nextval('outbox.attempt_id'::regclass) NOT NULL,
    delivery bigint NOT NULL,
    attempt integer NOT NULL,
    subscription bigint NOT NULL,
    event_slot smallint NOT NULL,
    event_id bigint NOT NULL,
    relay text,
    started_at timestamp with time zone NOT NULL,
    duration_ms double precision,
    class text,
    status integer,
    error_class text,
    error text,
    response text,
    outcome text,
    late boolean DEFAULT false NOT NULL,
    tls jsonb,
    CONSTRAINT an_attempt_an_ending_or_a_note CHECK (((class IS NOT NULL) OR (outcome IS NOT NULL) OR ((attempt = 0) AND (error IS NOT NULL)))),
    CONSTRAINT class_is_known CHECK ((class = ANY (ARRAY['delivered'::text, 'rejected'::text, 'not_sent'::text, 'unknown'::text]))),
    CONSTRAINT outcome_is_known CHECK ((outcome = ANY (ARRAY['delivered'::text, 'dead'::text, 'expired'::text, 'skipped'::text, 'cancelled'::text])))
);
CREATE TABLE outbox.attempt_2 (
    slot smallint NOT NULL,
    id bigint DEFAULT nextval('outbox.attempt_id'::regclass) NOT NULL,
    delivery bigint NOT NULL,
    attempt integer NOT NULL,
    subscription bigint NOT NULL,
    event_slot smallint NOT NULL,
    event_id bigint NOT NULL,
    relay text,
    started_at timestamp with time zone NOT NULL,
    duration_ms double precision,
    class text,
    status integer,
    error_class text,
    error text,
    response text,
    outcome text,
    late boolean DEFAULT false NOT NULL,
    tls jsonb,
    CONSTRAINT an_attempt_an_ending_or_a_note CHECK (((class IS NOT NULL) OR (outcome IS NOT NULL) OR ((attempt = 0) AND (error IS NOT NULL)))),
    CONSTRAINT class_is_known CHECK ((class = ANY (ARRAY['delivered'::text, 'rejected'::text, 'not_sent'::text, 'unknown'::text]))),
    CONSTRAINT outcome_is_known CHECK ((outcome = ANY (ARRAY['delivered'::text, 'dead'::text, 'expired'::text, 'skipped'::text, 'cancelled'::text])))
);
CREATE TABLE outbox.attempt_3 (
    slot smallint NOT NULL,
    id bigint DEFAULT nextval('outbox.attempt_id'::regclass) NOT NULL,
    delivery bigint NOT NULL,
    attempt integer NOT NULL,
    subscription bigint NOT NULL,
    event_slot smallint NOT NULL,
    event_id bigint NOT NULL,
    relay text,
    started_at timestamp with time zone NOT NULL,
    duration_ms double precision,
    class text,
    status integer,
    error_class text,
    error text,
    response text,
    outcome text,
    late boolean DEFAULT false NOT NULL,
    tls jsonb,
    CONSTRAINT an_attempt_an_ending_or_a_note CHECK (((class IS NOT NULL) OR (outcome IS NOT NULL) OR ((attempt = 0) AND (error IS NOT NULL)))),
    CONSTRAINT class_is_known CHECK ((class = ANY (ARRAY['delivered'::text, 'rejected'::text, 'not_sent'::text, 'unknown'::text]))),
    CONSTRAINT outcome_is_known CHECK ((outcome = ANY (ARRAY['delivered'::text, 'dead'::text, 'expired'::text, 'skipped'::text, 'cancelled'::text])))
);
CREATE TABLE outbox.attempt_4 (
    slot smallint NOT NULL,
    id bigint DEFAULT nextval('outbox.attempt_id'::regclass) NOT NULL,
    delivery bigint NOT NULL,
    attempt integer NOT NULL,
    subscription bigint NOT NULL,
    event_slot smallint NOT NULL,
    event_id bigint NOT NULL,
    relay text,
    started_at timestamp with time zone NOT NULL,
    duration_ms double precision,
    class text,
    status integer,
    error_class text,
    error text,
    response text,
    outcome text,
    late boolean DEFAULT false NOT NULL,
    tls jsonb,
    CONSTRAINT an_attempt_an_ending_or_a_note CHECK (((class IS NOT NULL) OR (outcome IS NOT NULL) OR ((attempt = 0) AND (error IS NOT NULL)))),
    CONSTRAINT class_is_known CHECK ((class = ANY (ARRAY['delivered'::text, 'rejected'::text, 'not_sent'::text, 'unknown'::text]))),
    CONSTRAINT outcome_is_known CHECK ((outcome = ANY (ARRAY['delivered'::text, 'dead'::text, 'expired'::text, 'skipped'::text, 'cancelled'::text])))
);
CREATE TABLE outbox.attempt_5 (
    slot smallint NOT NULL,
    id bigint DEFAULT nextval('outbox.attempt_id'::regclass) NOT NULL,
    delivery bigint NOT NULL,
    attempt integer NOT NULL,
    subscription bigint NOT NULL,
    event_slot smallint NOT NULL,
    event_id bigint NOT NULL,
    relay text,
    started_at timestamp with time zone NOT NULL,
    duration_ms double precision,
    class text,
    status integer,
    error_class text,
    error text,
    response text,
    outcome text,
    late boolean DEFAULT false NOT NULL,
    tls jsonb,
    CONSTRAINT an_attempt_an_ending_or_a_note CHECK (((class IS NOT NULL) OR (outcome IS NOT NULL) OR ((attempt = 0) AND (error IS NOT NULL)))),
    CONSTRAINT class_is_known CHECK ((class = ANY (ARRAY['delivered'::text, 'rejected'::text, 'not_sent'::text, 'unknown'::text]))),
    CONSTRAINT outcome_is_known CHECK ((outcome = ANY (ARRAY['delivered'::text, 'dead'::text, 'expired'::text, 'skipped'::text, 'cancelled'::text])))
);
CREATE TABLE outbox.attempt_6 (
    slot smallint NOT NULL,
    id bigint DEFAULT nextval('outbox.attempt_id'::regclass) NOT NULL,
    delivery bigint NOT NULL,
    attempt integer NOT NULL,
    subscription bigint NOT NULL,
    event_slot smallint NOT NULL,
    event_id bigint NOT NULL,
    relay text,
    started_at timestamp with time zone NOT NULL,
    duration_ms double precision,
    class text,
    status integer,
    error_class text,
    error text,
    response text,
    outcome text,
    late boolean DEFAULT false NOT NULL,
    tls jsonb,
    CONSTRAINT an_attempt_an_ending_or_a_note CHECK (((class IS NOT NULL) OR (outcome IS NOT NULL) OR ((attempt = 0) AND (error IS NOT NULL)))),
    CONSTRAINT class_is_known CHECK ((class = ANY (ARRAY['delivered'::text, 'rejected'::text, 'not_sent'::text, 'unknown'::text]))),
    CONSTRAINT outcome_is_known CHECK ((outcome = ANY (ARRAY['delivered'::text, 'dead'::text, 'expired'::text, 'skipped'::text, 'cancelled'::text])))
);
CREATE TABLE outbox.attempt_7 (
    slot smallint NOT NULL,
    id bigint DEFAULT nextval('outbox.attempt_id'::regclass) NOT NULL,
    delivery bigint NOT NULL,
    attempt integer NOT NULL,
    subscription bigint NOT NULL,
    event_slot smallint NOT NULL,
    event_id bigint NOT NULL,
    relay text,
    started_at timestamp with time zone NOT NULL,
    duration_ms double precision,
    class text,
    status integer,
    error_class text,
    error text,
    response text,
    outcome text,
    late boolean DEFAULT false NOT NULL,
    tls jsonb,
    CONSTRAINT an_attempt_an_ending_or_a_note CHECK (((class IS NOT NULL) OR (outcome IS NOT NULL) OR ((attempt = 0) AND (error IS NOT NULL)))),
    CONSTRAINT class_is_known CHECK ((class = ANY (ARRAY['delivered'::text, 'rejected'::text, 'not_sent'::text, 'unknown'::text]))),
    CONSTRAINT outcome_is_known CHECK ((outcome = ANY (ARRAY['delivered'::text, 'dead'::text, 'expired'::text, 'skipped'::text, 'cancelled'::text])))
);
CREATE TABLE outbox.attempt_kept (
    slot smallint NOT NULL,
    id bigint DEFAULT nextval('outbox.attempt_id'::regclass) NOT NULL,
    delivery bigint NOT NULL,
    attempt integer NOT NULL,
    subscription bigint NOT NULL,
    event_slot smallint NOT NULL,
    event_id bigint NOT NULL,
    relay text,
    started_at timestamp with time zone NOT NULL,
    duration_ms double precision,
    class text,
    status integer,
    error_class text,
    error text,
    response text,
    outcome text,
    late boolean DEFAULT false NOT NULL,
    tls jsonb,
    CONSTRAINT an_attempt_an_ending_or_a_note CHECK (((class IS NOT NULL) OR (outcome IS NOT NULL) OR ((attempt = 0) AND (error IS NOT NULL)))),
    CONSTRAINT class_is_known CHECK ((class = ANY (ARRAY['delivered'::text, 'rejected'::text, 'not_sent'::text, 'unknown'::text]))),
    CONSTRAINT outcome_is_known CHECK ((outcome = ANY (ARRAY['delivered'::text, 'dead'::text, 'expired'::text, 'skipped'::text, 'cancelled'::text])))
);
CREATE UNLOGGED TABLE outbox.awaiting (
    xid xid8 NOT NULL,
    event_slot smallint NOT NULL,
    event_id bigint NOT NULL,
    unmerged boolean DEFAULT false NOT NULL,
    old jsonb,
    new jsonb
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='5000', autovacuum_vacuum_cost_delay='0');
CREATE TABLE outbox.backfill_run (
    id bigint NOT NULL,
    object text NOT NULL,
    condition text,
    subscription bigint,
    objects bigint,
    walked_to text,
    walked bigint DEFAULT 0 NOT NULL,
    sent bigint DEFAULT 0 NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    started_by text DEFAULT SESSION_USER NOT NULL,
    stepped_at timestamp with time zone,
    ended_at timestamp with time zone,
    cancelled boolean DEFAULT false NOT NULL
);
ALTER TABLE outbox.backfill_run ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox.backfill_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE VIEW outbox.backfilling AS
 SELECT r.id AS run,
    r.object,
    r.condition,
    r.subscription,
        CASE
            WHEN r.cancelled THEN 'cancelled'::text
            WHEN (r.ended_at IS NOT NULL) THEN 'ended'::text
            ELSE 'open'::text
        END AS state,
    r.walked,
    r.sent,
    r.objects AS of,
        CASE
            WHEN ((r.ended_at IS NOT NULL) AND (NOT r.cancelled)) THEN (100)::numeric
            WHEN (r.objects > 0) THEN LEAST(round(((100.0 * (r.walked)::numeric) / (r.objects)::numeric), 1), 99.9)
            ELSE NULL::numeric
        END AS percent,
        CASE
            WHEN (r.ended_at IS NULL) THEN make_interval(secs => (((EXTRACT(epoch FROM (r.stepped_at - r.started_at)))::double precision * (GREATEST((r.objects - r.walked), (0)::bigint))::double precision) / (NULLIF(r.walked, 0))::double precision))
            ELSE NULL::interval
        END AS eta,
    r.started_at,
    r.started_by,
    r.stepped_at,
    r.ended_at,
        CASE
            WHEN (r.ended_at IS NULL) THEN format('call outbox.backfill(%L%s%s)'::text, r.object, (', '::text || quote_literal(r.condition)), (', subscription => '::text || r.subscription))
            ELSE NULL::text
        END AS remedy
   FROM outbox.backfill_run r
  ORDER BY r.id DESC;
CREATE TABLE outbox.delivery (
    id bigint NOT NULL,
    subscription bigint NOT NULL,
    event_slot smallint NOT NULL,
    event_id bigint NOT NULL,
    due_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    retry_base integer DEFAULT 0 NOT NULL,
    leased_by text,
    object_key bigint,
    since timestamp with time zone,
    lane bigint,
    alone boolean DEFAULT false NOT NULL,
    CONSTRAINT what_is_parked_has_no_lease CHECK (((due_at < 'infinity'::timestamp with time zone) OR (leased_by IS NULL)))
)
WITH (fillfactor='85', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='2000', autovacuum_vacuum_insert_scale_factor='0.2', autovacuum_vacuum_cost_delay='0', autovacuum_analyze_scale_factor='0.1');
CREATE TABLE outbox.subscription_health (
    subscription bigint NOT NULL,
    consecutive_failures integer DEFAULT 0 NOT NULL,
    failing_since timestamp with time zone,
    dead_in_a_row integer DEFAULT 0 NOT NULL,
    severity integer,
    last_success_at timestamp with time zone,
    last_failure_at timestamp with time zone,
    last_class text,
    last_status integer,
    last_error_class text,
    last_error text,
    held_since timestamp with time zone,
    held_until timestamp with time zone,
    held_why text,
    breaker_opened integer DEFAULT 0 NOT NULL,
    probe bigint,
    tat timestamp with time zone,
    CONSTRAINT held_why_is_known CHECK ((held_why = ANY (ARRAY['breaker'::text, 'retry-after'::text])))
)
WITH (fillfactor='70');
CREATE VIEW outbox.backlog AS
 WITH RECURSIVE span AS (
         SELECT statement_timestamp() AS now,
            outbox.slot(statement_timestamp()) AS today,
            outbox.slot((statement_timestamp() - '00:01:00'::interval)) AS before
        ), stride(nth, id, ended_at) AS (
         SELECT 0 AS "?column?",
            n.id,
            n.ended_at
           FROM (( SELECT a.id,
                    (a.started_at + make_interval(secs => (COALESCE(a.duration_ms, (0)::double precision) / (1000)::double precision))) AS ended_at
                   FROM outbox.attempt a
                  WHERE (a.slot = ( SELECT s_1.today
                           FROM span s_1))
                  ORDER BY a.id DESC
                 LIMIT 1)
                UNION ALL
                ( SELECT a.id,
                    (a.started_at + make_interval(secs => (COALESCE(a.duration_ms, (0)::double precision) / (1000)::double precision)))
                   FROM outbox.attempt a
                  WHERE (a.slot = ( SELECT s_1.before
                           FROM span s_1))
                  ORDER BY a.id DESC
                 LIMIT 1)
          ORDER BY 1 DESC
         LIMIT 1) n
        UNION ALL
         SELECT (t.nth + 1),
            n.id,
            n.ended_at
           FROM (stride t
             CROSS JOIN LATERAL (( SELECT a.id,
                    (a.started_at + make_interval(secs => (COALESCE(a.duration_ms, (0)::double precision) / (1000)::double precision))) AS ended_at
                   FROM outbox.attempt a
                  WHERE ((a.slot = ( SELECT s_1.today
                           FROM span s_1)) AND (a.id <= (t.id - 1000)))
                  ORDER BY a.id DESC
                 LIMIT 1)
                UNION ALL
                ( SELECT a.id,
                    (a.started_at + make_interval(secs => (COALESCE(a.duration_ms, (0)::double precision) / (1000)::double precision)))
                   FROM outbox.attempt a
                  WHERE ((a.slot = ( SELECT s_1.before
                           FROM span s_1)) AND (a.id <= (t.id - 1000)))
                  ORDER BY a.id DESC
                 LIMIT 1)
          ORDER BY 1 DESC
         LIMIT 1) n)
          WHERE ((t.nth < 100) AND (t.ended_at > ( SELECT (s_1.now - '00:01:00'::interval)
                   FROM span s_1)))
        ), seen AS MATERIALIZED (
         SELECT (min(t.id) - 1000) AS from_id,
            max(t.id) AS to_id,
            max(s_1.now) AS now,
                CASE
                    WHEN (max(t.nth) < 100) THEN (max(s_1.now) - '00:01:00'::interval)
                    ELSE GREATEST(min(t.ended_at), (max(s_1.now) - '00:01:00'::interval))
                END AS since
           FROM (stride t
             CROSS JOIN span s_1)
        ), recent AS MATERIALIZED (
         SELECT a.subscription,
            round((((count(*) * 60))::numeric / ( SELECT GREATEST(EXTRACT(epoch FROM (s_1.now - s_1.since)), (1)::numeric) AS "greatest"
                   FROM seen s_1)), 1) AS rate
           FROM outbox.attempt a
          WHERE ((a.slot = ANY (ARRAY[( SELECT s_1.today
                   FROM span s_1), ( SELECT s_1.before
                   FROM span s_1)])) AND ((a.id >= ( SELECT s_1.from_id
                   FROM seen s_1)) AND (a.id <= ( SELECT s_1.to_id
                   FROM seen s_1))) AND (a.outcome IS NOT NULL) AND ((a.started_at + make_interval(secs => (COALESCE(a.duration_ms, (0)::double precision) / (1000)::double precision))) > ( SELECT s_1.since
                   FROM seen s_1)))
          GROUP BY a.subscription
        ), open AS (
         SELECT d.subscription,
            count(*) AS open,
            count(*) FILTER (WHERE (d.due_at <= clock_timestamp())) AS due,
            count(*) FILTER (WHERE ((d.leased_by IS NOT NULL) AND (d.due_at > clock_timestamp()))) AS in_flight,
            count(*) FILTER (WHERE ((d.leased_by IS NULL) AND (d.due_at > clock_timestamp()))) AS waiting,
            max(d.attempt) AS attempts_max,
            min(d.due_at) FILTER (WHERE ((d.leased_by IS NULL) AND (d.due_at > clock_timestamp()) AND (d.due_at < 'infinity'::timestamp with time zone))) AS next_attempt_at,
            min(ARRAY[d.event_id, (d.event_slot)::bigint]) FILTER (WHERE (d.since IS NULL)) AS oldest,
            min(d.since) FILTER (WHERE (d.since <= clock_timestamp())) AS since
           FROM outbox.delivery d
          GROUP BY d.subscription
        )
 SELECT o.subscription,
    s.subscriber,
    s.pattern,
    outbox.endpoint(s.url) AS endpoint,
    s.status,
    o.open,
    o.due,
    o.in_flight,
    o.waiting,
    o.attempts_max,
    o.next_attempt_at,
    LEAST(e.occurred_at, o.since) AS oldest_at,
    (clock_timestamp() - LEAST(e.occurred_at, o.since)) AS oldest_age,
    COALESCE(r.rate, (0)::numeric) AS rate,
    make_interval(secs => (((60.0 * (o.open)::numeric) / NULLIF(r.rate, (0)::numeric)))::double precision) AS eta,
        CASE
            WHEN ((h.held_until > clock_timestamp()) AND (h.held_since >= s.endpoint_since)) THEN h.held_until
            ELSE NULL::timestamp with time zone
        END AS held_until,
        CASE
            WHEN ((h.held_until > clock_timestamp()) AND (h.held_since >= s.endpoint_since)) THEN h.held_why
            ELSE NULL::text
        END AS held_why
   FROM ((((open o
     LEFT JOIN outbox.subscription s ON ((s.id = o.subscription)))
     LEFT JOIN outbox.subscription_health h ON ((h.subscription = o.subscription)))
     LEFT JOIN recent r ON ((r.subscription = o.subscription)))
     LEFT JOIN LATERAL ( SELECT e_1.occurred_at
           FROM outbox.event e_1
          WHERE ((e_1.slot = ANY (ARRAY[(o.oldest[2])::smallint, ((o.oldest[2] + 8))::smallint])) AND (e_1.id = o.oldest[1]))
         LIMIT 1) e ON (true))
  ORDER BY LEAST(e.occurred_at, o.since);
CREATE TABLE outbox.barrier (
    subscription bigint NOT NULL,
    passed bigint DEFAULT 0 NOT NULL,
    event_id bigint,
    horizon xid8,
    since timestamp with time zone
)
WITH (fillfactor='50');
CREATE TABLE outbox.dead_letter (
    delivery bigint NOT NULL,
    subscription bigint NOT NULL,
    event_slot smallint NOT NULL,
    event_id bigint NOT NULL,
    attempt integer NOT NULL,
    died_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    reason text NOT NULL,
    lane bigint
);
CREATE TABLE outbox.lane (
    subscription bigint NOT NULL,
    lane bigint NOT NULL,
    event_id bigint,
    seq bigint,
    blocked_by bigint,
    blocked_since timestamp with time zone,
    touched_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='2000', autovacuum_vacuum_cost_delay='0');
CREATE VIEW outbox.blocked AS
 SELECT b.subscription,
    s.subscriber,
    s.ordering,
    s.on_exhausted,
    e.object,
    e.object_id,
    l.event_id AS event,
    b.blocked_by AS delivery,
    b.blocked_since AS since,
    l.reason,
    ( SELECT count(*) AS count
           FROM outbox.delivery d
          WHERE ((d.subscription = b.subscription) AND (d.lane = b.lane))) AS waiting,
    p.aside,
        CASE
            WHEN (p.aside = 0) THEN format('select outbox.retry(%s)'::text, b.blocked_by)
            ELSE format('select outbox.retry(delivery) from outbox.dead_letter where delivery = %s or subscription = %s and reason = %L'::text, b.blocked_by, b.subscription, p.reason)
        END AS release
   FROM ((((outbox.lane b
     JOIN outbox.subscription s ON ((s.id = b.subscription)))
     LEFT JOIN outbox.dead_letter l ON ((l.delivery = b.blocked_by)))
     CROSS JOIN LATERAL ( SELECT r.reason,
            ( SELECT count(*) AS count
                   FROM outbox.dead_letter i
                  WHERE ((i.subscription = b.subscription) AND (i.reason = r.reason))) AS aside
           FROM ( SELECT format('put aside behind delivery %s, which was given up'::text, b.blocked_by) AS reason) r) p)
     LEFT JOIN LATERAL ( SELECT i.object,
            i.object_id
           FROM outbox.event i
          WHERE ((i.slot = ANY (ARRAY[l.event_slot, ((l.event_slot + 8))::smallint])) AND (i.id = l.event_id))
         LIMIT 1) e ON (true))
  WHERE (b.blocked_by IS NOT NULL)
  ORDER BY b.blocked_since;
CREATE VIEW outbox.unwatched AS
 SELECT (c.oid)::regclass AS relation,
    w.relation AS root,
    w.id AS watch,
    w.object,
        CASE c.relkind
            WHEN 'f'::"char" THEN (('it is a foreign table: Postgres cannot collect its rows for the watch of '::text || (w.relation)::text) || ', and statements on that which write them may fail'::text)
            ELSE (('it became a part of '::text || (w.relation)::text) || ' after that was watched, or lost a trigger'::text)
        END AS reason,
        CASE c.relkind
            WHEN 'f'::"char" THEN format('select outbox.unwatch(%L, %L)'::text, (w.relation)::text, w.object)
            ELSE format('select outbox.rewatch(%L)'::text, (w.relation)::text)
        END AS remedy
   FROM ((outbox.watch w
     CROSS JOIN LATERAL outbox.descendants(w.relation) d(relation))
     JOIN pg_class c ON ((c.oid = (d.relation)::oid)))
  WHERE ((c.relkind = 'f'::"char") OR ((d.relation)::oid IN ( SELECT outbox.missing_triggers(w.relation, w.id) AS missing_triggers)));
CREATE VIEW outbox.broken_watch AS
 SELECT w.id AS watch,
    w.relation,
    w.object,
    problem.reason,
    problem.remedy
   FROM ((((((outbox.watch w
     JOIN outbox.object o ON ((o.name = w.object)))
     LEFT JOIN pg_class c ON ((c.oid = (w.relation)::oid)))
     CROSS JOIN LATERAL ( SELECT to_regprocedure(format('outbox.capture_%s()'::text, w.id)) AS capture,
            ((o.builder IS NOT NULL) AND ((o.root)::oid = (w.relation)::oid)) AS is_root,
                CASE
                    WHEN (o.builder IS NULL) THEN 'events come without an id'::text
                    ELSE 'its changes give no events'::text
                END AS unnamed,
            (NOT outbox.capture_is_trusted(w.relation)) AS is_guarded,
            COALESCE(( SELECT outbox.labels_stand((replace("substring"(p.prosrc, 'outbox\.labels_stand\(''((?:[^'']|'''')*)''\)'::text), ''''''::text, ''''::text))::text[]) AS labels_stand
                   FROM pg_proc p
                  WHERE (p.oid = (to_regprocedure(format('outbox.capture_%s()'::text, w.id)))::oid)), true) AS labels_stand) known)
     CROSS JOIN LATERAL ( SELECT
                CASE
                    WHEN known.is_root THEN format('select outbox.define_object(%L, %L, builder => %L, %smode => %L, data => %L, on_error => %L, '::text, o.name, (w.relation)::text, o.builder, (('gate => '::text || quote_literal(o.gate)) || ', '::text), o.mode, o.data, o.on_error)
                    ELSE format('select outbox.watch(%L, %L, '::text, (w.relation)::text, w.object)
                END AS call,
            ('id => '::text || quote_literal(w.id_expression)) AS id,
            concat(
                CASE
                    WHEN ((o.builder IS NULL) OR known.is_root) THEN format('history => %s, '::text, (o.history)::text)
                    ELSE NULL::text
                END, format('row_bytes_max => %s'::text, w.row_bytes_max), (', only_columns => '::text || quote_literal((w.only_columns)::text)), (', ignored_columns => '::text || quote_literal((w.ignored_columns)::text)), (', condition => '::text || quote_literal(w.condition)), (', verbs => '::text ||
                CASE
                    WHEN (cardinality(w.verb_types) > 0) THEN quote_literal((( SELECT jsonb_object_agg(v.type, v.condition) AS jsonb_object_agg
                       FROM UNNEST(w.verb_types, w.verb_conditions) v(type, condition)))::text)
                    ELSE NULL::text
                END), (', through => '::text || quote_literal(COALESCE((outbox.through_of(w.through, w.relation))::text, w.through))), ')') AS settings) watch)
     CROSS JOIN LATERAL ( SELECT ((watch.call || COALESCE((watch.id || ', '::text), ''::text)) || watch.settings) AS remedy,
            (((watch.call || COALESCE((watch.id || ', '::text), ''::text)) || '/* write its new name into this line */ '::text) || watch.settings) AS edited) again)
     CROSS JOIN LATERAL ( SELECT 'the table was dropped'::text AS reason,
            format('select outbox.forget_watch(%s)'::text, w.id) AS remedy
          WHERE ((c.oid IS NULL) AND (NOT (EXISTS ( SELECT
                   FROM pg_trigger t
                  WHERE (t.tgfoid = (known.capture)::oid)))))
        UNION ALL
         SELECT format('column %I, part of the key, was renamed or dropped: %s'::text, k.name, known.unnamed) AS format,
            again.remedy
           FROM unnest(w.key_columns) k(name)
          WHERE ((c.oid IS NOT NULL) AND (w.through IS NULL) AND ((o.builder IS NULL) OR (w.id_expression IS NULL)) AND (NOT (EXISTS ( SELECT
                   FROM pg_attribute a
                  WHERE ((a.attrelid = (w.relation)::oid) AND (a.attname = k.name) AND (NOT a.attisdropped))))))
        UNION ALL
         SELECT format('the trigger for %s is missing'::text, v.verb) AS format,
            again.remedy
           FROM ( VALUES ('insert'::text,4), ('update'::text,16), ('delete'::text,8)) v(verb, "bit")
          WHERE ((c.oid IS NOT NULL) AND (NOT (EXISTS ( SELECT
                   FROM pg_trigger t
                  WHERE ((t.tgrelid = (w.relation)::oid) AND (t.tgfoid = (known.capture)::oid) AND (((t.tgtype)::integer & v."bit") <> 0))))))
        UNION ALL
         SELECT
                CASE
                    WHEN (t.tgrelid = (w.relation)::oid) THEN format('trigger %I is disabled'::text, t.tgname)
                    ELSE format('trigger %I of %s is disabled'::text, t.tgname, (t.tgrelid)::regclass)
                END AS format,
            format('alter table %s enable trigger %I'::text, (t.tgrelid)::regclass, t.tgname) AS format
           FROM pg_trigger t
          WHERE ((t.tgenabled = ANY (ARRAY['D'::"char", 'R'::"char"])) AND (t.tgfoid = (known.capture)::oid))
        UNION ALL
         SELECT format('column %I of the id expression was renamed or dropped: %s; write its new name into the line that mends it'::text, i.name, known.unnamed) AS format,
            (((watch.call || watch.id) || ' /* its new name here */, '::text) || watch.settings)
           FROM unnest(w.id_columns) i(name)
          WHERE ((c.oid IS NOT NULL) AND (w.id_expression IS NOT NULL) AND (NOT (EXISTS ( SELECT
                   FROM pg_attribute a
                  WHERE ((a.attrelid = (w.relation)::oid) AND (a.attname = i.name) AND (NOT a.attisdropped))))))
        UNION ALL
         SELECT format('column %I of %s was renamed or dropped: %s; write its new name into the line that mends it, or leave it out'::text, n.name, n.setting, n.effect) AS format,
            again.edited
           FROM ( SELECT k.name,
                    'only_columns'::text AS setting,
                    'every UPDATE that changes a row is an event'::text AS effect
                   FROM unnest(w.only_columns) k(name)
                UNION ALL
                 SELECT k.name,
                    'ignored_columns'::text,
                    'what it was ignored for may be an event'::text
                   FROM unnest(w.ignored_columns) k(name)
                UNION ALL
                 SELECT k.name,
                    'the conditions'::text,
                    'no condition is applied, every change is an event'::text
                   FROM unnest(w.condition_columns) k(name)) n
          WHERE ((c.oid IS NOT NULL) AND (NOT (EXISTS ( SELECT
                   FROM pg_attribute a
                  WHERE ((a.attrelid = (w.relation)::oid) AND (a.attname = n.name) AND (NOT a.attisdropped))))))
        UNION ALL
         SELECT format('the table is a partition of %s now: writes through that give no events'::text, parent.name) AS format,
            format('select outbox.unwatch(%L, %L)'::text, (w.relation)::text, w.object) AS format
           FROM ( SELECT (i.inhparent)::regclass AS name
                   FROM pg_inherits i
                  WHERE (i.inhrelid = (w.relation)::oid)
                 LIMIT 1) parent
          WHERE c.relispartition
        UNION ALL
         SELECT format('the table inherits from %s now: writes through that give no events'::text, parent.name) AS format,
            format('select outbox.unwatch(%L, %L)'::text, (w.relation)::text, w.object) AS format
           FROM ( SELECT (i.inhparent)::regclass AS name
                   FROM pg_inherits i
                  WHERE (i.inhrelid = (w.relation)::oid)
                 LIMIT 1) parent
          WHERE (NOT c.relispartition)
        UNION ALL
         SELECT
                CASE
                    WHEN (u.number = 1) THEN format('%s, a part of it, is not watched: writes that name it give no events'::text, u.first)
                    ELSE format('%s parts of it, such as %s, are not watched: writes that name one give no events'::text, u.number, u.first)
                END AS format,
            u.remedy
           FROM ( SELECT count(*) AS number,
                    min((m.relation)::text) AS first,
                    m.remedy
                   FROM outbox.unwatched m
                  WHERE (m.watch = w.id)
                  GROUP BY m.remedy) u
        UNION ALL
         SELECT DISTINCT format('%s is no part of it any more, and its changes are still events of %s'::text, (t.tgrelid)::regclass, w.object) AS format,
            format('select outbox.unwatch(%L)'::text, ((t.tgrelid)::regclass)::text) AS format
           FROM pg_trigger t
          WHERE ((t.tgfoid = (known.capture)::oid) AND (t.tgrelid <> (w.relation)::oid) AND (NOT (t.tgrelid IN ( SELECT outbox.descendants(w.relation) AS descendants))))
        UNION ALL
         SELECT ('a column of the id expression has another type now: '::text || known.unnamed),
            again.remedy
          WHERE ((w.id_expression IS NOT NULL) AND (NOT outbox.capture_knows(w.relation, w.id_columns, known.capture)))
        UNION ALL
         SELECT (
                CASE
                    WHEN (NOT known.labels_stand) THEN 'an enum that the conditions name, or one of its values, was renamed'::text
                    ELSE 'a column of the conditions has another type now'::text
                END || ': no condition is applied, every change is an event'::text),
                CASE
                    WHEN known.labels_stand THEN again.remedy
                    ELSE again.edited
                END AS edited
          WHERE ((NOT known.labels_stand) OR ((cardinality(w.condition_columns) > 0) AND (NOT outbox.capture_knows(w.relation, (w.id_columns || w.condition_columns), known.capture)) AND ((w.id_expression IS NULL) OR outbox.capture_knows(w.relation, w.id_columns, known.capture))))
        UNION ALL
         SELECT ((((f.what || ' '::text) || f.called) ||
                CASE
                    WHEN (f.proc IS NULL) THEN ' is not there'::text
                    ELSE ' is not SECURITY DEFINER any more'::text
                END) ||
                CASE
                    WHEN (o.on_error = 'abort'::text) THEN ': writes fail'::text
                    ELSE f.stored
                END),
                CASE
                    WHEN (f.proc IS NULL) THEN again.edited
                    ELSE format('alter function %s security definer'::text, f.called)
                END AS format
           FROM ( SELECT 'builder'::text AS what,
                    o.builder AS called,
                    outbox.find_function(o.builder) AS proc,
                    ': events hold an error'::text AS stored
                  WHERE (known.is_root AND (o.builder_kind <> 'view'::text))
                UNION ALL
                 SELECT 'gate'::text,
                    o.gate,
                    outbox.find_function(o.gate) AS find_function,
                    ': events hold an error'::text
                  WHERE (known.is_root AND (o.gate IS NOT NULL))
                UNION ALL
                 SELECT 'through'::text,
                    w.through,
                    outbox.through_of(w.through, w.relation) AS through_of,
                    ': changes of this table are no events'::text
                  WHERE (w.through IS NOT NULL)) f
          WHERE ((c.oid IS NOT NULL) AND ((f.proc IS NULL) OR (known.is_guarded AND (NOT ( SELECT p.prosecdef
                   FROM pg_proc p
                  WHERE (p.oid = (f.proc)::oid))))))
        UNION ALL
         SELECT ((('builder '::text || o.builder) || ' is not there'::text) ||
                CASE
                    WHEN (o.on_error = 'abort'::text) THEN ': writes fail'::text
                    ELSE ': events hold an error'::text
                END),
            again.edited
          WHERE (known.is_root AND (o.builder_kind = 'view'::text) AND (to_regclass(o.builder) IS NULL))) problem);
CREATE TABLE outbox.certificate (
    relay text NOT NULL,
    use text NOT NULL,
    name text NOT NULL,
    fingerprint text NOT NULL,
    subject text NOT NULL,
    not_before timestamp with time zone NOT NULL,
    not_after timestamp with time zone NOT NULL,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT use_is_known CHECK ((use = ANY (ARRAY['current'::text, 'next'::text, 'ca'::text, 'peer'::text])))
);
CREATE UNLOGGED TABLE outbox.changed (
    xid xid8 NOT NULL,
    n bigint NOT NULL,
    watch integer NOT NULL,
    rows text NOT NULL,
    source text,
    trace_id text,
    traceparent text,
    headers jsonb
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='5000', autovacuum_vacuum_cost_delay='0');
ALTER TABLE outbox.changed ALTER COLUMN n ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox.changed_n_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE outbox.dedupe (
    type text NOT NULL,
    key text NOT NULL,
    uid uuid NOT NULL,
    held_until timestamp with time zone NOT NULL
);
CREATE TABLE outbox.definition_history (
    id bigint NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    applied_by text DEFAULT CURRENT_USER NOT NULL,
    migration integer NOT NULL,
    digest text NOT NULL,
    release text NOT NULL
);
ALTER TABLE outbox.definition_history ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox.definition_history_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE VIEW outbox.delivery_history AS
 SELECT a.started_at,
    e.type AS event_type,
    e.object,
    e.object_id,
    s.subscriber,
    outbox.endpoint(s.url) AS endpoint,
    a.attempt,
    a.class,
    a.status,
    a.outcome,
    a.error_class,
    a.error,
    a.duration_ms,
    a.late,
    a.relay,
    a.subscription,
    a.event_id,
    a.delivery,
    outbox.webhook_id(e.uid, s.key) AS webhook_id,
    a.response,
    a.id AS attempt_id,
    e.trace_id,
    a.tls
   FROM ((outbox.attempt a
     LEFT JOIN outbox.event e ON (((e.slot = ANY (ARRAY[a.event_slot, ((a.event_slot + 8))::smallint])) AND (e.id = a.event_id))))
     LEFT JOIN outbox.subscription s ON ((s.id = a.subscription)));
ALTER TABLE outbox.delivery ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox.delivery_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE VIEW outbox.destination AS
 SELECT s.id AS subscription,
    s.subscriber,
    s.pattern,
    outbox.endpoint(s.url) AS endpoint,
    s.identity,
    s.status
   FROM outbox.subscription s
  WHERE (s.status <> 'gone'::text);
CREATE SEQUENCE outbox.doorbell
    AS smallint
    START WITH 0
    INCREMENT BY 1
    MINVALUE 0
    MAXVALUE 1
    CACHE 1;
CREATE TABLE outbox.duty (
    name text NOT NULL,
    relay text NOT NULL,
    held_until timestamp with time zone NOT NULL
);
CREATE TABLE outbox.event_0 (
    slot smallint NOT NULL,
    id bigint DEFAULT nextval('outbox.event_id'::regclass) NOT NULL,
    uid uuid DEFAULT (("left"((gen_random_uuid())::text, 18) || to_hex((currval('outbox.event_id'::regclass) # '-9223372036854775808'::bigint))))::uuid NOT NULL,
    type text NOT NULL,
    object text,
    object_id text,
    occurred_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    data jsonb NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    watch integer,
    seq bigint,
    source text,
    trace_id text,
    traceparent text,
    headers jsonb,
    error text
);
CREATE TABLE outbox.event_1 (
    slot smallint NOT NULL,
    id bigint DEFAULT nextval('outbox.event_id'::regclass) NOT NULL,
    uid uuid DEFAULT (("left"((gen_random_uuid())::text, 18) || to_hex((currval('outbox.event_id'::regclass) # '-9223372036854775808'::bigint))))::uuid NOT NULL,
    type text NOT NULL,
    object text,
    object_id text,
    occurred_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    data jsonb NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    watch integer,
    seq bigint,
    source text,
    trace_id text,
    traceparent text,
    headers jsonb,
    error text
);
CREATE TABLE outbox.event_2 (
    slot smallint NOT NULL,
    id bigint DEFAULT nextval('outbox.event_id'::regclass) NOT NULL,
    uid uuid DEFAULT (("left"((gen_random_uuid())::text, 18) || to_hex((currval('outbox.event_id'::regclass) # '-9223372036854775808'::bigint))))::uuid NOT NULL,
    type text NOT NULL,
    object text,
    object_id text,
    occurred_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    data jsonb NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    watch integer,
    seq bigint,
    source text,
    trace_id text,
    traceparent text,
    headers jsonb,
    error text
);
CREATE TABLE outbox.event_3 (
    slot smallint NOT NULL,
    id bigint DEFAULT nextval('outbox.event_id'::regclass) NOT NULL,
    uid uuid DEFAULT (("left"((gen_random_uuid())::text, 18) || to_hex((currval('outbox.event_id'::regclass) # '-9223372036854775808'::bigint))))::uuid NOT NULL,
    type text NOT NULL,
    object text,
    object_id text,
    occurred_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    data jsonb NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    watch integer,
    seq bigint,
    source text,
    trace_id text,
    traceparent text,
    headers jsonb,
    error text
);
CREATE TABLE outbox.event_4 (
    slot smallint NOT NULL,
    id bigint DEFAULT nextval('outbox.event_id'::regclass) NOT NULL,
    uid uuid DEFAULT (("left"((gen_random_uuid())::text, 18) || to_hex((currval('outbox.event_id'::regclass) # '-9223372036854775808'::bigint))))::uuid NOT NULL,
    type text NOT NULL,
    object text,
    object_id text,
    occurred_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    data jsonb NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    watch integer,
    seq bigint,
    source text,
    trace_id text,
    traceparent text,
    headers jsonb,
    error text
);
CREATE TABLE outbox.event_5 (
    slot smallint NOT NULL,
    id bigint DEFAULT nextval('outbox.event_id'::regclass) NOT NULL,
    uid uuid DEFAULT (("left"((gen_random_uuid())::text, 18) || to_hex((currval('outbox.event_id'::regclass) # '-9223372036854775808'::bigint))))::uuid NOT NULL,
    type text NOT NULL,
    object text,
    object_id text,
    occurred_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    data jsonb NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    watch integer,
    seq bigint,
    source text,
    trace_id text,
    traceparent text,
    headers jsonb,
    error text
);
CREATE TABLE outbox.event_6 (
    slot smallint NOT NULL,
    id bigint DEFAULT nextval('outbox.event_id'::regclass) NOT NULL,
    uid uuid DEFAULT (("left"((gen_random_uuid())::text, 18) || to_hex((currval('outbox.event_id'::regclass) # '-9223372036854775808'::bigint))))::uuid NOT NULL,
    type text NOT NULL,
    object text,
    object_id text,
    occurred_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    data jsonb NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    watch integer,
    seq bigint,
    source text,
    trace_id text,
    traceparent text,
    headers jsonb,
    error text
);
CREATE TABLE outbox.event_7 (
    slot smallint NOT NULL,
    id bigint DEFAULT nextval('outbox.event_id'::regclass) NOT NULL,
    uid uuid DEFAULT (("left"((gen_random_uuid())::text, 18) || to_hex((currval('outbox.event_id'::regclass) # '-9223372036854775808'::bigint))))::uuid NOT NULL,
    type text NOT NULL,
    object text,
    object_id text,
    occurred_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    data jsonb NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    watch integer,
    seq bigint,
    source text,
    trace_id text,
    traceparent text,
    headers jsonb,
    error text
);
CREATE TABLE outbox.event_kept (
    slot smallint NOT NULL,
    id bigint DEFAULT nextval('outbox.event_id'::regclass) NOT NULL,
    uid uuid DEFAULT (("left"((gen_random_uuid())::text, 18) || to_hex((currval('outbox.event_id'::regclass) # '-9223372036854775808'::bigint))))::uuid NOT NULL,
    type text NOT NULL,
    object text,
    object_id text,
    occurred_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    data jsonb NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    watch integer,
    seq bigint,
    source text,
    trace_id text,
    traceparent text,
    headers jsonb,
    error text
);
CREATE TABLE outbox.event_type (
    name text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    created_by text DEFAULT SESSION_USER NOT NULL,
    CONSTRAINT name_is_dotted_words CHECK (((name ~ '^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$'::text) AND (length(name) <= 200)))
);
CREATE TABLE outbox.relay (
    name text NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    release text NOT NULL,
    doorbell text,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    last_seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    stopped_at timestamp with time zone
);
CREATE VIEW outbox.expiring AS
 SELECT c.not_after,
    round((EXTRACT(epoch FROM (c.not_after - clock_timestamp())) / (86400)::numeric), 1) AS days_left,
    c.use,
    c.name,
    c.subject,
    c.fingerprint,
    array_agg(c.relay ORDER BY c.relay) AS relays,
    max(c.seen_at) AS seen_at
   FROM (outbox.certificate c
     JOIN outbox.relay r ON (((r.name = c.relay) AND (r.stopped_at IS NULL) AND (r.last_seen_at > (clock_timestamp() - '1 day'::interval)))))
  GROUP BY c.use, c.name, c.fingerprint, c.subject, c.not_after
  ORDER BY c.not_after;
CREATE UNLOGGED TABLE outbox.explaining (
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    asked integer DEFAULT 0 NOT NULL
);
CREATE TABLE outbox.subscription_change (
    id bigint NOT NULL,
    subscription bigint NOT NULL,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    changed_by text DEFAULT SESSION_USER NOT NULL,
    from_status text NOT NULL,
    to_status text NOT NULL,
    reason text,
    consecutive_failures integer DEFAULT 0 NOT NULL,
    severity integer
);
CREATE VIEW outbox.failing AS
 SELECT s.id AS subscription,
    s.subscriber,
    s.pattern,
    outbox.endpoint(s.url) AS endpoint,
    s.status,
    COALESCE(h.consecutive_failures, 0) AS consecutive_failures,
    h.failing_since,
    h.last_success_at,
    h.last_class,
    h.last_status,
    h.last_error_class,
    h.last_error,
        CASE
            WHEN ((h.held_until > clock_timestamp()) AND (h.held_since >= s.endpoint_since)) THEN h.held_until
            ELSE NULL::timestamp with time zone
        END AS held_until,
        CASE
            WHEN ((h.held_until > clock_timestamp()) AND (h.held_since >= s.endpoint_since)) THEN h.held_why
            ELSE NULL::text
        END AS held_why,
    h.breaker_opened,
    ( SELECT count(*) AS count
           FROM outbox.delivery d
          WHERE (d.subscription = s.id)) AS open,
    ( SELECT min(d.due_at) AS min
           FROM outbox.delivery d
          WHERE ((d.subscription = s.id) AND (d.due_at < 'infinity'::timestamp with time zone))) AS next_attempt_at,
    ( SELECT count(*) AS count
           FROM outbox.dead_letter l
          WHERE (l.subscription = s.id)) AS dead_letters,
    h.severity,
    COALESCE(h.dead_in_a_row, 0) AS dead_in_a_row,
    c.changed_at AS status_since,
    c.changed_by AS status_by,
    c.reason AS status_reason
   FROM ((outbox.subscription s
     LEFT JOIN outbox.subscription_health h ON ((h.subscription = s.id)))
     LEFT JOIN LATERAL ( SELECT i.changed_at,
            i.changed_by,
            i.reason
           FROM outbox.subscription_change i
          WHERE (i.subscription = s.id)
          ORDER BY i.id DESC
         LIMIT 1) c ON (true))
  WHERE ((s.status <> 'gone'::text) AND ((h.consecutive_failures > 0) OR (s.status = 'disabled'::text) OR ((h.held_until > clock_timestamp()) AND (h.held_since >= s.endpoint_since)) OR (EXISTS ( SELECT
           FROM outbox.dead_letter l
          WHERE (l.subscription = s.id)))))
  ORDER BY h.failing_since;
CREATE TABLE outbox.fan_out (
    event_slot smallint NOT NULL,
    event_id bigint NOT NULL,
    special boolean DEFAULT false NOT NULL,
    walked_to bigint DEFAULT 0 NOT NULL,
    due_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
CREATE VIEW outbox.fanning_out AS
 SELECT f.event_id,
    e.type AS event_type,
    e.object,
    e.object_id,
    f.created_at,
    (clock_timestamp() - f.created_at) AS age,
    ( SELECT count(*) AS count
           FROM outbox.subscription s
          WHERE ((s.id <= f.walked_to) AND (s.status <> 'gone'::text))) AS done,
    ( SELECT count(*) AS count
           FROM outbox.subscription s
          WHERE (s.status <> 'gone'::text)) AS of
   FROM (outbox.fan_out f
     LEFT JOIN outbox.event e ON (((e.slot = ANY (ARRAY[f.event_slot, ((f.event_slot + 8))::smallint])) AND (e.id = f.event_id))))
  ORDER BY f.event_id;
CREATE TABLE outbox.lane_wake (
    id bigint NOT NULL,
    subscription bigint NOT NULL,
    lane bigint NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='2000', autovacuum_vacuum_cost_delay='0');
ALTER TABLE outbox.lane_wake ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox.lane_wake_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE VIEW outbox.oldest_xmin AS
 SELECT h.kind,
    h.who,
    h.since,
    h.transactions,
    h.holds,
    h.remedy
   FROM ( SELECT 'session'::text AS kind,
            (format('pid %s of %s in %s%s'::text, a.pid, a.usename, a.datname, (', '::text || NULLIF(a.application_name, ''::text))) || COALESCE((', '::text || a.state), ''::text)) AS who,
            a.xact_start AS since,
                CASE
                    WHEN (a.datname = current_database()) THEN GREATEST(age(a.backend_xmin), age(a.backend_xid))
                    ELSE age(a.backend_xid)
                END AS transactions,
            concat_ws(', '::text,
                CASE
                    WHEN (a.datname = current_database()) THEN 'vacuum'::text
                    ELSE NULL::text
                END,
                CASE
                    WHEN (a.backend_xid IS NOT NULL) THEN 'doorbell'::text
                    ELSE NULL::text
                END) AS holds,
            format('end its transaction, or: select pg_terminate_backend(%s)'::text, a.pid) AS remedy
           FROM pg_stat_activity a
          WHERE ((a.pid <> pg_backend_pid()) AND (a.usesysid IS NOT NULL) AND (a.leader_pid IS NULL) AND ((a.backend_xid IS NOT NULL) OR ((a.backend_xmin IS NOT NULL) AND (a.datname = current_database()))))
        UNION ALL
         SELECT 'prepared transaction'::text,
            format('%s of %s in %s'::text, p.gid, p.owner, p.database) AS format,
            p.prepared,
            age(p.transaction) AS age,
                CASE
                    WHEN (p.database = current_database()) THEN 'vacuum, doorbell'::text
                    ELSE 'doorbell'::text
                END AS "case",
            format('in database %I: commit prepared %L, or rollback prepared %L'::text, p.database, p.gid, p.gid) AS format
           FROM pg_prepared_xacts p
        UNION ALL
         SELECT 'replication slot'::text,
            ((r.slot_name)::text ||
                CASE
                    WHEN (r.active_pid IS NULL) THEN ', unused'::text
                    ELSE format(', used by pid %s'::text, r.active_pid)
                END),
            NULL::timestamp with time zone AS since,
            GREATEST(age(r.xmin), age(r.catalog_xmin)) AS "greatest",
                CASE
                    WHEN (r.xmin IS NULL) THEN 'vacuum of system catalogs'::text
                    ELSE 'vacuum'::text
                END AS "case",
            format('let its consumer catch up, or, when nobody needs it: select pg_drop_replication_slot(%L)'::text, r.slot_name) AS format
           FROM pg_replication_slots r
          WHERE ((r.xmin IS NOT NULL) OR (r.catalog_xmin IS NOT NULL))
        UNION ALL
         SELECT 'standby'::text,
            format('%s at %s'::text, s.application_name, COALESCE(host(s.client_addr), 'a local socket'::text)) AS format,
            s.backend_start,
            age(s.backend_xmin) AS age,
            'vacuum'::text,
            'end the long query there, or set hot_standby_feedback = off there'::text
           FROM pg_stat_replication s
          WHERE (s.backend_xmin IS NOT NULL)) h
  ORDER BY h.transactions DESC, h.since;
CREATE TABLE outbox.refinery_schema_history (
    version integer NOT NULL,
    name character varying(255),
    applied_on character varying(255),
    checksum character varying(255)
);
CREATE UNLOGGED TABLE outbox.sealing (
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='5000', autovacuum_vacuum_cost_delay='0');
CREATE TABLE outbox.setting (
    one_row boolean DEFAULT true NOT NULL,
    http_allowed boolean DEFAULT false NOT NULL,
    doorbell text DEFAULT 'auto'::text NOT NULL,
    retention interval DEFAULT '6 days'::interval NOT NULL,
    dead_letter_retention interval DEFAULT '90 days'::interval NOT NULL,
    home text,
    context_headers text[] DEFAULT '{}'::text[] NOT NULL,
    cloudevents_source text,
    CONSTRAINT dead_letter_retention_is_1_hour_or_more CHECK ((dead_letter_retention >= '01:00:00'::interval)),
    CONSTRAINT doorbell_is_auto_on_or_off CHECK ((doorbell = ANY (ARRAY['auto'::text, 'on'::text, 'off'::text]))),
    CONSTRAINT retention_is_1_hour_to_6_days CHECK (((retention >= '01:00:00'::interval) AND (retention <= '6 days'::interval))),
    CONSTRAINT there_is_one_row CHECK (one_row)
);
CREATE TABLE outbox.signing_key (
    id bigint NOT NULL,
    subscription bigint NOT NULL,
    kind text DEFAULT 'v1'::text NOT NULL,
    secret bytea,
    reference text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    retires_at timestamp with time zone,
    CONSTRAINT a_reference_has_a_name_and_no_secret CHECK ((((kind = 'reference'::text) = (secret IS NULL)) AND ((kind = 'reference'::text) = (reference IS NOT NULL)))),
    CONSTRAINT a_v1a_secret_is_32_or_64_bytes CHECK (((kind <> 'v1a'::text) OR (length(secret) = ANY (ARRAY[32, 64])))),
    CONSTRAINT kind_is_known CHECK ((kind = ANY (ARRAY['v1'::text, 'v1a'::text, 'reference'::text]))),
    CONSTRAINT reference_is_a_plain_name CHECK ((reference ~ '^[a-z][a-z0-9_.-]{0,62}$'::text)),
    CONSTRAINT secret_is_1_to_512_bytes CHECK (((length(secret) >= 1) AND (length(secret) <= 512)))
);
CREATE VIEW outbox.signing AS
 SELECT s.id AS subscription,
    s.subscriber,
    s.status,
    k.kind,
    k.reference,
    k.created_at,
    k.retires_at
   FROM (outbox.subscription s
     LEFT JOIN outbox.signing_key k ON (((k.subscription = s.id) AND ((k.retires_at IS NULL) OR (k.retires_at > clock_timestamp())))))
  WHERE (s.status <> 'gone'::text);
ALTER TABLE outbox.signing_key ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox.signing_key_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE outbox.subscriber (
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    created_by text DEFAULT SESSION_USER NOT NULL,
    CONSTRAINT name_is_short_and_plain CHECK (((name ~ '^[[:graph:]]([[:graph:] ]*[[:graph:]])?$'::text) AND (length(name) <= 100)))
);
ALTER TABLE outbox.subscription_change ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox.subscription_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE outbox.subscription ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME outbox.subscription_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE outbox.turn (
    leaf text NOT NULL,
    written_on date NOT NULL,
    walked_to bigint DEFAULT 0,
    readers text[],
    since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    obstacle text
);
CREATE TABLE outbox.uncaptured (
    id bigint NOT NULL,
    relation regclass NOT NULL,
    operation text NOT NULL,
    rows bigint NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    by text DEFAULT SESSION_USER NOT NULL
);
ALTER TABLE outbox.uncaptured ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox.uncaptured_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE outbox.watch ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox.watch_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE ONLY outbox.attempt ATTACH PARTITION outbox.attempt_0 FOR VALUES IN ('0');
ALTER TABLE ONLY outbox.attempt ATTACH PARTITION outbox.attempt_1 FOR VALUES IN ('1');
ALTER TABLE ONLY outbox.attempt ATTACH PARTITION outbox.attempt_2 FOR VALUES IN ('2');
ALTER TABLE ONLY outbox.attempt ATTACH PARTITION outbox.attempt_3 FOR VALUES IN ('3');
ALTER TABLE ONLY outbox.attempt ATTACH PARTITION outbox.attempt_4 FOR VALUES IN ('4');
ALTER TABLE ONLY outbox.attempt ATTACH PARTITION outbox.attempt_5 FOR VALUES IN ('5');
ALTER TABLE ONLY outbox.attempt ATTACH PARTITION outbox.attempt_6 FOR VALUES IN ('6');
ALTER TABLE ONLY outbox.attempt ATTACH PARTITION outbox.attempt_7 FOR VALUES IN ('7');
ALTER TABLE ONLY outbox.attempt ATTACH PARTITION outbox.attempt_kept DEFAULT;
ALTER TABLE ONLY outbox.event ATTACH PARTITION outbox.event_0 FOR VALUES IN ('0');
ALTER TABLE ONLY outbox.event ATTACH PARTITION outbox.event_1 FOR VALUES IN ('1');
ALTER TABLE ONLY outbox.event ATTACH PARTITION outbox.event_2 FOR VALUES IN ('2');
ALTER TABLE ONLY outbox.event ATTACH PARTITION outbox.event_3 FOR VALUES IN ('3');
ALTER TABLE ONLY outbox.event ATTACH PARTITION outbox.event_4 FOR VALUES IN ('4');
ALTER TABLE ONLY outbox.event ATTACH PARTITION outbox.event_5 FOR VALUES IN ('5');
ALTER TABLE ONLY outbox.event ATTACH PARTITION outbox.event_6 FOR VALUES IN ('6');
ALTER TABLE ONLY outbox.event ATTACH PARTITION outbox.event_7 FOR VALUES IN ('7');
ALTER TABLE ONLY outbox.event ATTACH PARTITION outbox.event_kept DEFAULT;
ALTER TABLE ONLY outbox.allowance
    ADD CONSTRAINT allowance_pkey PRIMARY KEY (subscription);
ALTER TABLE ONLY outbox.attempt
    ADD CONSTRAINT attempt_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY outbox.attempt_0
    ADD CONSTRAINT attempt_0_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY outbox.attempt_1
    ADD CONSTRAINT attempt_1_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY outbox.attempt_2
    ADD CONSTRAINT attempt_2_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY outbox.attempt_3
    ADD CONSTRAINT attempt_3_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY outbox.attempt_4
    ADD CONSTRAINT attempt_4_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY outbox.attempt_5
    ADD CONSTRAINT attempt_5_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY outbox.attempt_6
    ADD CONSTRAINT attempt_6_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY outbox.attempt_7
    ADD CONSTRAINT attempt_7_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY outbox.attempt_kept
    ADD CONSTRAINT attempt_kept_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY outbox.awaiting
    ADD CONSTRAINT awaiting_pkey PRIMARY KEY (xid, event_id);
ALTER TABLE ONLY outbox.backfill_run
    ADD CONSTRAINT backfill_run_pkey PRIMARY KEY (id);
ALTER TABLE ONLY outbox.barrier
    ADD CONSTRAINT barrier_pkey PRIMARY KEY (subscription);
ALTER TABLE ONLY outbox.certificate
    ADD CONSTRAINT certificate_pkey PRIMARY KEY (relay, use, name, fingerprint);
ALTER TABLE ONLY outbox.changed
    ADD CONSTRAINT changed_pkey PRIMARY KEY (xid, n);
ALTER TABLE ONLY outbox.dead_letter
    ADD CONSTRAINT dead_letter_pkey PRIMARY KEY (delivery);
ALTER TABLE ONLY outbox.dedupe
    ADD CONSTRAINT dedupe_pkey PRIMARY KEY (type, key);
ALTER TABLE ONLY outbox.definition_history
    ADD CONSTRAINT definition_history_pkey PRIMARY KEY (id);
ALTER TABLE ONLY outbox.delivery
    ADD CONSTRAINT delivery_pkey PRIMARY KEY (id);
ALTER TABLE ONLY outbox.duty
    ADD CONSTRAINT duty_pkey PRIMARY KEY (name);
ALTER TABLE ONLY outbox.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY outbox.event_0
    ADD CONSTRAINT event_0_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY outbox.event_1
    ADD CONSTRAINT event_1_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY outbox.event_2
    ADD CONSTRAINT event_2_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY outbox.event_3
    ADD CONSTRAINT event_3_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY outbox.event_4
    ADD CONSTRAINT event_4_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY outbox.event_5
    ADD CONSTRAINT event_5_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY outbox.event_6
    ADD CONSTRAINT event_6_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY outbox.event_7
    ADD CONSTRAINT event_7_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY outbox.event_kept
    ADD CONSTRAINT event_kept_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY outbox.event_type
    ADD CONSTRAINT event_type_pkey PRIMARY KEY (name);
ALTER TABLE ONLY outbox.explaining
    ADD CONSTRAINT explaining_pkey PRIMARY KEY (xid, asked);
ALTER TABLE ONLY outbox.fan_out
    ADD CONSTRAINT fan_out_pkey PRIMARY KEY (event_id, event_slot);
ALTER TABLE ONLY outbox.lane
    ADD CONSTRAINT lane_pkey PRIMARY KEY (subscription, lane);
ALTER TABLE ONLY outbox.lane_wake
    ADD CONSTRAINT lane_wake_pkey PRIMARY KEY (id);
ALTER TABLE ONLY outbox.object_head
    ADD CONSTRAINT object_head_pkey PRIMARY KEY (object, object_id);
ALTER TABLE ONLY outbox.object
    ADD CONSTRAINT object_pkey PRIMARY KEY (name);
ALTER TABLE ONLY outbox.watch
    ADD CONSTRAINT one_watch_per_table_and_object UNIQUE (relation, object);
ALTER TABLE ONLY outbox.refinery_schema_history
    ADD CONSTRAINT refinery_schema_history_pkey PRIMARY KEY (version);
ALTER TABLE ONLY outbox.relay
    ADD CONSTRAINT relay_pkey PRIMARY KEY (name);
ALTER TABLE ONLY outbox.sealing
    ADD CONSTRAINT sealing_pkey PRIMARY KEY (xid);
ALTER TABLE ONLY outbox.setting
    ADD CONSTRAINT setting_pkey PRIMARY KEY (one_row);
ALTER TABLE ONLY outbox.signing_key
    ADD CONSTRAINT signing_key_pkey PRIMARY KEY (id);
ALTER TABLE ONLY outbox.subscriber
    ADD CONSTRAINT subscriber_pkey PRIMARY KEY (name);
ALTER TABLE ONLY outbox.subscription_change
    ADD CONSTRAINT subscription_change_pkey PRIMARY KEY (id);
ALTER TABLE ONLY outbox.subscription_health
    ADD CONSTRAINT subscription_health_pkey PRIMARY KEY (subscription);
ALTER TABLE ONLY outbox.subscription
    ADD CONSTRAINT subscription_key_key UNIQUE (key);
ALTER TABLE ONLY outbox.subscription
    ADD CONSTRAINT subscription_pkey PRIMARY KEY (id);
ALTER TABLE ONLY outbox.touched
    ADD CONSTRAINT touched_pkey PRIMARY KEY (xid, object, object_id);
ALTER TABLE ONLY outbox.turn
    ADD CONSTRAINT turn_pkey PRIMARY KEY (leaf);
ALTER TABLE ONLY outbox.uncaptured
    ADD CONSTRAINT uncaptured_pkey PRIMARY KEY (id);
ALTER TABLE ONLY outbox.watch
    ADD CONSTRAINT watch_pkey PRIMARY KEY (id);
CREATE INDEX allowance_spent ON outbox.allowance USING btree (subscription) WHERE spent;
CREATE INDEX attempt_by_event ON ONLY outbox.attempt USING btree (event_id, subscription);
CREATE INDEX attempt_0_event_id_subscription_idx ON outbox.attempt_0 USING btree (event_id, subscription);
CREATE INDEX attempt_1_event_id_subscription_idx ON outbox.attempt_1 USING btree (event_id, subscription);
CREATE INDEX attempt_2_event_id_subscription_idx ON outbox.attempt_2 USING btree (event_id, subscription);
CREATE INDEX attempt_3_event_id_subscription_idx ON outbox.attempt_3 USING btree (event_id, subscription);
CREATE INDEX attempt_4_event_id_subscription_idx ON outbox.attempt_4 USING btree (event_id, subscription);
CREATE INDEX attempt_5_event_id_subscription_idx ON outbox.attempt_5 USING btree (event_id, subscription);
CREATE INDEX attempt_6_event_id_subscription_idx ON outbox.attempt_6 USING btree (event_id, subscription);
CREATE INDEX attempt_7_event_id_subscription_idx ON outbox.attempt_7 USING btree (event_id, subscription);
CREATE INDEX attempt_kept_event_id_subscription_idx ON outbox.attempt_kept USING btree (event_id, subscription);
CREATE INDEX dead_letter_by_subscription ON outbox.dead_letter USING btree (subscription, died_at);
CREATE INDEX dedupe_over ON outbox.dedupe USING btree (held_until);
CREATE INDEX delivery_by_lane ON outbox.delivery USING btree (subscription, lane, event_id, id) WHERE (lane IS NOT NULL);
CREATE INDEX delivery_by_object ON outbox.delivery USING btree (subscription, object_key) WHERE (object_key IS NOT NULL);
CREATE INDEX delivery_ready ON outbox.delivery USING btree (subscription, due_at, id);
CREATE INDEX delivery_ready_in_order ON outbox.delivery USING btree (subscription, due_at, id) WHERE (lane IS NOT NULL);
CREATE INDEX delivery_under_way_in_order ON outbox.delivery USING btree (subscription, lane) WHERE ((lane IS NOT NULL) AND (leased_by IS NOT NULL));
CREATE INDEX event_by_object ON ONLY outbox.event USING btree (object, object_id, id);
CREATE INDEX event_0_object_object_id_id_idx ON outbox.event_0 USING btree (object, object_id, id);
CREATE INDEX event_1_object_object_id_id_idx ON outbox.event_1 USING btree (object, object_id, id);
CREATE INDEX event_2_object_object_id_id_idx ON outbox.event_2 USING btree (object, object_id, id);
CREATE INDEX event_3_object_object_id_id_idx ON outbox.event_3 USING btree (object, object_id, id);
CREATE INDEX event_4_object_object_id_id_idx ON outbox.event_4 USING btree (object, object_id, id);
CREATE INDEX event_5_object_object_id_id_idx ON outbox.event_5 USING btree (object, object_id, id);
CREATE INDEX event_6_object_object_id_id_idx ON outbox.event_6 USING btree (object, object_id, id);
CREATE INDEX event_7_object_object_id_id_idx ON outbox.event_7 USING btree (object, object_id, id);
CREATE INDEX event_kept_object_object_id_id_idx ON outbox.event_kept USING btree (object, object_id, id);
CREATE INDEX lane_blocked ON outbox.lane USING btree (blocked_by) WHERE (blocked_by IS NOT NULL);
CREATE INDEX lane_wake_by_subscription ON outbox.lane_wake USING btree (subscription, id);
CREATE UNIQUE INDEX one_open_run_for_each ON outbox.backfill_run USING btree (object, md5(COALESCE(condition, ''::text)), COALESCE(subscription, (0)::bigint)) WHERE (ended_at IS NULL);
CREATE UNIQUE INDEX one_subscription_per_pattern_and_url ON outbox.subscription USING btree (subscriber, pattern, md5(url), COALESCE(('='::text || object_id), ''::text), md5(COALESCE((filter)::text, ''::text)), md5(COALESCE((filter_path)::text, ''::text))) WHERE (status <> 'gone'::text);
CREATE INDEX signing_key_by_subscription ON outbox.signing_key USING btree (subscription);
CREATE INDEX subscription_by_anchor ON outbox.subscription USING btree (pattern, anchor_path, anchor) WHERE ((status <> 'gone'::text) AND (object_id IS NULL) AND (anchor IS NOT NULL));
CREATE INDEX subscription_by_filter ON outbox.subscription USING btree (pattern) WHERE ((status <> 'gone'::text) AND special AND (object_id IS NULL) AND (anchor IS NULL));
CREATE INDEX subscription_by_object ON outbox.subscription USING btree (object_id, pattern) WHERE ((status <> 'gone'::text) AND (object_id IS NOT NULL));
CREATE INDEX subscription_by_pattern ON outbox.subscription USING btree (pattern, special) WHERE (status <> 'gone'::text);
CREATE INDEX subscription_change_by_subscription ON outbox.subscription_change USING btree (subscription, id);
CREATE INDEX subscription_expiring ON outbox.subscription USING btree (expires_at) WHERE ((status <> 'gone'::text) AND (expires_at IS NOT NULL));
CREATE INDEX subscription_gone ON outbox.subscription USING btree (id) WHERE (status = 'gone'::text);
CREATE INDEX subscription_in_trouble ON outbox.subscription USING btree (status, id) WHERE (status = ANY (ARRAY['failing'::text, 'paused'::text, 'disabled'::text]));
CREATE INDEX subscription_ordered ON outbox.subscription USING btree (id) WHERE (ordering <> 'none'::text);
CREATE INDEX subscription_special ON outbox.subscription USING btree (pattern) WHERE ((status <> 'gone'::text) AND special);
ALTER INDEX outbox.attempt_by_event ATTACH PARTITION outbox.attempt_0_event_id_subscription_idx;
ALTER INDEX outbox.attempt_pkey ATTACH PARTITION outbox.attempt_0_pkey;
ALTER INDEX outbox.attempt_by_event ATTACH PARTITION outbox.attempt_1_event_id_subscription_idx;
ALTER INDEX outbox.attempt_pkey ATTACH PARTITION outbox.attempt_1_pkey;
ALTER INDEX outbox.attempt_by_event ATTACH PARTITION outbox.attempt_2_event_id_subscription_idx;
ALTER INDEX outbox.attempt_pkey ATTACH PARTITION outbox.attempt_2_pkey;
ALTER INDEX outbox.attempt_by_event ATTACH PARTITION outbox.attempt_3_event_id_subscription_idx;
ALTER INDEX outbox.attempt_pkey ATTACH PARTITION outbox.attempt_3_pkey;
ALTER INDEX outbox.attempt_by_event ATTACH PARTITION outbox.attempt_4_event_id_subscription_idx;
ALTER INDEX outbox.attempt_pkey ATTACH PARTITION outbox.attempt_4_pkey;
ALTER INDEX outbox.attempt_by_event ATTACH PARTITION outbox.attempt_5_event_id_subscription_idx;
ALTER INDEX outbox.attempt_pkey ATTACH PARTITION outbox.attempt_5_pkey;
ALTER INDEX outbox.attempt_by_event ATTACH PARTITION outbox.attempt_6_event_id_subscription_idx;
ALTER INDEX outbox.attempt_pkey ATTACH PARTITION outbox.attempt_6_pkey;
ALTER INDEX outbox.attempt_by_event ATTACH PARTITION outbox.attempt_7_event_id_subscription_idx;
ALTER INDEX outbox.attempt_pkey ATTACH PARTITION outbox.attempt_7_pkey;
ALTER INDEX outbox.attempt_by_event ATTACH PARTITION outbox.attempt_kept_event_id_subscription_idx;
ALTER INDEX outbox.attempt_pkey ATTACH PARTITION outbox.attempt_kept_pkey;
ALTER INDEX outbox.event_by_object ATTACH PARTITION outbox.event_0_object_object_id_id_idx;
ALTER INDEX outbox.event_pkey ATTACH PARTITION outbox.event_0_pkey;
ALTER INDEX outbox.event_by_object ATTACH PARTITION outbox.event_1_object_object_id_id_idx;
ALTER INDEX outbox.event_pkey ATTACH PARTITION outbox.event_1_pkey;
ALTER INDEX outbox.event_by_object ATTACH PARTITION outbox.event_2_object_object_id_id_idx;
ALTER INDEX outbox.event_pkey ATTACH PARTITION outbox.event_2_pkey;
ALTER INDEX outbox.event_by_object ATTACH PARTITION outbox.event_3_object_object_id_id_idx;
ALTER INDEX outbox.event_pkey ATTACH PARTITION outbox.event_3_pkey;
ALTER INDEX outbox.event_by_object ATTACH PARTITION outbox.event_4_object_object_id_id_idx;
ALTER INDEX outbox.event_pkey ATTACH PARTITION outbox.event_4_pkey;
ALTER INDEX outbox.event_by_object ATTACH PARTITION outbox.event_5_object_object_id_id_idx;
ALTER INDEX outbox.event_pkey ATTACH PARTITION outbox.event_5_pkey;
ALTER INDEX outbox.event_by_object ATTACH PARTITION outbox.event_6_object_object_id_id_idx;
ALTER INDEX outbox.event_pkey ATTACH PARTITION outbox.event_6_pkey;
ALTER INDEX outbox.event_by_object ATTACH PARTITION outbox.event_7_object_object_id_id_idx;
ALTER INDEX outbox.event_pkey ATTACH PARTITION outbox.event_7_pkey;
ALTER INDEX outbox.event_by_object ATTACH PARTITION outbox.event_kept_object_object_id_id_idx;
ALTER INDEX outbox.event_pkey ATTACH PARTITION outbox.event_kept_pkey;
CREATE TRIGGER dead_letter_gone AFTER DELETE ON outbox.dead_letter REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION outbox.release_lanes();
CREATE TRIGGER delivery_ended AFTER DELETE ON outbox.delivery REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION outbox.note_ended();
CREATE CONSTRAINT TRIGGER explaining_refuse AFTER INSERT ON outbox.explaining DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION outbox.refuse_explained();
CREATE CONSTRAINT TRIGGER sealing_seal AFTER INSERT ON outbox.sealing DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION outbox.seal();
CREATE TRIGGER setting_check BEFORE INSERT OR UPDATE ON outbox.setting FOR EACH ROW EXECUTE FUNCTION outbox.check_setting();
CREATE TRIGGER subscription_check BEFORE INSERT OR UPDATE ON outbox.subscription FOR EACH ROW EXECUTE FUNCTION outbox.check_subscription();
CREATE TRIGGER subscription_record AFTER DELETE OR UPDATE OF status ON outbox.subscription FOR EACH ROW EXECUTE FUNCTION outbox.record_change();
CREATE TRIGGER subscription_reorder AFTER UPDATE OF ordering, on_exhausted ON outbox.subscription FOR EACH ROW WHEN (((new.ordering IS DISTINCT FROM old.ordering) OR (new.on_exhausted IS DISTINCT FROM old.on_exhausted))) EXECUTE FUNCTION outbox.reorder_lanes();
CREATE TRIGGER subscription_signing_key AFTER INSERT ON outbox.subscription FOR EACH ROW EXECUTE FUNCTION outbox.make_signing_key();
CREATE TRIGGER subscription_tombstone AFTER DELETE ON outbox.subscription FOR EACH ROW EXECUTE FUNCTION outbox.keep_tombstone();
CREATE TRIGGER subscription_truncate BEFORE TRUNCATE ON outbox.subscription FOR EACH STATEMENT EXECUTE FUNCTION outbox.refuse_truncate();
ALTER TABLE ONLY outbox.subscription
    ADD CONSTRAINT subscription_subscriber_fkey FOREIGN KEY (subscriber) REFERENCES outbox.subscriber(name) ON UPDATE CASCADE;
ALTER TABLE ONLY outbox.watch
    ADD CONSTRAINT watch_object_fkey FOREIGN KEY (object) REFERENCES outbox.object(name);
GRANT USAGE ON SCHEMA outbox TO outbox_reader;
GRANT USAGE ON SCHEMA outbox TO outbox_relay;
GRANT USAGE ON SCHEMA outbox TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.add_triggers(relation regclass, watch integer) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.add_triggers(relation regclass, watch integer) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.admit(moment timestamp with time zone, batch integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.admit_batch(subscription bigint, strict boolean, all_of_them boolean, moment timestamp with time zone, batch integer, OUT looked integer, OUT admitted integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.adopt_database() FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.adopt_database() TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.anchor_value(value jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.anchor_value(value jsonb) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.await_commit(slot smallint, events bigint[], unmerged boolean) FROM PUBLIC;
REVOKE ALL ON PROCEDURE outbox.backfill(IN object text, IN condition text, IN batch integer, IN subscription bigint) FROM PUBLIC;
GRANT ALL ON PROCEDURE outbox.backfill(IN object text, IN condition text, IN batch integer, IN subscription bigint) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.backfill_cancel(run bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.backfill_cancel(run bigint) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.backfill_lock(run bigint, ids text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.backfill_lock(run bigint, ids text[]) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.backfill_plan(run bigint, condition text, OUT composite boolean, OUT keys text, OUT seen text, OUT data text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.backfill_plan(run bigint, condition text, OUT composite boolean, OUT keys text, OUT seen text, OUT data text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.backfill_send(run bigint, walked_to text, walked integer, ids text[], data jsonb[], ended boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.backfill_send(run bigint, walked_to text, walked integer, ids text[], data jsonb[], ended boolean) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.backfill_start(object text, condition text, subscription bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.backfill_start(object text, condition text, subscription bigint) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.backfill_step(run bigint, batch integer, condition text, path text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.backfill_step(run bigint, batch integer, condition text, path text) TO outbox_admin;
GRANT SELECT ON TABLE outbox.object TO outbox_reader;
GRANT SELECT ON TABLE outbox.object TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.backfill_to(subscription bigint, object outbox.object, ids text[], data jsonb[]) FROM PUBLIC;
GRANT SELECT ON TABLE outbox.event TO outbox_reader;
GRANT SELECT ON TABLE outbox.event TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.body(event outbox.event) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.body(event outbox.event) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.body(event outbox.event) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.by_hand(done text, reason text, required boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.cancel(delivery bigint, reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.cancel(delivery bigint, reason text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.cancel_gone(batch integer) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.cancel_gone(batch integer) TO outbox_relay;
GRANT ALL ON FUNCTION outbox.cancel_gone(batch integer) TO outbox_admin;
GRANT SELECT ON TABLE outbox.watch TO outbox_reader;
GRANT SELECT ON TABLE outbox.watch TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.capture_awaited(watch outbox.watch) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.capture_branches(watch outbox.watch, object outbox.object, by_expression boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.capture_changes(watch outbox.watch, object outbox.object, by_expression boolean, kind text, alone boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.capture_elsewhere(watch integer, relation oid, operation text) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.capture_finish(watch outbox.watch, object outbox.object) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.capture_insert(watch outbox.watch, alone boolean, chosen text) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.capture_is_trusted(relation regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.capture_is_trusted(relation regclass) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.capture_is_trusted(relation regclass) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.capture_knows(relation regclass, named text[], capture regprocedure) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.capture_knows(relation regclass, named text[], capture regprocedure) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.capture_knows(relation regclass, named text[], capture regprocedure) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.capture_planned(statements text) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.capture_row(watch outbox.watch, object outbox.object, by_expression boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.capture_rows(rows text, relation regclass, named text[], columns text) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.capture_signature(relation oid, named text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.capture_signature(relation oid, named text[]) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.capture_signature(relation oid, named text[]) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.capture_size(relation regclass, bytes_max integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.capture_source(watch outbox.watch) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.capture_touches(watch outbox.watch, object outbox.object, by_expression boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.capture_values(relation regclass, only_columns text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.capture_wanted(watch outbox.watch) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.check_auth(auth jsonb, headers jsonb, http_allowed boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.check_auth(auth jsonb, headers jsonb, http_allowed boolean) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.check_batch(envelope text, format text, batch_max integer, ordering text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.check_batch(envelope text, format text, batch_max integer, ordering text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.check_builder(builder text, root regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.check_builder(builder text, root regclass) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.check_called(function text, relation regclass, what text, arrays boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.check_called(function text, relation regclass, what text, arrays boolean) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.check_envelope(envelope text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.check_envelope(envelope text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.check_filter(filter jsonb, filter_path jsonpath, exclude_source text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.check_filter(filter jsonb, filter_path jsonpath, exclude_source text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.check_headers(headers jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.check_headers(headers jsonb) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.check_object_name(object text) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.check_setting() FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.check_subscription() FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.check_url(url text, http_allowed boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.check_url(url text, http_allowed boolean) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.check_watch_settings(object outbox.object, relation regclass, history boolean, mode text, data text, only_columns text[], ignored_columns text[], verb_types text[], through text, has_id boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.check_watchable(relation regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.check_watchable(relation regclass) TO outbox_admin;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.subscription TO outbox_admin;
GRANT SELECT(id) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(key) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(subscriber) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(pattern) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(object_id) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(filter) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(filter_path) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(exclude_source) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(special) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(envelope) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(format) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(identity) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(auth) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(status) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(while_off) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(concurrency) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(rate) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(connect_deadline) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(deadline) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(http2) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(batch_max) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(batch_bytes) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(success_codes) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(permanent_codes) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(gone_codes) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(immediate_retries) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(delays) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(backoff_base) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(backoff_cap) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(max_attempts) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(max_age) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(ttl) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(severity_thresholds) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(disable_after_failures) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(disable_after) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(breaker_after) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(ordering) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(barrier) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(on_exhausted) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(expires_at) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(max_deliveries) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(endpoint_since) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(gone_reason) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(version) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(created_at) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(created_by) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(updated_at) ON TABLE outbox.subscription TO outbox_reader;
GRANT SELECT(updated_by) ON TABLE outbox.subscription TO outbox_reader;
REVOKE ALL ON FUNCTION outbox.choose_subscriptions(subscription bigint, subscriptions bigint[], subscriber text, pattern text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.choose_subscriptions(subscription bigint, subscriptions bigint[], subscriber text, pattern text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.claim(relay text, free integer, busy bigint[], busy_running integer[], start_after bigint, busy_limits integer[], others_limit integer, busy_only boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.claim(relay text, free integer, busy bigint[], busy_running integer[], start_after bigint, busy_limits integer[], others_limit integer, busy_only boolean) TO outbox_relay;
REVOKE ALL ON FUNCTION outbox.claim_key(type text, key text, "window" interval, INOUT uid uuid, OUT is_new boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.claim_more(ids bigint[], posts bigint[], now timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.close_breaker(subscription bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.close_breaker(subscription bigint) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.cloudevent(event outbox.event) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.cloudevent(event outbox.event) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.cloudevent(event outbox.event) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.cloudevents_source() FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.cloudevents_source() TO outbox_reader;
GRANT ALL ON FUNCTION outbox.cloudevents_source() TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.compact(subscription bigint, reason text, dry_run boolean, batch integer) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.compact(subscription bigint, reason text, dry_run boolean, batch integer) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.condition_of(trigger oid) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.condition_of(trigger oid) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.context_headers() FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.copied_headers(event outbox.event, headers jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.copied_headers(event outbox.event, headers jsonb) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.copied_headers(event outbox.event, headers jsonb) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.count_delivered(deliveries bigint[], outcomes text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.count_troubled() FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.count_troubled() TO outbox_relay;
REVOKE ALL ON FUNCTION outbox.define_event_type(name text, description text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.define_event_type(name text, description text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.define_object(object text, root regclass, builder text, gate text, id text, mode text, data text, on_error text, history boolean, only_columns text[], ignored_columns text[], condition text, verbs jsonb, row_bytes_max integer, path text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.define_object(object text, root regclass, builder text, gate text, id text, mode text, data text, on_error text, history boolean, only_columns text[], ignored_columns text[], condition text, verbs jsonb, row_bytes_max integer, path text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.deliver(slot smallint, events bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.deliver_matching(slot smallint, events bigint[], everything boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.deliver_plain(slot smallint, events bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.deliver_special(slot smallint, events bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.deliver_type(slot smallint, type text, events bigint[], due_at timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.descendants(relation regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.descendants(relation regclass) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.descendants(relation regclass) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.diff(old jsonb, new jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.doorbell_silence() FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.doorbell_silence() TO outbox_reader;
GRANT ALL ON FUNCTION outbox.doorbell_silence() TO outbox_relay;
GRANT ALL ON FUNCTION outbox.doorbell_silence() TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.drop_through(relation regclass, through text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.drop_through(relation regclass, through text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.due_leaves(moment timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.emit(event_type text, data jsonb, object text, object_id text, dedupe_key text, dedupe_window interval, due_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.emit(event_type text, data jsonb, object text, object_id text, dedupe_key text, dedupe_window interval, due_at timestamp with time zone) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.empty_leaf(leaf text, slot smallint, moment timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.enable(subscription bigint, reason text, subscriptions bigint[], subscriber text, pattern text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.enable(subscription bigint, reason text, subscriptions bigint[], subscriber text, pattern text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.end_deliveries(deliveries bigint[], outcome text, reasons text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.end_delivery(delivery bigint, outcome text, reason text) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.end_subscriptions(batch integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.endpoint(url text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.endpoint(url text) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.endpoint(url text) TO outbox_relay;
GRANT ALL ON FUNCTION outbox.endpoint(url text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.envelop(event outbox.event, envelope text, subscription bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.event_of(uid uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.event_uid(id bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.excluded_words(source text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.excluded_words(source text) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.excluded_words(source text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.expand(batch integer) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.expand(batch integer) TO outbox_relay;
GRANT ALL ON FUNCTION outbox.expand(batch integer) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.explain(sql text, path text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.explain(sql text, path text) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.explain(sql text, path text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.explain_open() FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.explain_open() TO outbox_reader;
GRANT ALL ON FUNCTION outbox.explain_open() TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.explainable(sql text, path text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.explainable(sql text, path text) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.explainable(sql text, path text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.fan_out_max() FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.filter_anchor(filter jsonb, pattern text, subscription bigint, OUT path text[], OUT value text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.filter_anchor(filter jsonb, pattern text, subscription bigint, OUT path text[], OUT value text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.find(webhook_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.find(webhook_id text) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.find(webhook_id text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.find_function(signature text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.find_function(signature text) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.find_function(signature text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.forget_watch(watch integer) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.forget_watch(watch integer) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.formatted(event outbox.event, format text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.formatted(event outbox.event, format text) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.formatted(event outbox.event, format text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.function_name(signature text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.function_name(signature text) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.function_name(signature text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.heads(subscription bigint, moment timestamp with time zone, places integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.home() FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.home() TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.is_home() FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.is_home() TO outbox_reader;
GRANT ALL ON FUNCTION outbox.is_home() TO outbox_relay;
GRANT ALL ON FUNCTION outbox.is_home() TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.judge_subscriptions(subscriptions bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.keep_needed(leaf text, slot smallint, walked_to bigint, batch integer, OUT looked integer, OUT moved bigint, OUT last bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.keep_subscriptions(batch integer) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.keep_subscriptions(batch integer) TO outbox_relay;
GRANT ALL ON FUNCTION outbox.keep_subscriptions(batch integer) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.keep_tombstone() FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.labels_in(conditions text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.labels_stand(labels text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.labels_stand(labels text[]) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.labels_stand(labels text[]) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.leave_duty(duty text, relay text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.leave_duty(duty text, relay text) TO outbox_relay;
REVOKE ALL ON FUNCTION outbox.let_call(called text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.let_call(called text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.link_events(watch integer, slots smallint[], fresh bigint[], INOUT ids bigint[], INOUT types text[], INOUT datas jsonb[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.lock_for_triggers(relation regclass, mode text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.lock_for_triggers(relation regclass, mode text) TO outbox_admin;
GRANT SELECT ON TABLE outbox.object_head TO outbox_reader;
GRANT SELECT ON TABLE outbox.object_head TO outbox_admin;
GRANT SELECT ON TABLE outbox.touched TO outbox_reader;
GRANT SELECT ON TABLE outbox.touched TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.lock_heads(touched outbox.touched[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.make_signing_key() FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.make_through(relation regclass, object text, through text, path text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.make_through(relation regclass, object text, through text, path text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.match_words(pattern text, only_object_id text, filter jsonb, filter_path jsonpath, exclude_source text, status text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.match_words(pattern text, only_object_id text, filter jsonb, filter_path jsonpath, exclude_source text, status text) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.match_words(pattern text, only_object_id text, filter jsonb, filter_path jsonpath, exclude_source text, status text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.measure(subscriptions_max integer) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.measure(subscriptions_max integer) TO outbox_relay;
REVOKE ALL ON FUNCTION outbox.merge_diffs(diffs jsonb[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.merge_events(watch integer, slot smallint, events bigint[], since bigint, partial boolean, nested boolean, sealing boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.mismatch(pattern text, only_object_id text, filter jsonb, filter_path jsonpath, exclude_source text, status text, event_type text, data jsonb, object_id text, source text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.mismatch(pattern text, only_object_id text, filter jsonb, filter_path jsonpath, exclude_source text, status text, event_type text, data jsonb, object_id text, source text) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.mismatch(pattern text, only_object_id text, filter jsonb, filter_path jsonpath, exclude_source text, status text, event_type text, data jsonb, object_id text, source text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.missing_triggers(relation regclass, watch integer) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.missing_triggers(relation regclass, watch integer) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.missing_triggers(relation regclass, watch integer) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.net_type(object text, types text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.next_due(ago_ms double precision, full_up bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.next_due(ago_ms double precision, full_up bigint[]) TO outbox_relay;
REVOKE ALL ON FUNCTION outbox.note_ended() FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.object_key(object text, object_id text) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.pack(ids bigint[], posts bigint[], made bigint[], bodies text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.pass_barrier(subscription bigint, drawn bigint, moment timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.path_holds(data jsonb, path jsonpath) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.path_holds(data jsonb, path jsonpath) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.path_holds(data jsonb, path jsonpath) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.patterns(event_type text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.patterns(event_type text) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.patterns(event_type text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.pause(subscription bigint, reason text, subscriptions bigint[], subscriber text, pattern text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.pause(subscription bigint, reason text, subscriptions bigint[], subscriber text, pattern text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.payload_omitted(bytes_max bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.permit_watch(role regrole) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.ping(subscription bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.ping(subscription bigint) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.probe_conditions(relation regclass, conditions text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.probe_conditions(relation regclass, conditions text[]) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.probe_id(relation regclass, id text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.probe_id(relation regclass, id text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.probes(subscription bigint, moment timestamp with time zone, room integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.purge_old(moment timestamp with time zone, batch integer, OUT letters bigint, OUT events bigint, OUT attempts bigint, OUT keys bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.purge_old(moment timestamp with time zone, batch integer, OUT letters bigint, OUT events bigint, OUT attempts bigint, OUT keys bigint) TO outbox_relay;
GRANT ALL ON FUNCTION outbox.purge_old(moment timestamp with time zone, batch integer, OUT letters bigint, OUT events bigint, OUT attempts bigint, OUT keys bigint) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.rate_left(rate double precision, tat timestamp with time zone, at timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.reach(watch integer, rows text) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.reach_again(xid xid8) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.reach_query(watch integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.read_conditions(relation regclass, probe regclass, count integer, OUT conditions text[], OUT columns text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.read_signing_secret(secret text, OUT kind text, OUT bytes bytea, OUT reference text) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.readers() FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.record_change() FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.refuse_explained() FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.refuse_truncate() FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.regenerate(object text) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.register_object(object text, root regclass, builder text, builder_kind text, gate text, mode text, data text, on_error text, history boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.register_object(object text, root regclass, builder text, builder_kind text, gate text, mode text, data text, on_error text, history boolean) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.register_watch(relation regclass, object text, id_probe regclass, conditions_probe regclass, verb_types text[], history boolean, row_bytes_max integer, only_columns text[], ignored_columns text[], mode text, data text, through text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.register_watch(relation regclass, object text, id_probe regclass, conditions_probe regclass, verb_types text[], history boolean, row_bytes_max integer, only_columns text[], ignored_columns text[], mode text, data text, through text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.release_lanes() FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.remaining(subscription bigint, max_deliveries integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.render(object text, ids text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.render_bravely(object text, ids text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.render_object(object text, touched outbox.touched[], heads outbox.object_head[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.render_query(object outbox.object) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.reopen(deliveries bigint[], reason text) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.reopen_watches(part regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.reopen_watches(part regclass) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.reorder_lanes() FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.repair(action text, reason text, deliveries bigint[], subscription bigint, subscriber text, event_type text, object text, object_id text, filter jsonb, "from" timestamp with time zone, "to" timestamp with time zone, state text, dry_run boolean, batch integer) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.repair(action text, reason text, deliveries bigint[], subscription bigint, subscriber text, event_type text, object text, object_id text, filter jsonb, "from" timestamp with time zone, "to" timestamp with time zone, state text, dry_run boolean, batch integer) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.replay(event_type text, "from" timestamp with time zone, "to" timestamp with time zone, reason text, dry_run boolean, subscription bigint, subscriber text, object text, object_id text, filter jsonb, made_later boolean, after bigint, batch integer) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.replay(event_type text, "from" timestamp with time zone, "to" timestamp with time zone, reason text, dry_run boolean, subscription bigint, subscriber text, object text, object_id text, filter jsonb, made_later boolean, after bigint, batch integer) TO outbox_admin;
REVOKE ALL ON PROCEDURE outbox.replay_all(IN event_type text, IN "from" timestamp with time zone, IN "to" timestamp with time zone, IN reason text, IN subscription bigint, IN subscriber text, IN object text, IN object_id text, IN filter jsonb, IN made_later boolean, IN after bigint, IN batch integer) FROM PUBLIC;
GRANT ALL ON PROCEDURE outbox.replay_all(IN event_type text, IN "from" timestamp with time zone, IN "to" timestamp with time zone, IN reason text, IN subscription bigint, IN subscriber text, IN object text, IN object_id text, IN filter jsonb, IN made_later boolean, IN after bigint, IN batch integer) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.replay_events(event_type text, object text, object_id text, filter jsonb, numbers boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.replay_pairs(few boolean, events text) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.report_certificates(relay text, certificates jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.report_certificates(relay text, certificates jsonb) TO outbox_relay;
REVOKE ALL ON FUNCTION outbox.report_relay(name text, host text, pid integer, release text, doorbell text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.report_relay(name text, host text, pid integer, release text, doorbell text) TO outbox_relay;
REVOKE ALL ON FUNCTION outbox.report_stop(name text, host text, pid integer) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.report_stop(name text, host text, pid integer) TO outbox_relay;
REVOKE ALL ON FUNCTION outbox.require_backfill(object text) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.require_event_type(pattern text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.require_event_type(pattern text) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.require_event_type(pattern text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.require_home() FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.require_home() TO outbox_relay;
GRANT ALL ON FUNCTION outbox.require_home() TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.require_object_owner(object text) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.require_subscriptions(subscription bigint, subscriber text) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.reset_health(subscriptions bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.reset_health(subscriptions bigint[]) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.resolve_function(name text, path text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.resolve_function(name text, path text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.resume(subscription bigint, reason text, subscriptions bigint[], subscriber text, pattern text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.resume(subscription bigint, reason text, subscriptions bigint[], subscriber text, pattern text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.retry(delivery bigint, reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.retry(delivery bigint, reason text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.rewatch(relation regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.rewatch(relation regclass) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.ring() FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.ring() TO outbox_relay;
GRANT ALL ON FUNCTION outbox.ring() TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.rotate_signing_secret(subscription bigint, overlap interval, secret text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.rotate_signing_secret(subscription bigint, overlap interval, secret text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.route(event_type text, data jsonb, object_id text, source text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.route(event_type text, data jsonb, object_id text, source text) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.route(event_type text, data jsonb, object_id text, source text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.runs_apart(called text, relation regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.runs_apart(called text, relation regclass) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.schedule(wanted text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.schedule(wanted text) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.schedule(wanted text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.seal() FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.seal_one(touched outbox.touched) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.seal_watch(watch integer) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.seal_watch(watch integer) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.set_signing_secret(subscription bigint, secret text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.set_signing_secret(subscription bigint, secret text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.settle(relay text, again boolean, deliveries bigint[], attempts integer[], subscriptions bigint[], event_slots smallint[], event_ids bigint[], ages_ms double precision[], durations_ms double precision[], classes text[], statuses integer[], error_classes text[], errors text[], responses text[], outcomes text[], retries_in_ms double precision[], holds_ms double precision[], tls text[], alones boolean[], followers boolean[], OUT late integer, OUT changes jsonb, OUT dead bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.settle(relay text, again boolean, deliveries bigint[], attempts integer[], subscriptions bigint[], event_slots smallint[], event_ids bigint[], ages_ms double precision[], durations_ms double precision[], classes text[], statuses integer[], error_classes text[], errors text[], responses text[], outcomes text[], retries_in_ms double precision[], holds_ms double precision[], tls text[], alones boolean[], followers boolean[], OUT late integer, OUT changes jsonb, OUT dead bigint[]) TO outbox_relay;
REVOKE ALL ON FUNCTION outbox.settle_breaker(subscriptions bigint[], deliveries bigint[], classes text[], ages_ms double precision[], durations_ms double precision[], holds_ms double precision[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.settle_gone(subscriptions bigint[], ages_ms double precision[], outcomes text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.settle_health(again boolean, deliveries bigint[], attempts integer[], subscriptions bigint[], event_ids bigint[], ages_ms double precision[], durations_ms double precision[], classes text[], statuses integer[], error_classes text[], errors text[], outcomes text[], holds_ms double precision[], OUT changes jsonb, OUT fatal bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.settle_lanes(deliveries bigint[], attempts integer[], outcomes text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.severity(thresholds interval[], elapsed interval) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.short_id(object_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.short_id(object_id text) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.short_id(object_id text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.shortened_id(object_id text) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.signing_public_key(subscription bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.signing_public_key(subscription bigint) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.signing_secret(subscription bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.signing_secret(subscription bigint) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.skip(delivery bigint, reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.skip(delivery bigint, reason text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.skip_capture(relation oid, operation text, rows bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.skip_held(subscription bigint, reason text, batch integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.skipped_words(subscription bigint, status text) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.slot(moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.slot(moment timestamp with time zone) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.slot(moment timestamp with time zone) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.subscribe(subscriber text, pattern text, url text, identity text, headers jsonb, concurrency integer, deadline interval, max_attempts integer, backoff_base interval, backoff_cap interval, secret text, object_id text, filter jsonb, filter_path text, exclude_source text, envelope text, schedule text, immediate_retries integer, delays interval[], max_age interval, ttl interval, success_codes integer[], permanent_codes integer[], gone_codes integer[], severity_thresholds interval[], disable_after_failures integer, disable_after interval, breaker_after integer, while_off text, ordering text, barrier boolean, on_exhausted text, rate double precision, connect_deadline interval, http2 boolean, format text, batch_max integer, batch_bytes integer, auth jsonb, expires_at timestamp with time zone, max_deliveries integer) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.subscribe(subscriber text, pattern text, url text, identity text, headers jsonb, concurrency integer, deadline interval, max_attempts integer, backoff_base interval, backoff_cap interval, secret text, object_id text, filter jsonb, filter_path text, exclude_source text, envelope text, schedule text, immediate_retries integer, delays interval[], max_age interval, ttl interval, success_codes integer[], permanent_codes integer[], gone_codes integer[], severity_thresholds interval[], disable_after_failures integer, disable_after interval, breaker_after integer, while_off text, ordering text, barrier boolean, on_exhausted text, rate double precision, connect_deadline interval, http2 boolean, format text, batch_max integer, batch_bytes integer, auth jsonb, expires_at timestamp with time zone, max_deliveries integer) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.subscription_settings(subscriptions bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.subscription_settings(subscriptions bigint[]) TO outbox_relay;
REVOKE ALL ON FUNCTION outbox.supersede(subscriptions bigint[], keys bigint[], events bigint[], under_way boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.supersede_claimed(deliveries bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.sweep_lanes() FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.take_duty(duty text, relay text, lease interval) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.take_duty(duty text, relay text, lease interval) TO outbox_relay;
REVOKE ALL ON FUNCTION outbox.take_over(relation regclass, object text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.take_over(relation regclass, object text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.throttle(subscription bigint, wanted integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.throttle_taken(deliveries bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.through_of(through text, relation regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.through_of(through text, relation regclass) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.through_of(through text, relation regclass) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.try_builder(root regclass, id text, builder text, builder_kind text, gate text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.try_builder(root regclass, id text, builder text, builder_kind text, gate text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.turn_ring(skip text[], moment timestamp with time zone, batch integer, OUT leaf text, OUT step text, OUT moved bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.turn_ring(skip text[], moment timestamp with time zone, batch integer, OUT leaf text, OUT step text, OUT moved bigint) TO outbox_relay;
GRANT ALL ON FUNCTION outbox.turn_ring(skip text[], moment timestamp with time zone, batch integer, OUT leaf text, OUT step text, OUT moved bigint) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.uid_mark() FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.unsubscribe(subscription bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.unsubscribe(subscription bigint) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.unwatch(relation regclass, object text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.unwatch(relation regclass, object text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.wake_lanes(subscription bigint, park boolean, moment timestamp with time zone, batch integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.watch(relation regclass, object text, id text, history boolean, row_bytes_max integer, only_columns text[], ignored_columns text[], condition text, verbs jsonb, mode text, data text, through text, path text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.watch(relation regclass, object text, id text, history boolean, row_bytes_max integer, only_columns text[], ignored_columns text[], condition text, verbs jsonb, mode text, data text, through text, path text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.watches_of(relation regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.watches_of(relation regclass) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.webhook_id(event_uid uuid, subscription_key text) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.webhook_id(event_uid uuid, subscription_key text) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.webhook_id(event_uid uuid, subscription_key text) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.why(event text, subscription bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION outbox.why(event text, subscription bigint) TO outbox_reader;
GRANT ALL ON FUNCTION outbox.why(event text, subscription bigint) TO outbox_admin;
REVOKE ALL ON FUNCTION outbox.within_allowance(deliveries bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.write_call(name text, arguments text, returned text, branches text, calls_apart boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.write_calls() FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.write_rendered(object outbox.object, touched outbox.touched[], heads outbox.object_head[], rendered outbox.rendered[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.written(watch integer, slot smallint, events bigint[], since bigint) FROM PUBLIC;
GRANT SELECT ON TABLE outbox.allowance TO outbox_reader;
GRANT SELECT ON TABLE outbox.allowance TO outbox_admin;
GRANT UPDATE(spent) ON TABLE outbox.allowance TO outbox_admin;
GRANT SELECT ON TABLE outbox.attempt TO outbox_reader;
GRANT SELECT ON TABLE outbox.attempt TO outbox_admin;
GRANT SELECT ON TABLE outbox.attempt_0 TO outbox_reader;
GRANT SELECT ON TABLE outbox.attempt_0 TO outbox_admin;
GRANT SELECT ON TABLE outbox.attempt_1 TO outbox_reader;
GRANT SELECT ON TABLE outbox.attempt_1 TO outbox_admin;
GRANT SELECT ON TABLE outbox.attempt_2 TO outbox_reader;
GRANT SELECT ON TABLE outbox.attempt_2 TO outbox_admin;
GRANT SELECT ON TABLE outbox.attempt_3 TO outbox_reader;
GRANT SELECT ON TABLE outbox.attempt_3 TO outbox_admin;
GRANT SELECT ON TABLE outbox.attempt_4 TO outbox_reader;
GRANT SELECT ON TABLE outbox.attempt_4 TO outbox_admin;
GRANT SELECT ON TABLE outbox.attempt_5 TO outbox_reader;
GRANT SELECT ON TABLE outbox.attempt_5 TO outbox_admin;
GRANT SELECT ON TABLE outbox.attempt_6 TO outbox_reader;
GRANT SELECT ON TABLE outbox.attempt_6 TO outbox_admin;
GRANT SELECT ON TABLE outbox.attempt_7 TO outbox_reader;
GRANT SELECT ON TABLE outbox.attempt_7 TO outbox_admin;
GRANT SELECT ON TABLE outbox.attempt_kept TO outbox_reader;
GRANT SELECT ON TABLE outbox.attempt_kept TO outbox_admin;
GRANT SELECT ON TABLE outbox.awaiting TO outbox_reader;
GRANT SELECT ON TABLE outbox.awaiting TO outbox_admin;
GRANT SELECT ON TABLE outbox.backfill_run TO outbox_reader;
GRANT SELECT ON TABLE outbox.backfill_run TO outbox_admin;
GRANT SELECT ON TABLE outbox.backfilling TO outbox_reader;
GRANT SELECT ON TABLE outbox.backfilling TO outbox_admin;
GRANT SELECT ON TABLE outbox.delivery TO outbox_reader;
GRANT SELECT ON TABLE outbox.delivery TO outbox_admin;
GRANT SELECT ON TABLE outbox.subscription_health TO outbox_reader;
GRANT SELECT ON TABLE outbox.subscription_health TO outbox_admin;
GRANT SELECT ON TABLE outbox.backlog TO outbox_reader;
GRANT SELECT ON TABLE outbox.backlog TO outbox_admin;
GRANT SELECT ON TABLE outbox.barrier TO outbox_reader;
GRANT SELECT ON TABLE outbox.barrier TO outbox_admin;
GRANT SELECT ON TABLE outbox.dead_letter TO outbox_reader;
GRANT SELECT,DELETE ON TABLE outbox.dead_letter TO outbox_admin;
GRANT SELECT ON TABLE outbox.lane TO outbox_reader;
GRANT SELECT ON TABLE outbox.lane TO outbox_admin;
GRANT SELECT ON TABLE outbox.blocked TO outbox_reader;
GRANT SELECT ON TABLE outbox.blocked TO outbox_admin;
GRANT SELECT ON TABLE outbox.unwatched TO outbox_reader;
GRANT SELECT ON TABLE outbox.unwatched TO outbox_admin;
GRANT SELECT ON TABLE outbox.broken_watch TO outbox_reader;
GRANT SELECT ON TABLE outbox.broken_watch TO outbox_admin;
GRANT SELECT ON TABLE outbox.certificate TO outbox_reader;
GRANT SELECT ON TABLE outbox.certificate TO outbox_admin;
GRANT SELECT ON TABLE outbox.changed TO outbox_reader;
GRANT SELECT ON TABLE outbox.changed TO outbox_admin;
GRANT SELECT ON TABLE outbox.dedupe TO outbox_reader;
GRANT SELECT ON TABLE outbox.dedupe TO outbox_admin;
GRANT SELECT ON TABLE outbox.definition_history TO outbox_reader;
GRANT SELECT ON TABLE outbox.definition_history TO outbox_relay;
GRANT SELECT ON TABLE outbox.definition_history TO outbox_admin;
GRANT SELECT ON TABLE outbox.delivery_history TO outbox_reader;
GRANT SELECT ON TABLE outbox.delivery_history TO outbox_admin;
GRANT SELECT ON TABLE outbox.destination TO outbox_reader;
GRANT SELECT ON TABLE outbox.destination TO outbox_relay;
GRANT SELECT ON TABLE outbox.destination TO outbox_admin;
GRANT SELECT,UPDATE ON SEQUENCE outbox.doorbell TO outbox_relay;
GRANT SELECT ON TABLE outbox.duty TO outbox_reader;
GRANT SELECT ON TABLE outbox.duty TO outbox_admin;
GRANT SELECT ON TABLE outbox.event_0 TO outbox_reader;
GRANT SELECT ON TABLE outbox.event_0 TO outbox_admin;
GRANT SELECT ON TABLE outbox.event_1 TO outbox_reader;
GRANT SELECT ON TABLE outbox.event_1 TO outbox_admin;
GRANT SELECT ON TABLE outbox.event_2 TO outbox_reader;
GRANT SELECT ON TABLE outbox.event_2 TO outbox_admin;
GRANT SELECT ON TABLE outbox.event_3 TO outbox_reader;
GRANT SELECT ON TABLE outbox.event_3 TO outbox_admin;
GRANT SELECT ON TABLE outbox.event_4 TO outbox_reader;
GRANT SELECT ON TABLE outbox.event_4 TO outbox_admin;
GRANT SELECT ON TABLE outbox.event_5 TO outbox_reader;
GRANT SELECT ON TABLE outbox.event_5 TO outbox_admin;
GRANT SELECT ON TABLE outbox.event_6 TO outbox_reader;
GRANT SELECT ON TABLE outbox.event_6 TO outbox_admin;
GRANT SELECT ON TABLE outbox.event_7 TO outbox_reader;
GRANT SELECT ON TABLE outbox.event_7 TO outbox_admin;
GRANT SELECT ON TABLE outbox.event_kept TO outbox_reader;
GRANT SELECT ON TABLE outbox.event_kept TO outbox_admin;
GRANT SELECT ON TABLE outbox.event_type TO outbox_reader;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.event_type TO outbox_admin;
GRANT SELECT ON TABLE outbox.relay TO outbox_reader;
GRANT SELECT ON TABLE outbox.relay TO outbox_admin;
GRANT SELECT ON TABLE outbox.expiring TO outbox_reader;
GRANT SELECT ON TABLE outbox.expiring TO outbox_admin;
GRANT SELECT ON TABLE outbox.explaining TO outbox_reader;
GRANT SELECT ON TABLE outbox.explaining TO outbox_admin;
GRANT SELECT ON TABLE outbox.subscription_change TO outbox_reader;
GRANT SELECT ON TABLE outbox.subscription_change TO outbox_admin;
GRANT SELECT ON TABLE outbox.failing TO outbox_reader;
GRANT SELECT ON TABLE outbox.failing TO outbox_admin;
GRANT SELECT ON TABLE outbox.fan_out TO outbox_reader;
GRANT SELECT ON TABLE outbox.fan_out TO outbox_admin;
GRANT SELECT ON TABLE outbox.fanning_out TO outbox_reader;
GRANT SELECT ON TABLE outbox.fanning_out TO outbox_admin;
GRANT SELECT ON TABLE outbox.lane_wake TO outbox_reader;
GRANT SELECT ON TABLE outbox.lane_wake TO outbox_admin;
GRANT SELECT ON TABLE outbox.oldest_xmin TO outbox_reader;
GRANT SELECT ON TABLE outbox.oldest_xmin TO outbox_admin;
GRANT SELECT ON TABLE outbox.refinery_schema_history TO outbox_reader;
GRANT SELECT ON TABLE outbox.refinery_schema_history TO outbox_relay;
GRANT SELECT ON TABLE outbox.refinery_schema_history TO outbox_admin;
GRANT SELECT ON TABLE outbox.sealing TO outbox_reader;
GRANT SELECT ON TABLE outbox.sealing TO outbox_admin;
GRANT SELECT ON TABLE outbox.setting TO outbox_reader;
GRANT SELECT,UPDATE ON TABLE outbox.setting TO outbox_admin;
GRANT DELETE ON TABLE outbox.signing_key TO outbox_admin;
GRANT SELECT ON TABLE outbox.signing TO outbox_reader;
GRANT SELECT ON TABLE outbox.signing TO outbox_admin;
GRANT SELECT ON TABLE outbox.subscriber TO outbox_reader;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE outbox.subscriber TO outbox_admin;
GRANT SELECT ON TABLE outbox.turn TO outbox_reader;
GRANT SELECT ON TABLE outbox.turn TO outbox_admin;
GRANT SELECT ON TABLE outbox.uncaptured TO outbox_reader;
GRANT SELECT ON TABLE outbox.uncaptured TO outbox_admin;
