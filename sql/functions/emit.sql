create or replace function outbox.emit(
    event_type text, data jsonb default 'null', object text default null, object_id text default null,
    dedupe_key text default null, dedupe_window interval default '1 day', due_at timestamptz default null
) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Publishes an event by hand, in the caller's transaction: it is delivered if that commits and never was if it does not.
-- The event is kept even when no subscription wants it, because its uid is handed out.
-- Arguments: event_type, from the catalogue; data, any JSON; object and object_id, what the event is about, if anything: a
--   word as in outbox.object and, shortened to 267 characters with a digest when it has more than 1000 bytes, a text.
--   dedupe_key   the same key of the same type within dedupe_window (1 s to 365 days) is the same event: nothing is written then. Who
--   comes while another transaction has the key waits for its end: its commit makes this the same event, its rollback an event of its own.
--   due_at       not to be sent before, up to a year ahead; the age of its deliveries begins then. Default, and what has passed: at once.
-- Returns: the event's uid, or that of the first with this key; subscribers see it as "id" in the body and at the start of webhook-id.
-- Raises: OX001 an event type that is not in the catalogue; OX005 not an event type at all, or
--   a name for an object of more than 100 characters; OX033 dedupe_key or dedupe_window; OX034 due_at too far ahead, or of an object
--   of mode latest; 40001 under REPEATABLE READ when somebody else has used the key meanwhile.
-- Locks: the key, until the transaction ends.
-- Touches: insert outbox.event, outbox.delivery, outbox.dedupe; update outbox.delivery, outbox.fan_out;
--   select outbox.subscription, outbox.event_type, outbox.object, outbox.doorbell.
<<emit_event>>
declare
    _now       timestamptz := clock_timestamp();
    _slot      smallint := outbox.slot(_now);
    _data      jsonb := coalesce(emit.data, 'null');
    _object_id text := emit.object_id;
    _id        bigint;
    _uid       uuid;
    _made      integer;
    _due_at    timestamptz := case when emit.due_at > clock_timestamp() then emit.due_at end;
    _last      bigint;
    _is_new    boolean;
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
    if _due_at is not null then
        if _due_at > _now + interval '1 year' then
            raise exception 'due_at is too far ahead: %', _due_at using errcode = 'OX034', detail = 'The limit is one year.';
        elsif (select o.mode = 'latest' from outbox.object o where o.name = emit.object) then
            raise exception 'an event of object % cannot be published for later', emit.object using errcode = 'OX034',
                detail = 'Its mode is latest: the event would take the place of those that wait, long before it is sent.';
        end if;
        _last := (select s.last_value from outbox.delivery_id_seq s);
    end if;
    _id := nextval('outbox.event_id');
    _uid := outbox.event_uid(_id);
    if emit.dedupe_key is not null then
        select k.uid, k.is_new into _uid, _is_new
        from outbox.claim_key(emit.event_type, emit.dedupe_key, emit.dedupe_window, _uid) k;
        if not _is_new then
            return _uid;
        end if;
    end if;
    insert into outbox.event (slot, id, uid, type, object, object_id, occurred_at, data, source, trace_id, traceparent, headers)
    values (_slot, _id, _uid, emit.event_type, emit.object, _object_id, _now, _data,
        nullif(current_setting('outbox.source', true), ''),
        nullif(current_setting('outbox.trace_id', true), ''), nullif(current_setting('outbox.traceparent', true), ''), outbox.context_headers());
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
    if _due_at is not null then
        update outbox.delivery d set due_at = _due_at, since = _due_at where d.id >= _last and d.event_id = _id;
        update outbox.fan_out f set due_at = _due_at where f.event_id = _id and f.event_slot = _slot;
    end if;
    if _made > 0 and (select d.last_value from outbox.doorbell d) = 1 then
        perform outbox.ring();
    end if;
    return _uid;
end
$$;
