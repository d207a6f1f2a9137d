create or replace function outbox.make_through(relation regclass, object text, through text, path text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Gives the function that leads from changed rows of a member table to the objects they are part of; a query is made into one, which
-- belongs to the caller, beside the table, and runs with the caller's rights.
-- Arguments: relation; object; through, a function's name or a query over the relation changed; path, the caller's search_path.
-- Returns: the function, with its schema and argument type.
-- Raises: OX015 with what Postgres said.
-- Touches: creates <schema of relation>.outbox_<object>_of_<table>(); grants usage on that schema to the owner of outbox.
declare
    _function text := outbox.resolve_function(make_through.through, make_through.path);
    _name     text;
    _message  text;
begin
    if _function is null and make_through.through ~* '^\s*(select|with|values)\M' then
        select format('%I.%I', n.nspname, left(lower(format('outbox_%s_of_', make_through.object)) || c.relname, 63)) into _name
        from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = make_through.relation;
        begin
            perform set_config('search_path', make_through.path, true);
            execute pg_catalog.format(E'create or replace function %s(changed_rows %s[]) returns setof text language plpgsql stable security definer '
                'set search_path = %s as %L', _name, make_through.relation,
                -- Ours first, so that nobody's temporary table comes between.
                make_through.path || case when make_through.path ~ '\mpg_temp\M' then '' else case when make_through.path = '' then 'pg_temp' else ', pg_temp' end end,
                pg_catalog.format(E'\n-- Made by outbox.watch(); call it again instead of editing this.\nbegin\n    return query\n    with changed as (select c.* from unnest(changed_rows) as c)\n'
                    '    select x.id::pg_catalog.text from (\n%s\n    ) as x (id);\nend\n', pg_catalog.rtrim(make_through.through, E'; \n\t')));
            perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
            _function := format('%s(%s[])', _name, make_through.relation);
            execute format('select count(*) from %s(array[]::%s[])', _name, make_through.relation);
            -- It reads with the caller's rights: nobody but the outbox is to ask it.
            execute format('revoke all on function %s from public', _function);
            execute format('comment on function %s is %L', _function, 'made by outbox.watch()');
        exception when others then
            get stacked diagnostics _message = message_text;
            raise exception 'this is no way from changes of % to objects %: %', make_through.relation, make_through.object, make_through.through
                using errcode = 'OX015', detail = _message,
                    hint = 'It is a query of one column, the ids, over the relation changed, which has the columns of the table: select s.id from changed c join …';
        end;
        _function := _function::regprocedure::text;
    end if;
    perform outbox.check_called(_function, make_through.relation, 'through', true);
    if (select p.proargtypes[0] from pg_proc p where p.oid = to_regprocedure(_function))
        <> (select t.typarray from pg_type t join pg_class c on c.reltype = t.oid where c.oid = make_through.relation)
    then
        raise exception '% cannot be the through of %: its argument is not an array of that table''s rows', _function, make_through.relation
            using errcode = 'OX015', hint = format('create function …(changed %s[]) returns setof …', make_through.relation);
    end if;
    perform outbox.let_call(_function);
    return _function;
end
$$;
