create or replace function outbox.check_subscription() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Trigger on outbox.subscription, before INSERT and UPDATE: a subscription is checked when it is registered, by whatever
-- statement, not when its first delivery fails. Also keeps version, who and when, and how events find it.
-- Raises: OX001, OX005 pattern; OX006 url; OX007 headers; OX008 the subscription is gone; OX015 envelope;
--   OX016 filter, filter_path, exclude_source; 23502, 23514 as the table would.
-- Touches: insert outbox.subscriber; select outbox.event_type, outbox.setting, outbox.subscription.
declare
    _broken text;
begin
    if tg_op = 'UPDATE' and old.status = 'gone' then
        raise exception 'subscription % is gone', old.id
            using errcode = 'OX008', hint = 'Subscribe again: outbox.subscribe() gives a new one.';
    end if;
    if new.status is distinct from 'gone' then
        if new.subscriber is null or new.subscriber !~ '^[[:graph:]]([[:graph:] ]*[[:graph:]])?$' or length(new.subscriber) > 100 then
            raise exception 'not a name for a subscriber: %', coalesce(quote_literal(left(new.subscriber, 100)), 'NULL')
                using errcode = 'OX005', hint = '1 to 100 visible characters, with single blanks inside if need be.';
        end if;
        if tg_op = 'INSERT' or new.pattern <> old.pattern then
            perform outbox.require_event_type(new.pattern);
        end if;
        perform outbox.check_url(new.url, coalesce((select s.http_allowed from outbox.setting s), false));
        perform outbox.check_headers(new.headers);
        -- Not one that will do no more: who has such a subscription must be able to pause it.
        if tg_op = 'INSERT' or new.envelope is distinct from old.envelope then
            new.envelope := outbox.check_envelope(new.envelope);
        end if;
        perform outbox.check_filter(new.filter, new.filter_path, new.exclude_source);
        -- As events have it.
        new.object_id := outbox.short_id(new.object_id);
        -- The constraints of the table say the same, but Postgres then shows the row that broke them, headers and all, to
        -- the caller and to the server's log.
        _broken := case
            when new.concurrency not between 1 and 1000 then 'concurrency_is_1_to_1000'
            when new.deadline not between '100 ms' and '60 s' then 'deadline_is_100_ms_to_60_s'
            when new.max_attempts not between 1 and 1000 then 'max_attempts_is_1_to_1000'
            when new.backoff_base not between '1 ms' and '1 day' then 'backoff_base_is_1_ms_to_1_day'
            when new.backoff_cap < new.backoff_base or new.backoff_cap > '7 days' then 'backoff_cap_is_base_to_7_days'
            when new.identity !~ '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$' then 'identity_is_a_plain_name'
            when new.key !~ '^[0-9a-f]{12}$' then 'key_is_12_hex_digits'
            when new.status not in ('active', 'failing', 'paused', 'disabled') then 'status_is_known'
        end;
        if _broken is not null then
            raise exception 'this subscription breaks the limit %', _broken using errcode = 'check_violation', constraint = _broken,
                table = 'subscription', schema = 'outbox';
        end if;
        if num_nulls(new.key, new.status, new.concurrency, new.deadline, new.max_attempts, new.backoff_base, new.backoff_cap) > 0 then
            raise exception 'of a subscription only identity, envelope and what narrows it down may be NULL' using errcode = 'not_null_violation';
        end if;
        insert into outbox.subscriber (name) values (new.subscriber) on conflict do nothing;
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
        -- What was held back may be claimed now, or more of it at a time.
        perform outbox.ring();
    end if;
    return new;
end
$$;
