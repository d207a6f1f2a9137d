create or replace function outbox.capture_elsewhere(watch integer, relation oid, operation text) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- How the trigger function of a member table gets at the changed rows when the static way is not to be had: the statement named a
-- partition or a table that inherits, whose columns may be in another order, or the table has another name by now. All columns are
-- matched by name, as they are now.
-- Arguments: watch; relation, the table that the statement named; operation, INSERT, UPDATE or DELETE.
-- Returns: a query over the transition tables that gives the rows as one array of the watched table's row type, as text.
-- Touches: select outbox.watch, pg_attribute.
declare
    _watch outbox.watch := (select w from outbox.watch w where w.id = capture_elsewhere.watch);
    _row   text;
    _rows  text;
begin
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
    return format('select array(%s)::pg_catalog.text', _rows);
end
$$;
