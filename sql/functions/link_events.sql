create or replace function outbox.link_events(
    watch integer, slots smallint[], fresh bigint[], inout ids bigint[], inout types text[], inout datas jsonb[]
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- The order of changes of one row where triggers of the user's change it too: what a trigger does within a statement is captured before the
-- statement is, and comes after it. The row before and after each change tells: one begins where another ends. A change that neither begins nor
-- ends at a known one, in a trigger, waits for the statement around it and is an event of its own until then.
-- Part of outbox.merge_events(), with its rights.
-- Arguments: watch; slots, where the events are; fresh, the new events, whose data are {"old": …, "new": …, "data": …}; ids, types, datas: events of
--   one object, as they were captured.
-- Returns: the events that become one, in the order in which the row has changed.
-- Touches: insert or update outbox.awaiting, update outbox.event; select pg_trigger, outbox.watch.
declare
    _olds     jsonb[];
    _news     jsonb[];
    _n        integer := cardinality(ids);
    _before   integer;
    _after    integer;
    _sequence integer[];
begin
    select array_agg(case when u.id = any (link_events.fresh) then coalesce(u.data -> 'old', 'null') else a.old end order by u.n),
        array_agg(case
            when u.id = any (link_events.fresh) then coalesce(u.data -> 'new', 'null')
            when a.new is not null then a.new
            when o.data = 'full' then case when u.type = o.name || '.Delete' then 'null' else u.data end end order by u.n),
        array_agg(case when u.id = any (link_events.fresh) then u.data -> 'data' else u.data end order by u.n)
    into _olds, _news, datas
    from outbox.watch w join outbox.object o on o.name = w.object
        cross join unnest(ids, types, datas) with ordinality as u (id, type, data, n)
        left join outbox.awaiting a on a.xid = pg_current_xact_id() and a.event_id = u.id
    where w.id = link_events.watch;
    -- Of several in one statement nothing is known: in the order of their capture.
    if _n > 1 and not ids[_n - 1] = any (link_events.fresh) then
        _before := (select max(i) from generate_series(1, _n - 1) i where _news[i] = _olds[_n]);
        _after := (select max(i) from generate_series(1, _n - 1) i where _olds[i] = _news[_n]);
        if _before = _after then
            -- There and back, or back and there: a trigger on this table, or one on another?
            if exists (
                select from pg_trigger t join outbox.watch w on w.relation = t.tgrelid
                where w.id = link_events.watch and not t.tgisinternal and t.tgname !~ '^zz_outbox_' and t.tgenabled <> 'D' and t.tgtype & 2 = 0)
            then
                _before := null;
            else
                _after := null;
            end if;
        end if;
        if _before is not null or _after is not null then
            _sequence := array_remove(array[_before, _n, _after], null);
        elsif pg_trigger_depth() > 1 and num_nulls(variadic _news) = 0 then
            _sequence := array[_n];
        end if;
    end if;
    _sequence := coalesce(_sequence, array(select generate_series(1, _n)));
    select array_agg(ids[i] order by n), array_agg(types[i] order by n), array_agg(datas[i] order by n) into ids, types, datas
    from unnest(_sequence) with ordinality as s (i, n);
    perform outbox.await_commit(e.slot, array[e.id])
    from outbox.event e where e.slot = any (link_events.slots) and e.id = (select min(i) from unnest(ids) i);
    update outbox.awaiting a
    set old = _olds[_sequence[1]], new = _news[_sequence[cardinality(_sequence)]]
    where a.xid = pg_current_xact_id() and a.event_id = (select min(i) from unnest(ids) i);
end
$$;
