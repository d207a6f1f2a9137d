create or replace function outbox.seal_one(touched outbox.touched) returns boolean
language plpgsql
as $$
-- What outbox.lock_heads() and outbox.render_object() do, for a transaction that has touched one object only, as most do. Each
-- statement here costs a commit about 10 us and the joins, sorts and temporary arrays of those two many times that; so it takes few and plain ones.
-- Part of outbox.seal(), with its rights and settings.
-- Arguments: touched, what the transaction has touched.
-- Returns: whether a delivery was made.
-- Raises: whatever builder or gate raise, where the object says abort; where it says store, the event has the error instead of data.
-- Locks: the row of outbox.object_head.
-- Touches: insert or update outbox.object_head; insert outbox.event, outbox.delivery, outbox.fan_out; outbox.render() calls builder and gate.
declare
    _seq       bigint;
    _published boolean;
    _mode      text;
    _on_error  text;
    _history   boolean;
    _kind      text;
    _mark      text;
    _data      jsonb := touched.data;
    _error     text;
    _shown     boolean;
    _type      text;
    _now       timestamptz;
    _slot      smallint;
    _event     bigint;
    _patterns  text[];
    _to        bigint[];
begin
    insert into outbox.object_head as h (object, object_id) values (touched.object, touched.object_id)
    on conflict on constraint object_head_pkey do update set seq = h.seq + 1
    returning h.seq, h.published into _seq, _published;
    _type := case
        when touched.first_op = 'I' then touched.object || '.Create'
        when touched.last_op = 'D' then touched.object || '.Delete'
        else coalesce(touched.type, touched.object || '.Update')
    end;
    -- Objects are one word, so it is known what patterns match their usual types.
    _patterns := case when touched.type is null then array[_type, touched.object || '.*', '*'] else outbox.patterns(_type) end;
    -- From here on each statement sees what those have committed who had the lock before. As in capture functions: -1 when some want it on a condition.
    select o.mode, o.on_error, o.history, o.data, outbox.uid_mark(), array(
        select case when s.special then -1 else s.id end
        from outbox.subscription s
        where s.pattern = any (_patterns) and s.status <> 'gone'
        limit outbox.fan_out_max() + 2)
    into _mode, _on_error, _history, _kind, _mark, _to
    from outbox.object o where o.name = touched.object;
    if cardinality(_to) > outbox.fan_out_max() + 1 then
        -- Perhaps all of those are special.
        _to := array((
            select s.id from outbox.subscription s
            where s.pattern = any (_patterns) and not s.special and s.status <> 'gone'
            limit outbox.fan_out_max() + 1
        ) union all (
            select -1::bigint from outbox.subscription s
            where s.pattern = any (_patterns) and s.special and s.status <> 'gone'
            limit 1));
    end if;
    if touched.last_op = 'D' then
        _shown := _published;
    else
        if _on_error = 'abort' then
            select r.data, r.error into _data, _error
            from outbox.render(touched.object, array[touched.object_id]) r where r.object_id = touched.object_id;
        else
            select r.data, r.error into _data, _error
            from unnest(outbox.render_bravely(touched.object, array[touched.object_id])) r where r.object_id = touched.object_id;
        end if;
        _shown := _data is not null or _error is not null;
    end if;
    if not _shown or not _published then
        -- Numbers have no gaps; what was held back is known.
        update outbox.object_head h
        set seq = case when _shown then h.seq else h.seq - 1 end, published = _shown
        where h.object = touched.object and h.object_id = touched.object_id;
        if not _shown then
            return false;
        end if;
    end if;
    if cardinality(_to) = 0 and _error is null and not _history then
        -- Nobody wants this of it.
        update outbox.object_head h set seq = h.seq - 1 where h.object = touched.object and h.object_id = touched.object_id;
        return false;
    end if;
    if _error is not null then
        _data := 'null';
    elsif _kind = 'key' then
        _data := jsonb_build_object('id', touched.object_id);
    elsif pg_column_size(_data) > 1048576 then
        _data := outbox.payload_omitted(1048576);
    end if;
    _now := clock_timestamp();
    _slot := outbox.slot(_now);
    _event := nextval('outbox.event_id');
    insert into outbox.event (slot, id, uid, type, object, object_id, occurred_at, data, seq, source, trace_id, traceparent, headers, error)
    values (_slot, _event, (_mark || to_hex(_event # '-9223372036854775808'::bigint))::uuid, _type, touched.object, touched.object_id, _now, _data,
        _seq, touched.source, touched.trace_id, touched.traceparent, touched.headers, _error);
    if _error is not null then
        return false;
    end if;
    if _mode = 'latest' or -1::bigint = any (_to) then
        return outbox.deliver(_slot, array[_event]) > 0;
    elsif cardinality(_to) > outbox.fan_out_max() then
        insert into outbox.fan_out (event_slot, event_id) values (_slot, _event) on conflict do nothing;
    elsif cardinality(_to) > 0 then
        insert into outbox.delivery (subscription, event_slot, event_id, due_at)
        select unnest(_to), _slot, _event, _now;
    else
        return false;
    end if;
    return true;
end
$$;
