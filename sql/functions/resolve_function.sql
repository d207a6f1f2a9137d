create or replace function outbox.resolve_function(name text, path text) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Finds the function or view that a caller means, by the caller's search_path.
-- Arguments: name, of a function, with or without argument types, or of a view; path, the caller's search_path.
-- Returns: its name with its schema, a function's with the types of its arguments; null when there is none, or more than one.
-- Touches: select pg_proc, pg_class.
declare
    _function oid;
    _view     oid;
begin
    perform set_config('search_path', resolve_function.path, true);
    begin
        -- With argument types, it is not even a name for to_regproc().
        _function := case when pg_catalog.strpos(resolve_function.name, '(') operator(pg_catalog.>) 0
            then pg_catalog.to_regprocedure(resolve_function.name)::pg_catalog.oid
            else pg_catalog.to_regproc(resolve_function.name)::pg_catalog.oid end;
        _view := case when pg_catalog.strpos(resolve_function.name, '(') operator(pg_catalog.=) 0
            then pg_catalog.to_regclass(resolve_function.name)::pg_catalog.oid end;
    exception when others then
        _function := null;  -- not a name at all
    end;
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    if _function is not null then
        return _function::regprocedure::text;
    end if;
    return (select c.oid::regclass::text from pg_class c where c.oid = _view and c.relkind in ('v', 'm'));
end
$$;
