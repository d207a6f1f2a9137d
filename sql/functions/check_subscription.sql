create or replace function outbox.check_subscription() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Trigger on outbox.subscription, before INSERT and UPDATE: a subscription is checked when it is registered, by whatever
-- statement, not when its first delivery fails. Also keeps version, who and when, and how events find it.
-- Raises: OX001, OX005 pattern; OX006 url; OX007 headers; OX008 the subscription is gone; OX015 envelope;
--   OX016 filter, filter_path, exclude_source; OX024 the version is not the row's; OX027 auth; OX029 batch_max; 23502, 23514 as the
--   table would.
-- Touches: insert outbox.subscriber; update outbox.allowance; select outbox.event_type, outbox.setting, outbox.subscription.
declare
    _broken text;
    _unlike outbox.subscription := new;
    _edited boolean := true;
begin
    if tg_op = 'UPDATE' and old.status = 'gone' then
        raise exception 'subscription % is gone', old.id
            using errcode = 'OX008', hint = 'Subscribe again: outbox.subscribe() gives a new one.';
    end if;
    if tg_op = 'UPDATE' then
        if new.version is distinct from old.version then
            raise exception 'subscription % has version %, and this statement names %', old.id, old.version, coalesce(new.version::text, 'NULL')
                using errcode = 'OX024', detail = format('It was changed by %s at %s.', old.updated_by, old.updated_at),
                    hint = format('Look at it again (select * from outbox.subscription where id = %s), or leave version out.', old.id);
        end if;
        -- What was right when it was written, and would be refused today, can still be paused.
        _unlike.status := old.status;
        _unlike.special := old.special;
        _edited := _unlike operator(pg_catalog.*<>) old or new.status is null
            or new.status not in ('active', 'failing', 'paused', 'disabled', 'gone');
    end if;
    if _edited and new.status is distinct from 'gone' then
        if new.subscriber is null or new.subscriber !~ '^[[:graph:]]([[:graph:] ]*[[:graph:]])?$' or length(new.subscriber) > 100 then
            raise exception 'not a name for a subscriber: %', coalesce(quote_literal(left(new.subscriber, 100)), 'NULL')
                using errcode = 'OX005', hint = '1 to 100 visible characters, with single blanks inside if need be.';
        end if;
        if tg_op = 'INSERT' or new.pattern <> old.pattern then
            perform outbox.require_event_type(new.pattern);
        end if;
        perform outbox.check_url(new.url, coalesce((select s.http_allowed from outbox.setting s), false));
        perform outbox.check_headers(new.headers);
        perform outbox.check_auth(new.auth, new.headers, coalesce((select s.http_allowed from outbox.setting s), false));
        -- Not one that will do no more: who has such a subscription must be able to pause it.
        if tg_op = 'INSERT' or new.envelope is distinct from old.envelope then
            new.envelope := outbox.check_envelope(new.envelope);
        end if;
        if tg_op = 'INSERT' or (new.envelope, new.format, new.batch_max, new.ordering)
            is distinct from (old.envelope, old.format, old.batch_max, old.ordering)
        then
            perform outbox.check_batch(new.envelope, new.format, new.batch_max, new.ordering);
        end if;
        perform outbox.check_filter(new.filter, new.filter_path, new.exclude_source);
        -- As events have it.
        new.object_id := outbox.short_id(new.object_id);
        -- The constraints of the table say the same, but Postgres then shows the row that broke them, headers and all, to
        -- the caller and to the server's log.
        _broken := case
            when new.concurrency not between 1 and 1000 then 'concurrency_is_1_to_1000'
            when not (new.rate > 0 and new.rate <= 10000) then 'rate_is_above_0_to_10000'
            when new.connect_deadline not between '100 ms' and '30 s' then 'connect_deadline_is_100_ms_to_30_s'
            when new.deadline not between '100 ms' and '60 s' then 'deadline_is_100_ms_to_60_s'
            when new.batch_max not between 1 and 1000 then 'batch_max_is_1_to_1000'
            when new.batch_bytes not between 1024 and 16777216 then 'batch_bytes_is_1_kib_to_16_mib'
            when cardinality(new.success_codes) = 0 or 200 > any (new.success_codes) or 299 < any (new.success_codes)
                then 'success_codes_are_200_to_299'
            when 300 > any (new.permanent_codes) or 599 < any (new.permanent_codes) then 'permanent_codes_are_300_to_599'
            when 400 > any (new.gone_codes) or 499 < any (new.gone_codes) then 'gone_codes_are_400_to_499'
            when new.immediate_retries not between 0 and 10 then 'immediate_retries_is_0_to_10'
            when cardinality(new.delays) not between 1 and 100 or interval '0' > any (new.delays) or interval '7 days' < any (new.delays)
                then 'delays_are_1_to_100_of_0_to_7_days'
            when new.backoff_base not between '1 ms' and '1 day' then 'backoff_base_is_1_ms_to_1_day'
            when new.backoff_cap < new.backoff_base or new.backoff_cap > '7 days' then 'backoff_cap_is_base_to_7_days'
            when new.max_attempts not between 1 and 1000 then 'max_attempts_is_1_to_1000'
            when new.max_age not between '1 s' and '90 days' then 'max_age_is_1_s_to_90_days'
            when new.ttl not between '1 s' and '90 days' then 'ttl_is_1_s_to_90_days'
            when cardinality(new.severity_thresholds) not between 1 and 9 or interval '1 s' > any (new.severity_thresholds)
                then 'severity_thresholds_are_1_to_9_of_1_s_and_more'
            when new.disable_after_failures not between 1 and 100000 then 'disable_after_failures_is_1_to_100000'
            when new.disable_after not between '1 minute' and '90 days' then 'disable_after_is_1_minute_to_90_days'
            when new.breaker_after not between 1 and 1000 then 'breaker_after_is_1_to_1000'
            when new.max_deliveries < 1 then 'max_deliveries_is_1_or_more'
            when new.identity !~ '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$' then 'identity_is_a_plain_name'
            when new.key !~ '^[0-9a-f]{12}$' then 'key_is_12_hex_digits'
            when new.status not in ('active', 'failing', 'paused', 'disabled') then 'status_is_known'
            when new.format not in ('standard', 'cloudevents', 'cloudevents-binary', 'raw') then 'format_is_known'
            when new.while_off not in ('hold', 'skip') then 'while_off_is_hold_or_skip'
            when new.ordering not in ('none', 'object', 'strict') then 'ordering_is_known'
            when new.on_exhausted not in ('skip', 'block', 'park') then 'on_exhausted_is_known'
            when new.barrier and new.ordering = 'none' then 'barrier_needs_an_order'
        end;
        if _broken is not null then
            raise exception 'this subscription breaks the limit %', _broken using errcode = 'check_violation', constraint = _broken,
                table = 'subscription', schema = 'outbox';
        end if;
        if num_nulls(new.key, new.status, new.format, new.while_off, new.concurrency, new.connect_deadline, new.deadline, new.http2,
            new.batch_max, new.batch_bytes, new.permanent_codes, new.gone_codes, new.immediate_retries, new.backoff_base, new.backoff_cap,
            new.max_attempts, new.ordering, new.barrier, new.on_exhausted) > 0
            or num_nulls(variadic new.success_codes || new.permanent_codes || new.gone_codes) > 0
            or array_position(new.delays, null) is not null or array_position(new.severity_thresholds, null) is not null
        then
            raise exception 'a subscription has a NULL where it needs a value' using errcode = 'not_null_violation',
                detail = 'NULL may be: identity, auth, envelope, what narrows it down, and limits that need not be: rate, success_codes, '
                    'delays, max_age, ttl, severity_thresholds, disable_after_failures, disable_after, breaker_after, expires_at, '
                    'max_deliveries.';
        end if;
        insert into outbox.subscriber (name) values (new.subscriber) on conflict do nothing;
        -- A breaker that opened before does not hold back what now goes elsewhere, or otherwise. Noted here and not there: the
        -- caller's transaction may take its time, and outbox.settle() must not wait for it.
        new.endpoint_since := case
            when tg_op = 'INSERT'
                or (new.url, new.identity, new.headers, new.auth, new.http2, new.connect_deadline, new.deadline, new.breaker_after)
                    is distinct from (old.url, old.identity, old.headers, old.auth, old.http2, old.connect_deadline, old.deadline, old.breaker_after)
            then clock_timestamp() else old.endpoint_since end;
        if new.filter is null or new.object_id is not null then
            -- The id leads to it.
            new.anchor_path := null;
            new.anchor := null;
        elsif tg_op = 'INSERT' or new.filter is distinct from old.filter or new.pattern <> old.pattern
            or new.object_id is distinct from old.object_id
        then
            select a.path, a.value into new.anchor_path, new.anchor from outbox.filter_anchor(new.filter, new.pattern, new.id) a;
        else
            new.anchor_path := old.anchor_path;
            new.anchor := old.anchor;
        end if;
    end if;
    if tg_op = 'UPDATE' then
        new.id := old.id;
        new.key := old.key;
        new.version := old.version + 1;
        new.updated_at := clock_timestamp();
        new.updated_by := session_user;
        new.updated_xid := pg_current_xact_id();
        if new.max_deliveries is distinct from old.max_deliveries then
            update outbox.allowance a set spent = coalesce(a.delivered >= new.max_deliveries, false) where a.subscription = old.id;
        end if;
        -- What was held back may be claimed now, or more of it at a time.
        if _edited or not (old.status in ('active', 'failing') and new.status in ('active', 'failing')) then
            perform outbox.ring();
        end if;
    end if;
    return new;
end
$$;
