create or replace function outbox.check_subscription() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Trigger on outbox.subscription, before INSERT and UPDATE: a subscription is checked when it is registered, by whatever
-- statement, not when its first delivery fails. Also keeps version, who and when.
-- Raises: OX001, OX005 pattern; OX006 url; OX007 headers; OX008 the subscription is gone.
-- Touches: insert outbox.subscriber; select outbox.event_type, outbox.setting.
begin
    if tg_op = 'UPDATE' and old.status = 'gone' then
        raise exception 'subscription % is gone', old.id
            using errcode = 'OX008', hint = 'Subscribe again: outbox.subscribe() gives a new one.';
    end if;
    if new.status <> 'gone' then
        if new.subscriber is null or new.subscriber !~ '^[[:graph:]]([[:graph:] ]*[[:graph:]])?$' or length(new.subscriber) > 100 then
            raise exception 'not a name for a subscriber: %', coalesce(quote_literal(left(new.subscriber, 100)), 'NULL')
                using errcode = 'OX005', hint = '1 to 100 visible characters, with single blanks inside if need be.';
        end if;
        if tg_op = 'INSERT' or new.pattern <> old.pattern then
            perform outbox.require_event_type(new.pattern);
        end if;
        perform outbox.check_url(new.url, coalesce((select s.http_allowed from outbox.setting s), false));
        perform outbox.check_headers(new.headers);
        insert into outbox.subscriber (name) values (new.subscriber) on conflict do nothing;
    end if;
    if tg_op = 'UPDATE' then
        new.id := old.id;
        new.key := old.key;
        new.version := old.version + 1;
        new.updated_at := clock_timestamp();
        new.updated_by := session_user;
        new.updated_xid := pg_current_xact_id();
    end if;
    return new;
end
$$;
