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
    _writes   text;
    _labels   text[];
    _asks     text := $sql$        select (select pg_catalog.count(*) from (select from %s limit 2) as r), pg_catalog.clock_timestamp(),
            -1::pg_catalog.int8 operator(pg_catalog.=) any (capture._to),
            (select s.context_headers operator(pg_catalog.<>) '{}' from outbox.setting as s),
            outbox.uid_mark(),
            -- Once set in a session, a setting that is not set is empty.
            case when pg_catalog.current_setting('outbox.source', true) operator(pg_catalog.<>) ''
                then pg_catalog.current_setting('outbox.source', true) end,
            case when pg_catalog.current_setting('outbox.trace_id', true) operator(pg_catalog.<>) ''
                then pg_catalog.current_setting('outbox.trace_id', true) end,
            case when pg_catalog.current_setting('outbox.traceparent', true) operator(pg_catalog.<>) ''
                then pg_catalog.current_setting('outbox.traceparent', true) end,
            pg_catalog.current_setting('TimeZone') operator(pg_catalog.<>) all ('{UTC,Etc/UTC,GMT}')
                or pg_catalog.current_setting('DateStyle') operator(pg_catalog.!~~) 'ISO%%'
                or pg_catalog.current_setting('IntervalStyle') operator(pg_catalog.<>) 'postgres'
                or pg_catalog.current_setting('bytea_output') operator(pg_catalog.<>) 'hex'
                or pg_catalog.current_setting('extra_float_digits') operator(pg_catalog.<>) all ('{1,2,3}')
        into capture._rows, capture._now, capture._special, capture._headed, capture._mark, capture._source, capture._trace_id, capture._traceparent,
            capture._unlike;
$sql$;
    _family   boolean := exists (
        select from pg_inherits i join pg_class c on c.oid = i.inhparent where i.inhparent = watch.relation and c.relkind = 'r');
    _bare     outbox.watch := watch;  -- without conditions
    -- As outbox.capture_signature() gives it, which costs more in a call.
    _types    text := $sql$(
        select coalesce(string_agg(format('%%s %%s.%%s', a.attname, n.nspname, t.typname), ', ' order by a.attname), '')
        from pg_attribute a join pg_type t on t.oid = a.atttypid join pg_namespace n on n.oid = t.typnamespace
        where a.attrelid = tg_relid and a.attname = any (%L) and a.attnum > 0 and not a.attisdropped
    ) = %L$sql$;
    _guard    text := '';
    -- Whether some changes are no event because of what they change.
    _selects  boolean := watch.condition is not null or cardinality(watch.verb_types) > 0
        or num_nonnulls(watch.only_columns, watch.ignored_columns) > 0;
begin
    if _family then
        _guard := format($guard$    -- The catalogue names the table in a dump too; a number would be another one after it is restored.
    if tg_relid operator(pg_catalog.<>) coalesce((select w.relation from outbox.watch as w where w.id operator(pg_catalog.=) %1$s)::pg_catalog.oid, tg_relid)
    then
        capture._more := array(
            select a.attname::pg_catalog.text
            from pg_catalog.pg_attribute as a
            where a.attrelid operator(pg_catalog.=) tg_relid and a.attnum operator(pg_catalog.>) 0 and not a.attisdropped and not exists (
                select from outbox.watch as w join pg_catalog.pg_attribute as p on p.attrelid operator(pg_catalog.=) w.relation::pg_catalog.oid
                where w.id operator(pg_catalog.=) %1$s and p.attname operator(pg_catalog.=) a.attname
                    and p.attnum operator(pg_catalog.>) 0 and not p.attisdropped));
    end if;
$guard$, watch.id);
    end if;
    if not outbox.capture_is_trusted(watch.relation) then
        -- The lock of the user's statement keeps the columns as they are while it runs.
        _guard := _guard || format($guard$    capture._plain := not exists (
        select from pg_catalog.pg_attribute a
        where a.attrelid operator(pg_catalog.=) tg_relid and a.attnum operator(pg_catalog.>) 0 and not a.attisdropped
            and a.atttypid operator(pg_catalog.>=) 16384::pg_catalog.oid);
    capture._known := capture._plain or outbox.capture_signature(tg_relid%s) operator(pg_catalog.=) %L;
$guard$,
            case when _family then format(', %L', array(
                select a.attname::text from pg_attribute a where a.attrelid = watch.relation and a.attnum > 0 and not a.attisdropped)) end,
            outbox.capture_signature(watch.relation));
    end if;
    -- What can no longer be computed is left out, and outbox.broken_watch says so: without its conditions a change is an event, without
    -- its id expression a row is named by its key.
    _bare.condition := null;
    _bare.verb_types := '{}';
    _bare.verb_conditions := '{}';
    _bare.condition_columns := '{}';
    _writes := case when _object.builder is null then outbox.capture_branches(_bare, _object, false)
        else outbox.capture_touches(_bare, _object, false) end;
    if watch.id_expression is not null then
        _writes := format($guard$    if %s then
%s    else
%s    end if;
$guard$,
            format(_types, watch.id_columns, outbox.capture_signature(watch.relation, watch.id_columns)),
            case when _object.builder is null then outbox.capture_branches(_bare, _object, true)
                else outbox.capture_touches(_bare, _object, true) end,
            _writes);
    end if;
    if watch.condition is not null or cardinality(watch.verb_types) > 0 then
        _labels := outbox.labels_in(array[watch.condition] || watch.verb_conditions);
        _writes := format($guard$    if %s%s then
%s    else
%s    end if;
$guard$,
            format(_types, watch.id_columns || watch.condition_columns,
                outbox.capture_signature(watch.relation, watch.id_columns || watch.condition_columns)),
            case when cardinality(_labels) > 0 then format(' and outbox.labels_stand(%L)', _labels) end,
            case when _object.builder is null then outbox.capture_branches(watch, _object, true)
                else outbox.capture_touches(watch, _object, true) end,
            _writes);
    end if;
    return format($source$
-- Captures the changes of %1$s as events of object %2$s. Written by outbox.watch(); call it again instead of editing this.
#variable_conflict use_column
<<capture>>
declare
    -- Without initial values where NULL does: each takes a third of a microsecond.
    _wanted      pg_catalog.text[];
    _to          bigint[];
    _now         timestamp with time zone;
    _slot        smallint;
    _id          bigint;
    _ids         bigint[];
    _mark        pg_catalog.text;
    _plain       boolean;
    _known       boolean;
    _special     boolean;
    _inline      boolean;
    _again       boolean;
    _alone       boolean;
    _rows        smallint;
    _since       bigint;
    _partial     boolean;
    _awaits      boolean;
    _nested      boolean;
    _wakes       boolean;
    _headed      boolean;
    _unlike      boolean;
    _hint        pg_catalog.text;
    _source      pg_catalog.text;
    _trace_id    pg_catalog.text;
    _traceparent pg_catalog.text;
    _headers     pg_catalog.jsonb;
    _kept        pg_catalog.text[];
    _planned     pg_catalog.text[];
    _changed     pg_catalog.text;
    _more        pg_catalog.text[]%3$s;
begin
%4$s%5$s    if pg_catalog.current_setting('outbox.capture', true) operator(pg_catalog.=) 'off' then
        if tg_op operator(pg_catalog.=) 'DELETE' then
            capture._since := (select pg_catalog.count(*) from old_rows);
        else
            capture._since := (select pg_catalog.count(*) from new_rows);
        end if;
        if outbox.skip_capture(tg_relid, tg_op, capture._since) then
            return null;
        end if;
        capture._since := null;
    end if;
    -- All that must be known, in one statement for each kind of transition table: one alone takes as long as ten of these expressions.
    if tg_op operator(pg_catalog.=) 'DELETE' then
%6$s    else
%7$s    end if;
    if capture._rows operator(pg_catalog.=) 0 then
        return null;
    end if;
    if capture._special or 0::pg_catalog.int8 operator(pg_catalog.=) any (capture._to) then
        capture._to := pg_catalog.array_remove(pg_catalog.array_remove(capture._to, -1::pg_catalog.int8), 0::pg_catalog.int8);
    end if;
    capture._slot := outbox.slot(capture._now);
    if capture._headed then
        capture._headers := outbox.context_headers();
    end if;
%8$s%9$s    -- What a row looks like in an event must not depend on the session that wrote it.
    if capture._unlike then
        capture._kept := array[pg_catalog.current_setting('TimeZone'), pg_catalog.current_setting('DateStyle'),
            pg_catalog.current_setting('IntervalStyle'), pg_catalog.current_setting('bytea_output'),
            pg_catalog.current_setting('extra_float_digits')];
        perform pg_catalog.set_config('TimeZone', 'UTC', true), pg_catalog.set_config('DateStyle', 'ISO', true),
            pg_catalog.set_config('IntervalStyle', 'postgres', true), pg_catalog.set_config('bytea_output', 'hex', true),
            pg_catalog.set_config('extra_float_digits', '1', true);
    end if;
%10$s    if capture._unlike then
        perform pg_catalog.set_config('TimeZone', capture._kept[1], true), pg_catalog.set_config('DateStyle', capture._kept[2], true),
            pg_catalog.set_config('IntervalStyle', capture._kept[3], true), pg_catalog.set_config('bytea_output', capture._kept[4], true),
            pg_catalog.set_config('extra_float_digits', capture._kept[5], true);
    end if;
%11$s    return null;
end
$source$,
        regexp_replace(watch.relation::text, '[[:cntrl:]]', ' ', 'g'), watch.object,
        case when _family then ' := ''{}''' end,
        outbox.capture_wanted(watch),
        -- Nobody who wants any of it: this is all that a commit pays then.
        case when _object.history then '' else $q$    if pg_catalog.cardinality(capture._to) operator(pg_catalog.=) 0 then
        return null;
    end if;
$q$ end,
        format(_asks, 'old_rows'), format(_asks, 'new_rows'),
        _guard,
        case when _object.builder is not null or _object.mode = 'each' then '' else format($q$    capture._hint := pg_catalog.current_setting('outbox.written_%1$s', true);
    capture._again := capture._hint operator(pg_catalog.<>) ''
        and capture._hint operator(pg_catalog.~~) pg_catalog.concat(pg_catalog.pg_current_xact_id(), ':%%');
    if capture._again then
        capture._since := pg_catalog.substring(capture._hint, ':([0-9]{1,18})')::bigint;
    end if;
    -- A trigger of the user's changes rows of the table, perhaps those of a statement whose own capture is yet to come.
    capture._again := coalesce(capture._again, false);
    capture._nested := capture._again and capture._hint operator(pg_catalog.~~) '%%:nested' or pg_catalog.pg_trigger_depth() operator(pg_catalog.>) 1;
    capture._partial := %2$s;
    capture._awaits := false;
$q$, watch.id, _selects::text) || case when _selects or _object.history then '' else format($q$    -- Whether later changes of what is written now are wanted for themselves.
    if tg_op operator(pg_catalog.=) 'INSERT' then
        capture._partial := not exists (
            select from outbox.subscription as s
            where s.pattern operator(pg_catalog.=) any (%L) and not s.special and s.status operator(pg_catalog.<>) 'gone');
    end if;
$q$, outbox.patterns(watch.object || '.Update')) end || format($q$    -- What the transaction has written may need this change, though nobody wants it for itself. That is no hint but the record.
    if pg_catalog.current_setting('transaction_isolation') operator(pg_catalog.=) 'serializable' then
        capture._awaits := capture._again;
    elsif %s then
        select pg_catalog.min(a.event_id) operator(pg_catalog.>) 0, least(capture._since, pg_catalog.min(a.event_id))
        into capture._awaits, capture._since
        from outbox.awaiting as a where a.xid operator(pg_catalog.=) pg_catalog.pg_current_xact_id();
        capture._awaits := coalesce(capture._awaits, false);
        capture._again := capture._again or capture._awaits;
    end if;
$q$, case when _selects then 'true' else $q$tg_op operator(pg_catalog.=) 'UPDATE' and not capture._special and pg_catalog.cardinality(capture._to) operator(pg_catalog.=) 0$q$ end) end,
        _writes,
        case when _object.builder is not null then $q$    if capture._wakes then
        insert into outbox.sealing default values on conflict do nothing;
    end if;
$q$ else $q$    if capture._wakes then
        if (select d.last_value from outbox.doorbell as d) operator(pg_catalog.=) 1 then
            perform outbox.ring();
        end if;
    end if;
$q$ end);
end
$$;
