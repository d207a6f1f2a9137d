create or replace function outbox.check_headers(headers jsonb) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
-- Refuses extra request headers that would break the request or pretend to be ours: those that frame a message, those
-- that belong to one connection, those of the signature.
-- Arguments: headers, an object of name and value: a string, which the relay sends as it is, or {"copy": "$.object_id"}, a jsonpath
--   into what outbox.body() gives (outbox.copied_headers()).
-- Raises: OX007, naming the header and never its value, which may be a credential.
-- Touches: nothing.
declare
    _name  text;
    _value jsonb;
    _seen  text[] := '{}';
    _bytes integer := 0;
    _path  jsonpath;
begin
    if check_headers.headers is null or jsonb_typeof(check_headers.headers) <> 'object' then
        raise exception 'headers is not a JSON object' using errcode = 'OX007', hint = 'For example {"X-Team": "billing"}.';
    end if;
    for _name, _value in select key, value from jsonb_each(check_headers.headers) loop
        if _name !~ '^[A-Za-z0-9!#$%&''*+.^_`|~-]{1,100}$' then
            raise exception 'not a header name: %', quote_literal(left(_name, 100))
                using errcode = 'OX007', hint = 'Letters, digits and - are safe.';
        end if;
        if lower(_name) = any (_seen) then
            raise exception 'header % is given twice', _name using errcode = 'OX007', hint = 'Header names differ by more than case.';
        end if;
        if lower(_name) in ('host', 'connection', 'content-length', 'content-type', 'content-encoding', 'transfer-encoding', 'te',
                'trailer', 'upgrade', 'expect', 'keep-alive', 'accept-encoding')
            or lower(_name) like 'webhook-%' or lower(_name) like 'outbox-%' or lower(_name) like 'proxy-%'
        then
            raise exception 'header % may not be set', _name
                using errcode = 'OX007', detail = 'The relay writes it, or it belongs to the connection.';
        end if;
        if jsonb_typeof(_value) = 'object' and _value ? 'copy' then
            begin
                _path := case when _value - 'copy' = '{}' and jsonb_typeof(_value -> 'copy') = 'string'
                    and length(_value ->> 'copy') <= 200 then _value ->> 'copy' end;
            exception when syntax_error or invalid_text_representation then
                _path := null;
            end;
            if _path is null then
                raise exception 'header % copies nothing', _name using errcode = 'OX007',
                    hint = 'For example {"copy": "$.object_id"}: a jsonpath of up to 200 characters into what outbox.body() gives.';
            end if;
        elsif jsonb_typeof(_value) <> 'string' or (_value #>> '{}') !~ '^([\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?)?$' then
            raise exception 'the value of header % is not a string of printable ASCII', _name
                using errcode = 'OX007', hint = 'No line ends, and no blanks around it.';
        end if;
        _seen := _seen || lower(_name);
        _bytes := _bytes + length(_name) + length(_value #>> '{}') + 4;
    end loop;
    if _bytes > 8192 or cardinality(_seen) > 64 then
        raise exception 'the headers are too large: % of them with % bytes', cardinality(_seen), _bytes
            using errcode = 'OX007', detail = 'The limits are 64 headers and 8192 bytes.';
    end if;
end
$$;
