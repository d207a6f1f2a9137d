create or replace function outbox.write_rendered(
    object outbox.object, touched outbox.touched[], heads outbox.object_head[], rendered outbox.rendered[]
) returns boolean
language plpgsql
set enable_nestloop = off
as $$
-- Writes the events of one object with a builder. An object that its gate holds back, that its builder gives no data for, or that nobody wants
-- this of, has no event; it gets its number back. A deleted one cannot be asked any more: its Delete is sent unless the gate was shut when it was
-- last looked at. Part of outbox.seal(), with its rights and settings. Without nested loops: nothing is known of how many rows an array has, and 20,000
-- paired that way take 25 s.
-- Arguments: object; touched, what the transaction has touched, of whatever object; heads, what outbox.lock_heads() returned; rendered, what
--   the builder made.
-- Returns: whether a delivery was made.
-- Touches: insert outbox.event, outbox.delivery, outbox.fan_out; update outbox.object_head; select outbox.subscription.
declare
    _now      timestamptz := clock_timestamp();
    _slot     smallint := outbox.slot(clock_timestamp());
    _mark     text := outbox.uid_mark();
    _events   bigint[];
    _types    text[];
    _unsent   text[];
    _opened   text[];
    _shut     text[];
    _type     text;
    _patterns text[] := '{}';
    _made     integer := 0;
begin
    with due as materialized (
        select t.object_id, t.last_op, t.first_op, t.type, t.source, t.trace_id, t.traceparent, t.headers, h.seq, h.published,
            case when t.last_op = 'D' then t.data else r.data end as data, r.error,
            case when t.last_op = 'D' then h.published else r.data is not null or r.error is not null end as shown
        from unnest(write_rendered.touched) t
            join unnest(write_rendered.heads) h on h.object = t.object and h.object_id = t.object_id
            left join unnest(write_rendered.rendered) r on r.object_id = t.object_id
        where t.object = write_rendered.object.name
    ), typed as materialized (
        select d.*, case
                when d.first_op = 'I' then write_rendered.object.name || '.Create'
                when d.last_op = 'D' then write_rendered.object.name || '.Delete'
                else coalesce(d.type, write_rendered.object.name || '.Update')
            end as event_type
        from due d
    ), wanted as materialized (
        select t.event_type
        from (select distinct event_type from typed) t
        where write_rendered.object.history or exists (
            select from outbox.subscription s where s.pattern = any (outbox.patterns(t.event_type)) and s.status <> 'gone')
    ), sent as materialized (
        select t.*, t.shown and (t.error is not null or t.event_type in (select w.event_type from wanted w)) as is_sent from typed t
    ), event as (
        insert into outbox.event (slot, id, uid, type, object, object_id, occurred_at, data, seq, source, trace_id, traceparent, headers, error)
        select _slot, sent.event, (_mark || to_hex(sent.event # '-9223372036854775808'::bigint))::uuid, sent.event_type, write_rendered.object.name, sent.object_id, _now,
            case when sent.error is not null then 'null' when write_rendered.object.data = 'key' then jsonb_build_object('id', sent.object_id)
                when pg_column_size(sent.data) > 1048576 then outbox.payload_omitted(1048576) else sent.data end,
            sent.seq, sent.source, sent.trace_id, sent.traceparent, sent.headers, sent.error
        from (
                select nextval('outbox.event_id') as event, s.*
                from (select s.* from sent s where s.is_sent order by s.object_id offset 0) s
            ) sent
        returning id, type, error
    )
    select array_agg(e.id order by e.id) filter (where e.error is null), array_agg(e.type order by e.id) filter (where e.error is null),
        (select array_agg(s.object_id) filter (where not s.is_sent) from sent s),
        (select array_agg(s.object_id) filter (where s.shown and not s.published) from sent s),
        (select array_agg(s.object_id) filter (where not s.shown and s.published) from sent s)
    into _events, _types, _unsent, _opened, _shut
    from event e;
    -- Numbers have no gaps; what was held back is known.
    if _unsent is not null then
        update outbox.object_head h set seq = h.seq - 1 where h.object = write_rendered.object.name and h.object_id = any (_unsent);
    end if;
    if _opened is not null or _shut is not null then
        update outbox.object_head h set published = not h.published
        where h.object = write_rendered.object.name and h.object_id = any (coalesce(_opened, '{}') || coalesce(_shut, '{}'));
    end if;
    if _events is null then
        return false;
    end if;
    foreach _type in array array(select distinct t from unnest(_types) t) loop
        _patterns := _patterns || outbox.patterns(_type);
    end loop;
    if write_rendered.object.mode = 'latest' or exists (
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
