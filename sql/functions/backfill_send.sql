create or replace function outbox.backfill_send(
    run bigint, walked_to text, walked integer, ids text[], data jsonb[], ended boolean
) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC' set datestyle = 'ISO' set intervalstyle = 'postgres' set bytea_output = 'hex' set extra_float_digits = 1
set jit = off
as $$
-- Writes the events of one batch, with their deliveries, and how far the run has come: they are committed together. The rows of
-- objects without a builder are locked by the caller, those of outbox.object_head by outbox.backfill_lock().
-- Arguments: run; walked_to, the last key, or null when there was none; walked, how many rows that were; ids and data of what
--   there is to send; ended, whether that was the last batch.
-- Returns: how many events were written.
-- Raises: OX003, OX017; whatever builder or gate raise, where the object says abort.
-- Touches: insert outbox.event, outbox.delivery; update outbox.backfill_run, outbox.object_head; outbox.render() calls builder
--   and gate; see outbox.backfill_to().
declare
    _run     outbox.backfill_run;
    _object  outbox.object;
    _now     timestamptz := clock_timestamp();
    _slot    smallint := outbox.slot(clock_timestamp());
    _touched outbox.touched[];
    _type    text;
    _last    bigint;
    _events  bigint[];
    _count   integer := 0;
    _wakes   boolean := false;
    _source  text := nullif(current_setting('outbox.source', true), '');
    _trace   text := nullif(current_setting('outbox.trace_id', true), '');
    _parent  text := nullif(current_setting('outbox.traceparent', true), '');
    _headers jsonb := outbox.context_headers();
begin
    select r.* into _run from outbox.backfill_run r where r.id = backfill_send.run for update;
    _object := outbox.require_backfill(_run.object);
    _type := _object.name || '.Snapshot';
    if _run.ended_at is not null then
        return 0;
    elsif _run.subscription is not null then
        _count := outbox.backfill_to(_run.subscription, _object, backfill_send.ids, backfill_send.data);
        _wakes := _count > 0;
    elsif _object.builder is not null then
        select array_agg(t::outbox.touched order by t.object_id) into _touched
        from (
            select distinct pg_current_xact_id(), _object.name, outbox.short_id(i.id) as object_id, null::"char", null::"char",
                _type, null::jsonb,
                _source, _trace, _parent, _headers
            from unnest(backfill_send.ids) as i (id)
            where i.id is not null
        ) t;
        if _touched is not null then
            _last := coalesce((select max(e.id) from outbox.event e where e.slot = _slot), 0);
            _wakes := outbox.render_object(_object.name, _touched, outbox.lock_heads(_touched));
            _count := (
                select count(*) from outbox.event e
                where e.slot = any (array[_slot, outbox.slot(clock_timestamp())]) and e.id > _last
                    and e.xid = pg_current_xact_id()
                    and e.type = _type);
        end if;
    else
        with written as (
            insert into outbox.event as e (slot, type, object, object_id, occurred_at, data, source, trace_id, traceparent,
                headers)
            select _slot, _type, _object.name, outbox.short_id(s.id), _now,
                case when pg_column_size(s.data) > 1048576 then outbox.payload_omitted(1048576)
                    when _object.data = 'diff' then outbox.diff(null, s.data) else coalesce(s.data, 'null') end,
                _source, _trace, _parent, _headers
            from unnest(backfill_send.ids, backfill_send.data) with ordinality as s (id, data, n)
            order by s.n
            returning e.id
        )
        select array_agg(w.id order by w.id) into _events from written w;
        _count := coalesce(cardinality(_events), 0);
        if _count > 0 then
            _wakes := outbox.deliver(_slot, _events) > 0;
        end if;
    end if;
    update outbox.backfill_run r
    set walked_to = coalesce(backfill_send.walked_to, r.walked_to), walked = r.walked + backfill_send.walked,
        sent = r.sent + _count,
        stepped_at = clock_timestamp(), ended_at = case when backfill_send.ended then clock_timestamp() end
    where r.id = _run.id;
    if _wakes and (select d.last_value from outbox.doorbell d) = 1 then
        perform outbox.ring();
    end if;
    return _count;
end
$$;
