-- Who may do what. Nobody but the owner may do anything until it is said here; the application's role needs nothing at all.
-- The group roles are made by `outboxd migrate` where it may; where they do not exist, the owner does everything.
--   outbox_reader  looks: tables without secrets, views, outbox.find(), outbox.route(), outbox.why(), outbox.explain()
--   outbox_relay   delivers: the functions the relay calls, and nothing else
--   outbox_builder  runs builders of those who are not trusted with more; has no rights (outbox.write_calls())
--   outbox_admin   configures and repairs: subscriptions, event types, emit, retry, skip, cancel, replay, ping, reading signing secrets

revoke all on all tables in schema outbox from public;
revoke all on all routines in schema outbox from public;

do $$
declare
    _reader constant boolean := to_regrole('outbox_reader') is not null;
    _relay  constant boolean := to_regrole('outbox_relay') is not null;
    _admin  constant boolean := to_regrole('outbox_admin') is not null;
    _table  regclass;
begin
    if _reader then
        grant usage on schema outbox to outbox_reader;
        for _table in
            select c.oid from pg_catalog.pg_class c
            where c.relnamespace = 'outbox'::regnamespace and c.relkind in ('r', 'p', 'v')
                and c.relname not in ('subscription', 'signing_key')
        loop
            execute format('grant select on %s to outbox_reader', _table);
        end loop;
        -- Not headers, which may hold a credential, and not url, whose query may: views show it without one. The values of a
        -- filter are data of events, which readers see anyway.
        grant select (id, key, subscriber, pattern, object_id, filter, filter_path, exclude_source, special, envelope, format,
            identity, auth, status, while_off, concurrency, rate, connect_deadline, deadline, http2, batch_max, batch_bytes, success_codes,
            permanent_codes, gone_codes, immediate_retries, delays, backoff_base, backoff_cap, max_attempts, max_age, ttl,
            severity_thresholds, disable_after_failures, disable_after, breaker_after, ordering, barrier, on_exhausted, expires_at,
            max_deliveries, endpoint_since, gone_reason, version, created_at, created_by, updated_at, updated_by) on outbox.subscription to outbox_reader;
        grant execute on function outbox.schedule, outbox.find(text), outbox.route(text, jsonb, text, text), outbox.why(text, bigint),
            outbox.explain(text, text), outbox.explainable(text, text), outbox.explain_open(),
            outbox.mismatch(text, text, jsonb, jsonpath, text, text, text, jsonb, text, text),
            outbox.match_words(text, text, jsonb, jsonpath, text, text), outbox.path_holds(jsonb, jsonpath), outbox.excluded_words(text),
            outbox.require_event_type(text), outbox.short_id(text), outbox.endpoint(text), outbox.webhook_id(uuid, text),
            outbox.slot(timestamptz), outbox.patterns(text), outbox.doorbell_silence(), outbox.is_home(),
            outbox.descendants(regclass), outbox.missing_triggers(regclass, integer), outbox.capture_is_trusted(regclass),
            outbox.capture_knows(regclass, text[], regprocedure), outbox.capture_signature(oid, text[]), outbox.labels_stand(text[]),
            outbox.find_function(text), outbox.through_of(text, regclass), outbox.function_name(text),
            outbox.body(outbox.event), outbox.formatted(outbox.event, text), outbox.cloudevent(outbox.event), outbox.cloudevents_source(),
            outbox.copied_headers(outbox.event, jsonb) to outbox_reader;
    end if;
    if _relay then
        grant usage on schema outbox to outbox_relay;
        grant select on outbox.definition_history, outbox.refinery_schema_history, outbox.destination to outbox_relay;
        grant execute on function outbox.claim,
            outbox.settle,
            outbox.cancel_gone(integer), outbox.keep_subscriptions(integer), outbox.expand(integer), outbox.subscription_settings(bigint[]), outbox.next_due, outbox.ring(),
            outbox.doorbell_silence(), outbox.report_relay(text, text, integer, text, text),
            outbox.report_certificates(text, jsonb),
            outbox.report_stop(text, text, integer), outbox.is_home(), outbox.require_home(), outbox.take_duty(text, text, interval), outbox.leave_duty(text, text), outbox.measure(integer), outbox.count_troubled(),
            outbox.endpoint(text),
            outbox.turn_ring(text[], timestamptz, integer), outbox.purge_old(timestamptz, integer) to outbox_relay;
        grant select, update on sequence outbox.doorbell to outbox_relay;
    end if;
    if _admin then
        grant usage on schema outbox to outbox_admin;
        for _table in
            select c.oid from pg_catalog.pg_class c
            where c.relnamespace = 'outbox'::regnamespace and c.relkind in ('r', 'p', 'v') and c.relname <> 'signing_key'
        loop
            execute format('grant select on %s to outbox_admin', _table);
        end loop;
        grant insert, update, delete on outbox.subscription, outbox.subscriber, outbox.event_type to outbox_admin;
        grant delete on outbox.dead_letter, outbox.signing_key to outbox_admin;
        grant update on outbox.setting to outbox_admin;
        grant update (spent) on outbox.allowance to outbox_admin;
        grant execute on function outbox.subscribe, outbox.schedule,
            outbox.unsubscribe(bigint), outbox.define_event_type(text, text), outbox.require_event_type(text),
            outbox.check_url(text, boolean), outbox.check_headers(jsonb), outbox.check_auth(jsonb, jsonb, boolean), outbox.check_envelope(text), outbox.check_filter(jsonb, jsonpath, text),
            outbox.filter_anchor(jsonb, text, bigint), outbox.anchor_value(jsonb), outbox.short_id(text), outbox.signing_secret(bigint),
            outbox.set_signing_secret(bigint, text), outbox.rotate_signing_secret(bigint, interval, text),
            outbox.signing_public_key(bigint), outbox.emit, outbox.ping(bigint),
            outbox.retry, outbox.skip, outbox.cancel, outbox.repair, outbox.replay, outbox.compact, outbox.close_breaker(bigint), outbox.find(text), outbox.route(text, jsonb, text, text), outbox.why(text, bigint),
            outbox.explain(text, text), outbox.explainable(text, text), outbox.explain_open(),
            outbox.mismatch(text, text, jsonb, jsonpath, text, text, text, jsonb, text, text),
            outbox.match_words(text, text, jsonb, jsonpath, text, text), outbox.path_holds(jsonb, jsonpath), outbox.excluded_words(text),
            outbox.endpoint(text), outbox.webhook_id(uuid, text),
            outbox.slot(timestamptz), outbox.patterns(text), outbox.cancel_gone(integer), outbox.keep_subscriptions(integer), outbox.expand(integer), outbox.ring(),
            outbox.pause, outbox.resume, outbox.enable, outbox.choose_subscriptions, outbox.reset_health(bigint[]),
            outbox.doorbell_silence(), outbox.turn_ring(text[], timestamptz, integer), outbox.purge_old(timestamptz, integer),
            outbox.home(), outbox.is_home(), outbox.require_home(), outbox.adopt_database(),
            outbox.capture_knows(regclass, text[], regprocedure), outbox.capture_signature(oid, text[]), outbox.labels_stand(text[]),
            outbox.find_function(text), outbox.body(outbox.event), outbox.formatted(outbox.event, text), outbox.cloudevent(outbox.event),
            outbox.cloudevents_source(), outbox.copied_headers(outbox.event, jsonb), outbox.check_batch(text, text, integer, text)
            to outbox_admin;
        grant execute on procedure outbox.replay_all to outbox_admin;
        perform outbox.permit_watch('outbox_admin');
    end if;
end
$$;

-- A new installation is at home where it was made.
update outbox.setting set home = outbox.home() where home is null;

-- Functions that outboxd wrote for watches follow what this release would write.
select outbox.regenerate();
