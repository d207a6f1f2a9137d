create or replace function outbox.render_object(object text, touched outbox.touched[]) returns boolean
language plpgsql
as $$
-- Writes the events of one object with a builder: renders what was touched of it, set-based, under the locks of outbox.lock_heads().
-- An object that its gate holds back, or that its builder gives no data for, has no event; it gets its number back. A deleted one
-- cannot be asked any more: its Delete is sent unless the gate was shut when it was last looked at. Part of outbox.seal(), with its rights
-- and settings.
-- Arguments: object; touched, what the transaction has touched, of whatever object.
-- Returns: whether a delivery was made.
-- Raises: whatever builder or gate raise, where the object says abort; where it says store, the event has the error instead of data.
-- Touches: insert outbox.event, outbox.delivery; update outbox.object_head; outbox.render() calls builder and gate.
declare
    _object   outbox.object := (select o from outbox.object o where o.name = render_object.object);
    _now      timestamptz := clock_timestamp();
    _slot     smallint := outbox.slot(clock_timestamp());
    _asked    text[] := array(select t.object_id from unnest(render_object.touched) t where t.object = render_object.object and t.last_op is distinct from 'D');
    _rendered outbox.rendered[];
    _events   bigint[];
    _types    text[];
    _type     text;
    _patterns text[] := '{}';
    _made     integer := 0;
begin
    if cardinality(_asked) > 0 then
        if _object.on_error = 'abort' then
            _rendered := array(select r from outbox.render(_object.name, _asked) r);
        else
            _rendered := outbox.render_bravely(_object.name, _asked);
        end if;
    end if;
    with due as materialized (
        select t.object_id, t.last_op, t.first_op, t.type, t.source, t.trace_id, t.traceparent, t.headers, h.seq, h.published,
            case when t.last_op = 'D' then t.data else r.data end as data, r.error,
            case when t.last_op = 'D' then h.published else r.data is not null or r.error is not null end as shown
        from unnest(render_object.touched) t
            join outbox.object_head h on h.object = t.object and h.object_id = t.object_id
            left join unnest(_rendered) r on r.object_id = t.object_id
        where t.object = render_object.object
    ), typed as materialized (
        select d.*, case
                when d.first_op = 'I' then _object.name || '.Create'
                when d.last_op = 'D' then _object.name || '.Delete'
                else coalesce(d.type, _object.name || '.Update')
            end as event_type
        from due d
    ), wanted as materialized (
        select t.event_type
        from (select distinct event_type from typed) t
        where _object.history or exists (
            select from outbox.subscription s where s.pattern = any (outbox.patterns(t.event_type)) and s.status <> 'gone')
    ), sent as materialized (
        select t.*, t.shown and (t.error is not null or t.event_type in (select w.event_type from wanted w)) as is_sent from typed t
    ), kept as (
        -- Numbers have no gaps; what was held back is known.
        update outbox.object_head h
        set seq = case when sent.is_sent then h.seq else h.seq - 1 end, published = sent.shown
        from sent
        where h.object = render_object.object and h.object_id = sent.object_id
            and (not sent.is_sent or h.published <> sent.shown)
    ), event as (
        insert into outbox.event (slot, type, object, object_id, occurred_at, data, seq, source, trace_id, traceparent, headers, error)
        select _slot, sent.event_type, _object.name, sent.object_id, _now,
            case when sent.error is not null then 'null' when _object.data = 'key' then jsonb_build_object('id', sent.object_id)
                when pg_column_size(sent.data) > 1048576 then outbox.payload_omitted(1048576) else sent.data end,
            sent.seq, sent.source, sent.trace_id, sent.traceparent, sent.headers, sent.error
        from sent
        where sent.is_sent
        order by sent.object_id
        returning id, type, error
    )
    select array_agg(e.id order by e.id), array_agg(e.type order by e.id) into _events, _types from event e where e.error is null;
    if _events is null then
        return false;
    end if;
    foreach _type in array array(select distinct t from unnest(_types) t) loop
        _patterns := _patterns || outbox.patterns(_type);
    end loop;
    if _object.mode = 'latest' or exists (
        select from outbox.subscription s where s.pattern = any (_patterns) and s.special and s.status <> 'gone')
    then
        return outbox.deliver(_slot, _events) > 0;
    end if;
    foreach _type in array array(select distinct t from unnest(_types) t) loop
        _made := _made + outbox.deliver_type(_slot, _type,
            array(select e.id from unnest(_events, _types) as e (id, type) where e.type = _type), _now);
    end loop;
    return _made > 0;
end
$$;
