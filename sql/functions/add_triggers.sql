create or replace function outbox.add_triggers(relation regclass, watch integer) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Creates the triggers of a watch that are missing, on its table, the partitions of that and the tables that inherit from it.
-- Arguments: relation, the table that is watched; watch.
-- Returns: how many tables have got triggers.
-- Raises: OX003 one of them is not the caller's; OX010 busy.
-- Locks: SHARE ROW EXCLUSIVE on the tables that lack a trigger; on all of them when relation is one.
-- Touches: creates three statement triggers on each table.
declare
    _function text := format('outbox.capture_%s', add_triggers.watch);
    _table    regclass;
    _whole    boolean;
    _count    integer := 0;
begin
    _whole := exists (select from outbox.missing_triggers(add_triggers.relation, add_triggers.watch) m where m = add_triggers.relation);
    if _whole then
        -- LOCK TABLE takes the descendants too, so that no leaf comes to it meanwhile.
        perform outbox.lock_for_triggers(add_triggers.relation, 'share row exclusive');
    end if;
    for _table in select m from outbox.missing_triggers(add_triggers.relation, add_triggers.watch) m loop
        if not (select pg_has_role(current_user, c.relowner, 'USAGE') from pg_class c where c.oid = _table) then
            raise exception 'only the owner of % may let it be watched as a part of %', _table, add_triggers.relation
                using errcode = 'OX003',
                    hint = (select format('Log in as a member of %s too.', c.relowner::regrole) from pg_class c where c.oid = _table);
        end if;
        if not _whole then
            perform outbox.lock_for_triggers(_table, 'share row exclusive');
        end if;
        -- Triggers of one kind fire by name: zz_ lets those of the user change rows first.
        execute format('create or replace trigger zz_outbox_%s_insert after insert on %s referencing new table as new_rows '
            'for each statement execute function %s()', add_triggers.watch, _table, _function);
        execute format('create or replace trigger zz_outbox_%s_update after update on %s referencing old table as old_rows '
            'new table as new_rows for each statement execute function %s()', add_triggers.watch, _table, _function);
        execute format('create or replace trigger zz_outbox_%s_delete after delete on %s referencing old table as old_rows '
            'for each statement execute function %s()', add_triggers.watch, _table, _function);
        _count := _count + 1;
    end loop;
    return _count;
end
$$;
