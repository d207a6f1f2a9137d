create or replace function outbox.capture_source(watch outbox.watch) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Writes the body of a watch's trigger function: static, set-based SQL for INSERT, UPDATE and DELETE.
--
-- The body must never fail the user's statement, whatever is in the rows and whatever became of the table since:
--   * A column is named without a qualifier in a query whose only table is the transition table, under an outer query that
--     offers a NULL of the same name. Rename or drop the column and the name resolves to that NULL: the event comes without
--     an id and outbox.broken_watch says so, where a qualified name would fail every write from then on.
--   * #variable_conflict use_column, and variables always under the label `capture`: a column may be called old or tg_op.
--   * No operator is looked up for a user's type: rows are paired by the text of their key, compared as stored images.
--   * Nothing here depends on the type of a column, since ALTER TABLE may change it: functions for any type only. An id
--     expression does depend on it, so it is used only while its columns are there and have the types it was written for;
--     otherwise events come without an id, and outbox.broken_watch says so.
--   * Every function, operator and type is named with its schema, because the function runs with the rights of the owner of
--     schema outbox and, unless it has an id expression, with the search_path of whoever writes: setting search_path takes
--     19 of the 44 us that a watched single-row UPDATE without a subscription takes in all.
--   * Where the table's owner could not become the owner of schema outbox anyway (outbox.capture_is_trusted), nothing of a type
--     that the owner made is converted but by its output function: to_jsonb() calls a cast to json that the owner may
--     create at any time, and would call it with the rights of this function.
--   * What a row holds is measured before anything is built from it (outbox.capture_size).
--   * An id that the index of events could not hold is sent shortened, with a digest that keeps it apart from others.
--   * Identity is the key: a row whose key changed is a Delete and a Create.
--   * The doorbell is looked at after the deliveries are in: outbox.ring() says why.
--   * Nothing is computed before it is known that somebody subscribes.
--
-- Arguments: watch, the row of the catalogue (it need not be stored yet).
-- Returns: the plpgsql source, the same for the same watch and table.
-- Touches: select pg_attribute, pg_type; outbox.capture_branches() writes the statements.
declare
    _object   outbox.object := (select o from outbox.object o where o.name = watch.object);
    _writes   text := case when _object.builder is null then outbox.capture_branches(watch, _object, false)
        else outbox.capture_touches(watch, _object, false) end;
    _named    text[] := watch.id_columns || watch.condition_columns;
    _guard    text := '';
    _patterns text[];
begin
    if not outbox.capture_is_trusted(watch.relation) then
        -- The lock of the user's statement keeps the columns as they are while it runs.
        _guard := format($guard$    capture._plain := not exists (
        select from pg_catalog.pg_attribute a
        where a.attrelid operator(pg_catalog.=) tg_relid and a.attnum operator(pg_catalog.>) 0 and not a.attisdropped
            and a.atttypid operator(pg_catalog.>=) 16384::pg_catalog.oid);
    capture._known := capture._plain or outbox.capture_signature(tg_relid) operator(pg_catalog.=) %L;
$guard$, outbox.capture_signature(watch.relation));
    end if;
    if watch.id_expression is not null or cardinality(_named) > 0 then
        _writes := format($guard$    if (
        select string_agg(format('%%s %%s.%%s', a.attname, n.nspname, t.typname), ', ' order by a.attnum)
        from pg_attribute a join pg_type t on t.oid = a.atttypid join pg_namespace n on n.oid = t.typnamespace
        where a.attrelid = tg_relid and a.attname = any (%L) and not a.attisdropped
    ) is not distinct from %L then
%s    else
%s    end if;
$guard$,
            _named,
            (select string_agg(format('%s %s.%s', a.attname, n.nspname, t.typname), ', ' order by a.attnum)
             from pg_attribute a join pg_type t on t.oid = a.atttypid join pg_namespace n on n.oid = t.typnamespace
             where a.attrelid = watch.relation and a.attname = any (_named) and not a.attisdropped),
            case when _object.builder is null then outbox.capture_branches(watch, _object, true)
                else outbox.capture_touches(watch, _object, true) end,
            _writes);
    end if;
    -- Whatever pattern may match an event of the object.
    _patterns := array(
        select distinct p
        from unnest(array[watch.object || '.Create', watch.object || '.Update', watch.object || '.Delete'] || watch.verb_types
                || array(select v from outbox.watch w cross join unnest(w.verb_types) as v where w.object = watch.object)) as t (type)
            cross join unnest(outbox.patterns(t.type)) as p
        order by p);
    return format($source$
-- Captures the changes of %1$s as events of object %2$s. Written by outbox.watch(); call it again instead of editing this.
#variable_conflict use_column
<<capture>>
declare
    _now         timestamp with time zone;
    _slot        smallint;
    _to          bigint[];
    _ids         bigint[];
    _plain       boolean;
    _known       boolean;
    _special     boolean := false;
    _inline      boolean := false;
    _again       boolean := false;
    _since       bigint;
    _wakes       boolean := false;
    _source      text;
    _trace_id    text;
    _traceparent text;
    _headers     jsonb;
%3$sbegin
    if pg_catalog.current_setting('outbox.capture', true) operator(pg_catalog.=) 'off' then
        if tg_op operator(pg_catalog.=) 'DELETE' then
            capture._since := (select pg_catalog.count(*) from old_rows);
        else
            capture._since := (select pg_catalog.count(*) from new_rows);
        end if;
        if outbox.skip_capture(tg_relid, tg_op, capture._since) then
            return null;
        end if;
    end if;
%4$s    capture._now := pg_catalog.clock_timestamp();
    capture._slot := outbox.slot(capture._now);
    capture._source := pg_catalog.current_setting('outbox.source', true);
    capture._trace_id := pg_catalog.current_setting('outbox.trace_id', true);
    capture._traceparent := pg_catalog.current_setting('outbox.traceparent', true);
    -- Once set in a session, a setting that is not set is empty.
    capture._source := case when capture._source operator(pg_catalog.<>) '' then capture._source end;
    capture._trace_id := case when capture._trace_id operator(pg_catalog.<>) '' then capture._trace_id end;
    capture._traceparent := case when capture._traceparent operator(pg_catalog.<>) '' then capture._traceparent end;
    capture._headers := outbox.context_headers();
%5$s%6$s%7$s    return null;
end
$source$,
        regexp_replace(watch.relation::text, '[[:cntrl:]]', ' ', 'g'), watch.object,
        case when watch.through is not null then format(E'    _rows        %s[];\n', watch.relation) else '' end,
        -- Nobody who wants any of it: this is all that a commit pays then.
        case when _object.history then '' else format($q$    if not exists (
        select from outbox.subscription as s
        where s.pattern operator(pg_catalog.=) any (%L) and s.status operator(pg_catalog.<>) 'gone')
    then
        return null;
    end if;
$q$, _patterns) end,
        _guard,
        case when _object.builder is not null then '' else format($q$    capture._special := exists (
        select from outbox.subscription as s
        where s.pattern operator(pg_catalog.=) any (%L) and s.special and s.status operator(pg_catalog.<>) 'gone');
$q$, _patterns) || case when _object.mode = 'each' then '' else format($q$    if pg_catalog.current_setting('outbox.written_%1$s', true) operator(pg_catalog.~~)
        pg_catalog.concat(pg_catalog.pg_current_xact_id(), ':%%')
    then
        capture._again := true;
        capture._since := pg_catalog.substring(pg_catalog.current_setting('outbox.written_%1$s'), ':([0-9]{1,18})$')::bigint;
    end if;
$q$, watch.id) end end || _writes,
        case when _object.builder is not null then $q$    if capture._wakes then
        insert into outbox.sealing default values on conflict do nothing;
    end if;
$q$ else $q$    if capture._wakes and (select d.last_value from outbox.doorbell as d) operator(pg_catalog.=) 1 then
        perform outbox.ring();
    end if;
$q$ end);
end
$$;
