create or replace function outbox.envelop(event outbox.event, envelope text, subscription bigint) returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO, YMD' set intervalstyle = 'postgres'
set extra_float_digits = 1 set bytea_output = 'hex' set xmlbinary = 'base64'
set lc_monetary = 'C' set lc_numeric = 'C' set lc_time = 'C'
as $$
-- Makes a body by a subscription's envelope, under settings that are the same in every relay's session. Whatever the envelope
-- does goes no further than its value: it cannot write, and what it sets, locks or raises is undone when it is done.
-- Arguments: event, a row of outbox.event; envelope, from outbox.subscription; subscription, which that is.
-- Returns: body and null; or null and why there is none, and a third element when the statement was cancelled meanwhile: the
--   time-out that did it does not come again, and nothing but the end of the statement should follow.
-- Touches: what the envelope reads.
declare
    _body text;
    _done boolean := false;
    _name text;
    _call text;
begin
    begin
        _name := outbox.check_envelope(envelop.envelope);
        _call := case when to_regprocedure(_name || '(outbox.event)') is null then _name || '($1, $2)' else _name || '($1)' end;
        perform set_config('transaction_read_only', 'on', true);
        execute format('select %s::text', _call) into _body using envelop.event, envelop.subscription;
        _done := true;
        -- The only way to undo what it has set.
        raise exception using errcode = 'OX015';
    exception when query_canceled or assert_failure or others then
        if not _done then
            return array[null, left(coalesce('envelope ' || _name || ' raised ' || sqlstate || ': ', '') || sqlerrm, 1000),
                case when sqlstate = '57014' then sqlstate end];
        end if;
    end;
    if _body is null then
        return array[null, format('envelope %s gave NULL', _name)];
    elsif octet_length(_body) > 1048576 then
        return array[null, format('envelope %s gave %s bytes, and 1048576 is the limit', _name, octet_length(_body))];
    end if;
    return array[_body, null];
end
$$;
