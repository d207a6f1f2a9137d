create or replace function outbox.write_calls() returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Writes the functions through which builders, gates and the ways of members are called: outbox.render() and outbox.reach(), for each
-- object and watch one static query, whose plan a session keeps.
-- What belongs to a role that could not become the owner of schema outbox is called apart, by functions that belong to outbox_builder, a role without rights, in a
-- savepoint that they make read-only and roll back: should it not be SECURITY DEFINER at the moment, it can see nothing, and change nothing either.
-- Returns: how many functions were written.
-- Raises: OX015 when something must be called apart and there is no role outbox_builder for it.
-- Touches: select outbox.object, outbox.watch, pg_proc; creates or replaces outbox.render(), render_apart(), reach(), reach_apart().
declare
    _object outbox.object;
    _watch  outbox.watch;
    _query  text;
    _call   text;
    _apart  boolean;
    _bodies text[] := array['', '', '', ''];
    _count  integer := 0;
begin
    for _object in select o.* from outbox.object o where o.builder is not null order by o.name loop
        _query := outbox.render_query(_object);
        _apart := outbox.runs_apart(_object.builder, _object.root) or _object.gate is not null and outbox.runs_apart(_object.gate, _object.root);
        _call := format(E'    if render%s.object = %L then\n        return query %s;\n        return;\n    end if;\n', '%s', _object.name, '%s');
        _bodies[1] := _bodies[1] || format(_call, '', case when _apart then 'select r.* from outbox.render_apart(render.object, render.ids) r'
            else replace(_query, '<ids>', 'render.ids') end);
        if _apart then
            _bodies[2] := _bodies[2] || format(E'        if render_apart.object = %L then\n            _result := array(select row(q.*)::outbox.rendered from (%s) as q);\n        end if;\n',
                _object.name, replace(_query, '<ids>', 'render_apart.ids'));
        end if;
    end loop;
    for _watch in select w.* from outbox.watch w where w.through is not null and exists (select from pg_class c where c.oid = w.relation) order by w.id loop
        -- By the name it has now: that of the table is in it, and one that is unknown must not fail the definition of other objects.
        _watch.through := coalesce(outbox.through_of(_watch.through, _watch.relation)::text, _watch.through);
        _apart := outbox.runs_apart(_watch.through, _watch.relation);
        _query := format('select x.id::text collate "C" from %s(<rows>::%s[]) as x (id)', outbox.function_name(_watch.through), _watch.relation);
        -- Table or function may have another name by now, until the watch is written anew.
        _bodies[3] := _bodies[3] || format($branch$    if reach.watch = %s then
        -- Asked of the type first: to_regprocedure() raises an error where it is unknown.
        if (case when pg_catalog.to_regtype(%5$L) is null then true else pg_catalog.to_regprocedure(%2$L) is null end) then
            _query := outbox.reach_query(%1$s);
            if _query is not null then
                return query %3$s;
            end if;
        else
            return query %4$s;
        end if;
        return;
    end if;
$branch$, _watch.id, _watch.through,
            case when _apart then 'select r.* from outbox.reach_apart(reach.watch, reach.rows, _query) r' else 'execute _query using reach.rows' end,
            case when _apart then 'select r.* from outbox.reach_apart(reach.watch, reach.rows, null) r' else replace(_query, '<rows>', 'reach.rows') end, _watch.relation::text || '[]');
        if _apart then
            _bodies[4] := _bodies[4] || format(E'        if reach_apart.watch = %s and reach_apart.query is null then\n            _result := array(%s);\n        end if;\n', _watch.id,
                replace(_query, '<rows>', 'reach_apart.rows'));
        end if;
    end loop;
    if _bodies[4] <> '' then
        _bodies[4] := E'        if reach_apart.query is not null then\n            execute pg_catalog.concat(''select array('', reach_apart.query, '')'') into _result using reach_apart.rows;\n        end if;\n' || _bodies[4];
    end if;
    _count := _count + outbox.write_call('render', 'object text, ids text[]', 'setof outbox.rendered', _bodies[1], _bodies[2] <> '');
    _count := _count + outbox.write_call('render_apart', 'object text, ids text[]', 'setof outbox.rendered', _bodies[2], false);
    _count := _count + outbox.write_call('reach', 'watch integer, rows text', 'setof text', _bodies[3], _bodies[4] <> '');
    _count := _count + outbox.write_call('reach_apart', 'watch integer, rows text, query text', 'setof text', _bodies[4], false);
    return _count;
end
$$;
