create or replace function outbox.explain(sql text, path text default pg_catalog.current_setting('search_path')) returns table (
    event_type text, object text, object_id text, data jsonb, subscription bigint, subscriber text, matches boolean, reason text
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- What a statement would send: runs it, with the rights of the caller, and what it defers to the commit, and rolls it back.
-- Events show although nobody wants them. What the caller's transaction did before is neither shown nor merged with. A rollback
-- does not undo everything: numbers drawn from sequences stay drawn, session locks stay locked, and what the statement's
-- functions did outside this database (dblink, HTTP, files) is done. Locks on rows are kept until it is rolled back only.
-- Notifications are undone.
-- Arguments: sql, one SELECT, VALUES, INSERT, UPDATE, DELETE or MERGE; path, the search_path by which it is understood: the
--   caller's.
-- Returns: per event one row for each subscription, those that get it first; an event that nobody wants begins with a row without
--   a subscription.
-- Raises: OX018 not such a statement; 42501 who may not read schema outbox; else what the statement raises.
-- Touches: select outbox.event, outbox.delivery, outbox.attempt, outbox.fan_out, outbox.subscription, outbox.watch,
--   outbox.object; outbox.explain_open() writes.
#variable_conflict use_column
declare
    _slots    smallint[];
    _everyone bigint;
    _event    bigint;
    _delivery bigint;
    _attempt  bigint;
    _count    bigint;
    _found    jsonb;
    _done     boolean := false;
begin
    if not has_table_privilege('outbox.event', 'select') or not has_column_privilege('outbox.subscription', 'filter',
        'select') then
        raise exception 'outbox.explain() reads schema outbox, and % may not', current_user
            using errcode = 'insufficient_privilege', hint = format('grant outbox_reader to %I;', current_user);
    end if;
    _slots := array[outbox.slot(clock_timestamp()), outbox.slot(now())];
    perform outbox.explainable(explain.sql, explain.path);
    begin
        -- What the transaction has touched before becomes its events now, and not those of the statement.
        set constraints outbox.sealing_seal immediate;
        set constraints outbox.sealing_seal deferred;
        perform set_config('outbox.written_' || w.id, '', true)
        from outbox.watch w where current_setting('outbox.written_' || w.id, true) <> '';
        _event := coalesce((select max(m.id) from unnest(_slots) s cross join lateral (
            select e.id from outbox.event e where e.slot = s order by e.id desc limit 1) m), 0);
        _attempt := coalesce((select max(m.id) from unnest(_slots) s cross join lateral (
            select a.id from outbox.attempt a where a.slot = s order by a.id desc limit 1) m), 0);
        _delivery := coalesce((select max(d.id) from outbox.delivery d), 0);
        _everyone := outbox.explain_open();

        perform pg_catalog.set_config('search_path', explain.path, true);
        execute explain.sql;
        get diagnostics _count = row_count;
        set constraints all immediate;
        perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

        -- It may be tomorrow by now.
        _slots := _slots || outbox.slot(clock_timestamp());
        with event as materialized (
            select e.* from outbox.event e where e.slot = any (_slots) and e.id > _event and e.xid = pg_current_xact_id()
        ), judged as (
            select e.id, s.id as subscription, s.subscriber,
                coalesce(d.id is not null or f.event_id is not null and m.why_not is null, false) as matches,
                case
                    when e.error is not null then 'the event has no data: ' || e.error
                    when m.why_not is not null then m.why_not
                    else concat_ws(', ', outbox.match_words(s.pattern, s.object_id, s.filter, s.filter_path, s.exclude_source,
                        s.status),
                        case when f.event_id is not null then 'very many want it: a relay makes the delivery' end,
                        (select 'takes the place of event ' || string_agg(a.event_id::text, ', ' order by a.event_id)
                         from outbox.attempt a
                         where a.slot = any (_slots) and a.id > _attempt and a.subscription = s.id
                             and a.error = 'superseded by event ' || e.id))
                end as reason
            from event e
                join outbox.subscription s on s.id <> _everyone and s.status <> 'gone'
                cross join lateral outbox.mismatch(s.pattern, s.object_id, s.filter, s.filter_path, s.exclude_source, s.status,
                    e.type, e.data, e.object_id, e.source) as m (why_not)
                left join outbox.delivery d on d.id > _delivery and d.subscription = s.id and d.event_id = e.id
                left join outbox.fan_out f on f.event_id = e.id and f.event_slot = e.slot
        ), told as (
            select j.* from judged j
            union all
            select e.id, null, null, false, case when o.history then 'no subscription wants it; it is kept, for history'
                when e.object is null or o.name is null then 'no subscription wants it; it is kept, because it was emitted'
                else 'no subscription wants it: no event is written' end
            from event e left join outbox.object o on o.name = e.object
            where e.error is null and not exists (select from judged j where j.id = e.id and j.matches)
        )
        select jsonb_agg(jsonb_build_object('event_type', e.type, 'object', e.object, 'object_id', e.object_id, 'data', e.data,
            'subscription', t.subscription, 'subscriber', t.subscriber, 'matches', t.matches, 'reason', t.reason)
            order by e.id, t.matches desc, t.subscription nulls first) into _found
        from event e join told t on t.id = e.id;
        _done := true;
        raise exception 'rolled back' using errcode = 'OX018';
    exception when others then
        if not _done then
            raise;
        end if;
    end;
    raise notice 'the statement was run and rolled back'
        using detail = 'Not undone: numbers drawn from sequences, session locks, and what its functions did outside this database.';
    if _found is null then
        raise notice 'it gives no event' using detail = format('It came to %s rows.%s', _count,
            case when current_setting('outbox.capture', true) = 'off' then ' outbox.capture is off.' end),
            hint = 'Is the table watched? select relation, object from outbox.watch.';
        return;
    end if;
    return query
    select r.event_type, r.object, r.object_id, r.data, r.subscription, r.subscriber, r.matches, r.reason
    from jsonb_to_recordset(_found) as r (event_type text, object text, object_id text, data jsonb, subscription bigint,
        subscriber text,
        matches boolean, reason text);
end
$$;
