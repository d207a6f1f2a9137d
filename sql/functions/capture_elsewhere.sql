create or replace function outbox.capture_elsewhere(watch integer, relation oid, operation text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- How the trigger function of a member table gets from the changed rows to objects when the static way is not to be had: the statement
-- named a partition or a table that inherits, whose columns may be in another order, or the table or its function has another name by now.
-- All columns are matched by name, as they are now.
-- Arguments: watch; relation, the table that the statement named; operation, INSERT, UPDATE or DELETE.
-- Returns: a query over the transition tables that gives an array of the ids, perhaps empty.
-- Raises: OX015 when the function that leads to the objects is gone, or would run with the rights of the owner of schema outbox, and the object's
--   on_error is abort; otherwise the statement is put on record.
-- Touches: select outbox.watch, outbox.object, pg_proc, pg_attribute; insert outbox.uncaptured.
declare
    _watch    outbox.watch := (select w from outbox.watch w where w.id = capture_elsewhere.watch);
    _trusted  boolean := outbox.capture_is_trusted(_watch.relation);
    _function regprocedure := outbox.through_of(_watch.through, _watch.relation);
    _row      text;
    _rows     text;
begin
    if not coalesce((select _trusted or p.prosecdef from pg_proc p where p.oid = _function), false) then
        if (select o.on_error from outbox.object o where o.name = _watch.object) = 'store' then
            insert into outbox.uncaptured (relation, operation, rows) values (capture_elsewhere.relation, capture_elsewhere.operation, 0);
            return 'select array[]::text[]';
        end if;
        raise exception 'function % is not there or is not SECURITY DEFINER any more', _watch.through
            using errcode = 'OX015', hint = 'Make it so again, or call outbox.watch() with another through.';
    end if;
    select format('row(%s)::%s', string_agg(case when own.attname is null then 'null' else format('outbox_row.%I', own.attname) end, ', '
        order by a.attnum), _watch.relation) into _row
    from pg_attribute a
        left join pg_attribute own on own.attrelid = capture_elsewhere.relation and own.attname = a.attname and own.attnum > 0
            and own.atttypid = a.atttypid
    where a.attrelid = _watch.relation and a.attnum > 0 and not a.attisdropped;
    _rows := case capture_elsewhere.operation
        when 'INSERT' then format('select %s from new_rows as outbox_row', _row)
        when 'DELETE' then format('select %s from old_rows as outbox_row', _row)
        else format($q$select %1$s from old_rows as outbox_row
            where not exists (select from new_rows as other where row(other.*)::record operator(pg_catalog.*=) row(outbox_row.*)::record)
            union all
            select %1$s from new_rows as outbox_row
            where not exists (select from old_rows as other where row(other.*)::record operator(pg_catalog.*=) row(outbox_row.*)::record)$q$, _row) end;
    return format($q$
        select array(
            select %s
            from (
                select array(
                        %s) as rows
                offset 0
            ) as r cross join lateral %s(r.rows) as x (id)
            where pg_catalog.cardinality(r.rows) operator(pg_catalog.>) 0)$q$,
        case when _trusted then 'x.id::pg_catalog.text' else 'case when pg_catalog.num_nulls(x.id) = 0 then pg_catalog.concat(x.id) end' end,
        _rows, outbox.function_name(_function::text));
end
$$;
