create or replace function outbox.let_call(called text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Lets the owner of schema outbox and outbox_builder call a function of the caller's, or read a view, and see the schema it is in.
-- Arguments: called, as outbox.resolve_function() gives it.
-- Raises: OX015 with the statement that the schema's owner has to run.
-- Touches: grants usage on the schema, execute on the function or select on the view.
declare
    _role   regrole;
    _proc   oid := to_regprocedure(let_call.called);
    _view   oid;
    _schema regnamespace;
begin
    if _proc is null then
        _view := to_regclass(let_call.called);
    end if;
    _schema := coalesce((select p.pronamespace from pg_proc p where p.oid = _proc), (select c.relnamespace from pg_class c where c.oid = _view));
    foreach _role in array array_remove(array[(select n.nspowner::regrole from pg_namespace n where n.nspname = 'outbox'), to_regrole('outbox_builder')], null) loop
        if not has_schema_privilege(_role, _schema, 'usage') then
            execute format('grant usage on schema %s to %s', _schema, _role);
            if not has_schema_privilege(_role, _schema, 'usage') then
                raise exception '% may not use schema %', _role, _schema
                    using errcode = 'OX015', hint = format('As the owner of the schema: grant usage on schema %s to %s;', _schema, _role);
            end if;
        end if;
        if _proc is not null and not has_function_privilege(_role, _proc, 'execute') then
            execute format('grant execute on function %s to %s', let_call.called, _role);
        elsif _view is not null and not has_table_privilege(_role, _view, 'select') then
            execute format('grant select on %s to %s', let_call.called, _role);
        end if;
    end loop;
end
$$;
