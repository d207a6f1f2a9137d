create or replace function outbox.runs_apart(called text, relation regclass) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Whether what capture calls for a table is somebody's who could not become the owner of schema outbox. Then that role must not lend
    -- its rights to it, not even when it is SECURITY DEFINER at the moment: ALTER FUNCTION changes that between the look and the call
    -- (reproduced: one call in 4,000). outbox.write_calls() says how it is called instead.
    -- Arguments: called, a function or view as outbox.resolve_function() gives it; relation, the table it is called for.
    -- Returns: true also when there is no such function.
    -- Touches: select pg_proc, pg_class, pg_namespace.
    select not outbox.capture_is_trusted(runs_apart.relation) or not coalesce((
        select pg_has_role(coalesce(p.proowner, c.relowner), n.nspowner, 'MEMBER')
        from pg_namespace n
            left join pg_proc p on p.oid = case when runs_apart.called ~ '\(' then outbox.find_function(runs_apart.called)::oid end
            left join pg_class c on c.oid = case when runs_apart.called !~ '\(' then to_regclass(runs_apart.called) end
        where n.nspname = 'outbox'), false)
$$;
