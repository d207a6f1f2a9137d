create or replace function outbox.check_setting() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Trigger on outbox.setting, before INSERT and UPDATE: the headers that transactions may set have names that can be sent, and
-- that lead to one setting each; the source of CloudEvents is a URI-reference.
-- Raises: OX007, naming the header; OX029 cloudevents_source; 23502 where a name is NULL.
-- Touches: nothing.
declare
    _name text;
    _keys text[] := '{}';
    _key  text;
begin
    foreach _name in array coalesce(new.context_headers, '{}') loop
        if _name is null then
            raise exception 'a name in context_headers is NULL' using errcode = 'not_null_violation';
        end if;
        if _name !~ '^[A-Za-z][A-Za-z0-9_-]{0,99}$' then
            raise exception 'not the name of a header that a transaction can set: %', quote_literal(left(_name, 100))
                using errcode = 'OX007', detail = 'It is a letter and up to 99 letters, digits, - and _.';
        end if;
        _key := lower(replace(_name, '-', '_'));
        if _key = 'traceparent' then
            raise exception 'header % may not be listed', _name
                using errcode = 'OX007', hint = 'It comes from outbox.traceparent.';
        end if;
        if _key = any (_keys) then
            raise exception 'header % is listed twice', _name
                using errcode = 'OX007', detail = format('Two headers would be set by outbox.header.%s.', _key);
        end if;
        perform outbox.check_headers(jsonb_build_object(_name, ''));
        _keys := _keys || _key;
    end loop;
    if cardinality(_keys) > 32 then
        raise exception 'context_headers has % names', cardinality(_keys) using errcode = 'OX007', detail = 'The limit is 32.';
    end if;
    if new.cloudevents_source !~ '^([A-Za-z0-9._~:/?#@!$&''()*+,;=-]|%[0-9A-Fa-f]{2})+$' or length(new.cloudevents_source) > 1000 then
        raise exception 'not a source of CloudEvents: %', quote_literal(left(new.cloudevents_source, 100))
            using errcode = 'OX029', hint = 'It is a URI of up to 1000 characters, for example https://shop.example/orders.';
    end if;
    return new;
end
$$;
