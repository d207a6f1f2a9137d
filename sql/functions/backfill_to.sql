create or replace function outbox.backfill_to(subscription bigint, object outbox.object, ids text[], data jsonb[]) returns integer
language plpgsql
set enable_nestloop = off
as $$
-- The part of outbox.backfill_send() for a run that is for one subscription: writes the events that this one wants, whatever types its
-- pattern names, and their deliveries to it alone. Objects with a builder are rendered here, under the locks of outbox.backfill_lock(); their
-- seq is that of the last event of the object, for the snapshot is what that left, and takes no number of its own: others have no gap.
-- With the rights and settings of outbox.backfill_send().
-- Arguments: subscription; object; ids and data of what there is to send, data without a builder only.
-- Returns: how many events were written.
-- Raises: whatever builder or gate raise, where the object says abort; where it says store, the event has the error and no delivery.
-- Touches: insert outbox.event, outbox.delivery; update outbox.object_head; select outbox.subscription; see outbox.supersede(); outbox.render()
--   calls builder and gate.
declare
    _type     text := object.name || '.Snapshot';
    _now      timestamptz := clock_timestamp();
    _slot     smallint := outbox.slot(clock_timestamp());
    _source   text := nullif(current_setting('outbox.source', true), '');
    _ids      text[] := array(select outbox.short_id(i.id) from unnest(backfill_to.ids) with ordinality as i (id, n) order by i.n);
    _rendered outbox.rendered[];
    _events   bigint[];
    _keys     bigint[];
    _count    integer;
begin
    if object.builder is not null then
        _ids := array(select distinct i.id from unnest(_ids) as i (id) where i.id is not null);
        if object.on_error = 'abort' then
            _rendered := array(select r from outbox.render(object.name, _ids) r);
        else
            _rendered := outbox.render_bravely(object.name, _ids);
        end if;
        -- What its gate holds back has no Delete later.
        update outbox.object_head h set published = not h.published
        where h.object = object.name and h.object_id = any (_ids) and h.published <> exists (
            select from unnest(_rendered) r where r.object_id = h.object_id and (r.data is not null or r.error is not null));
    else
        _rendered := array(
            select (i.id, coalesce(i.data, 'null'), null)::outbox.rendered
            from unnest(_ids, backfill_to.data) with ordinality as i (id, data, n) order by i.n);
    end if;
    with formed as materialized (
        select r.object_id, r.error, h.seq, case
                when r.error is not null then 'null'
                when object.builder is not null and object.data = 'key' then jsonb_build_object('id', r.object_id)
                when pg_column_size(r.data) > 1048576 then outbox.payload_omitted(1048576)
                when object.builder is null and object.data = 'diff' then outbox.diff(null, r.data)
                else r.data
            end as data
        from unnest(_rendered) with ordinality as r (object_id, data, error, n)
            left join outbox.object_head h on object.builder is not null and h.object = object.name and h.object_id = r.object_id
        where r.data is not null or r.error is not null
        order by r.n
    ), written as (
        insert into outbox.event as e (slot, type, object, object_id, occurred_at, data, seq, error, source, trace_id, traceparent, headers)
        select _slot, _type, object.name, f.object_id, _now, f.data, f.seq, f.error, _source,
            nullif(current_setting('outbox.trace_id', true), ''), nullif(current_setting('outbox.traceparent', true), ''),
            outbox.context_headers()
        from formed f join outbox.subscription s on s.id = backfill_to.subscription
        where f.error is not null
            or outbox.mismatch(_type, s.object_id, s.filter, s.filter_path, s.exclude_source, s.status, _type, f.data, f.object_id, _source) is null
        returning e.id, e.object_id, e.error
    ), delivered as (
        insert into outbox.delivery (subscription, event_slot, event_id, due_at, object_key)
        select backfill_to.subscription, _slot, w.id, _now, case when object.mode = 'latest' then outbox.object_key(object.name, w.object_id) end
        from written w where w.error is null order by w.id
        returning event_id, object_key
    )
    select (select count(*) from written), array_agg(d.event_id), array_agg(d.object_key) into _count, _events, _keys from delivered d;
    if object.mode = 'latest' and _events is not null then
        perform outbox.supersede(array_fill(backfill_to.subscription, array[cardinality(_events)]), _keys, _events, false);
    end if;
    return _count;
end
$$;
