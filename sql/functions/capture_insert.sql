create or replace function outbox.capture_insert(watch outbox.watch, alone boolean, chosen text default '') returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
-- The insert of events for the body of a watch's trigger function, from a query or CTE named change.
-- The half of the uid that is random is the same for all of a statement (capture._mark).
-- Arguments: watch; alone, whether it is of one row, whose id is drawn (capture._id); chosen, a WHERE clause over change.
-- Returns: SQL without a RETURNING clause.
-- Touches: nothing.
begin
    return format($q$
            insert into outbox.event (slot, id, uid, type, object, object_id, occurred_at, data, watch, source, trace_id, traceparent, headers)
            select capture._slot, %3$s, (capture._mark operator(pg_catalog.||)
                    pg_catalog.to_hex(%3$s operator(pg_catalog.#) '-9223372036854775808'::bigint))::pg_catalog.uuid,
                change.type, %1$L, case when pg_catalog.octet_length(change.object_id) operator(pg_catalog.>) 1000
                    then outbox.shortened_id(change.object_id) else change.object_id end,
                capture._now, change.data, %2$s, capture._source, capture._trace_id, capture._traceparent, capture._headers
            from %4$s $q$, watch.object, watch.id,
        case when alone then 'capture._id' else 'change.event' end,
        case when alone then 'change' else format($q$(
                select pg_catalog.nextval('outbox.event_id') as event, change.* from change %s
            ) as change$q$, chosen) end);
end
$$;
