create or replace function outbox.emit(
    event_type text, data jsonb default 'null', object text default null, object_id text default null
) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Publishes an event by hand, in the caller's transaction: it is delivered if that commits and never was if it does not.
-- The event is kept even when no subscription wants it, because its uid is handed out.
-- Arguments: event_type, from the catalogue; data, any JSON; object and object_id, what the event is about, if anything: a
--   word as in outbox.object and, shortened to 267 characters with a digest when it has more than 1000 bytes, a text.
-- Returns: the event's uid; subscribers see it as "id" in the body and at the start of webhook-id.
-- Raises: OX001 an event type that is not in the catalogue; OX005 not an event type at all, or
--   a name for an object of more than 100 characters.
-- Touches: insert outbox.event, outbox.delivery; select outbox.subscription, outbox.event_type, outbox.doorbell.
<<emit_event>>
declare
    _now       timestamptz := clock_timestamp();
    _slot      smallint := outbox.slot(_now);
    _data      jsonb := coalesce(emit.data, 'null');
    _object_id text := emit.object_id;
    _id        bigint;
    _uid       uuid;
    _made      integer;
begin
    if not exists (select from outbox.event_type t where t.name = emit.event_type) then
        perform outbox.require_event_type(emit.event_type);
        raise exception '% is a pattern, not an event type', emit.event_type using errcode = 'OX005';
    end if;
    if length(emit.object) > 100 then
        raise exception 'not a name for an object: %', quote_literal(left(emit.object, 200)) using errcode = 'OX005',
            detail = 'It has at most 100 characters.';
    end if;
    -- As captured rows do: the index of events holds 2,700 bytes.
    if octet_length(_object_id) > 1000 then
        _object_id := outbox.shortened_id(_object_id);
    end if;
    if pg_column_size(_data) > 1048576 then
        _data := outbox.payload_omitted(1048576);
    end if;
    insert into outbox.event as e (slot, type, object, object_id, occurred_at, data, source, trace_id, traceparent, headers)
    values (_slot, emit.event_type, emit.object, _object_id, _now, _data, nullif(current_setting('outbox.source', true), ''),
        nullif(current_setting('outbox.trace_id', true), ''), nullif(current_setting('outbox.traceparent', true), ''), outbox.context_headers())
    returning e.id, e.uid into _id, _uid;
    -- The event is not read again where it need not be: that would hold the leaves of all days until the transaction ends.
    if exists (
        select from outbox.subscription s
        where s.pattern = any (outbox.patterns(emit.event_type)) and s.special and s.status <> 'gone')
        or (select o.mode = 'latest' from outbox.object o where o.name = emit.object)
    then
        _made := outbox.deliver(_slot, array[_id]);
    else
        _made := outbox.deliver_type(_slot, emit.event_type, array[_id], _now);
    end if;
    if _made > 0 and (select d.last_value from outbox.doorbell d) = 1 then
        perform outbox.ring();
    end if;
    return _uid;
end
$$;
