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
--
-- Arguments: watch, the row of the catalogue (it need not be stored yet).
-- Returns: the plpgsql source, the same for the same watch and table.
-- Touches: select pg_attribute, pg_type; outbox.capture_branches() writes the statements.
declare
    _branches text := outbox.capture_branches(watch, false);
    _guard    text := '';
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
    if watch.id_expression is not null then
        _branches := format($guard$    if (
        select string_agg(format('%%s %%s.%%s', a.attname, n.nspname, t.typname), ', ' order by a.attnum)
        from pg_attribute a join pg_type t on t.oid = a.atttypid join pg_namespace n on n.oid = t.typnamespace
        where a.attrelid = tg_relid and a.attname = any (%L) and not a.attisdropped
    ) is not distinct from %L then
%s    else
%s    end if;
$guard$,
            watch.id_columns,
            (select string_agg(format('%s %s.%s', a.attname, n.nspname, t.typname), ', ' order by a.attnum)
             from pg_attribute a join pg_type t on t.oid = a.atttypid join pg_namespace n on n.oid = t.typnamespace
             where a.attrelid = watch.relation and a.attname = any (watch.id_columns) and not a.attisdropped),
            outbox.capture_branches(watch, true), _branches);
    end if;
    return format($source$
-- Captures the changes of %s as events of object %s. Written by outbox.watch(); call it again instead of editing this.
#variable_conflict use_column
<<capture>>
declare
    _now       timestamp with time zone := pg_catalog.clock_timestamp();
    _slot      smallint := outbox.slot(_now);
    _to_create bigint[];
    _to_update bigint[];
    _to_delete bigint[];
    _moved     boolean;
    _plain     boolean;
    _known     boolean;
    _wakes     boolean := false;
begin
%s%s    if capture._wakes and (select d.last_value from outbox.doorbell as d) operator(pg_catalog.=) 1 then
        perform outbox.ring();
    end if;
    return null;
end
$source$,
        regexp_replace(watch.relation::text, '[[:cntrl:]]', ' ', 'g'), watch.object, _guard, _branches);
end
$$;
