create or replace function outbox.write_call(name text, arguments text, returned text, branches text, calls_apart boolean) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Writes one of the functions of outbox.write_calls(), where it is not as it should be.
-- Arguments: name, render, reach, render_apart or reach_apart; arguments and returned, as in CREATE FUNCTION; branches, its body; calls_apart,
--   whether it calls the one whose name ends in _apart, and must look first whether that still belongs to outbox_builder: restored
--   where the role was missing, it would belong to somebody with rights.
-- Returns: 1 when it was written, else 0.
-- Raises: OX015 when it must belong to outbox_builder and cannot.
-- Touches: pg_proc; creates or replaces outbox.<name>().
declare
    _apart  boolean := write_call.name like '%\_apart';
    _proc   pg_proc := (select p from pg_proc p where p.proname = write_call.name and p.pronamespace = 'outbox'::regnamespace);
    _role   regrole := to_regrole('outbox_builder');
    _types  text := regexp_replace(write_call.arguments, '\w+ (\S+)', '\1', 'g');
    _source text;
begin
    if _apart and write_call.branches = '' then
        return 0;
    end if;
    _source := format($source$
-- Written by outbox.define_object() and outbox.watch(); call them again instead of editing this.
#variable_conflict use_column
declare
    _query text;
begin
%s%s    raise exception 'nothing is known of %%', %s using errcode = 'OX015';
end
$source$,
        case when write_call.calls_apart then format($look$    if (select p.proowner from pg_catalog.pg_proc p where p.oid = 'outbox.%1$s_apart(%2$s)'::pg_catalog.regprocedure)
        operator(pg_catalog.<>) pg_catalog.to_regrole('outbox_builder')::pg_catalog.oid
    then
        raise exception 'outbox.%1$s_apart() does not belong to outbox_builder' using errcode = 'OX015', hint = 'outboxd migrate mends it.';
    end if;
$look$, write_call.name, case write_call.name when 'render' then _types else _types || ', text' end) else '' end,
        write_call.branches, write_call.name || '.' || split_part(write_call.arguments, ' ', 1));
    if _apart then
        _source := format($source$
-- Written by outbox.define_object() and outbox.watch(); call them again instead of editing this.
#variable_conflict use_column
declare
    _result %s[];
begin
    begin
        -- It cannot be undone from inside, and goes with the savepoint.
        perform pg_catalog.set_config('transaction_read_only', 'on', true);
%s        raise exception using errcode = 'OX019', message = 'nothing is kept of this but the result';
    exception when sqlstate 'OX019' then
        null;
    end;
    if _result is null then
        raise exception 'nothing is known of %%', %s using errcode = 'OX015';
    end if;
    return query select r.* from pg_catalog.unnest(_result) as r;
end
$source$, replace(write_call.returned, 'setof ', ''), write_call.branches, write_call.name || '.' || split_part(write_call.arguments, ' ', 1));
    end if;
    if _proc.prosrc = _source and (not _apart or _proc.proowner = _role) then
        return 0;
    end if;
    if _apart and _role is null then
        raise exception 'there is no role outbox_builder' using errcode = 'OX015',
            detail = 'What belongs to a role that could not become the owner of schema outbox is called by that role, which has no rights.',
            hint = format('Let a DBA run: create role outbox_builder nologin; grant outbox_builder to %s;', current_user);
    end if;
    execute format('create or replace function outbox.%I(%s) returns %s language plpgsql %s as %L', write_call.name, write_call.arguments, write_call.returned,
        case when _apart then 'security definer set search_path = pg_catalog, pg_temp' else 'set plan_cache_mode = auto' end, _source);
    execute format('revoke all on function outbox.%I(%s) from public', write_call.name, _types);
    if _apart then
        begin
            grant usage on schema outbox to outbox_builder;
            if not (select r.rolsuper from pg_roles r where r.rolname = current_user) then
                execute format('grant execute on function outbox.%I(%s) to %I', write_call.name, _types, current_user);
            end if;
            grant create on schema outbox to outbox_builder;
            execute format('alter function outbox.%I(%s) owner to outbox_builder', write_call.name, _types);
            revoke create on schema outbox from outbox_builder;
        exception when insufficient_privilege then
            raise exception '% is not a member of outbox_builder', current_user using errcode = 'OX015',
                hint = format('Let a DBA run: grant outbox_builder to %I;', current_user);
        end;
        execute format('grant execute on function outbox.%I(%s) to %I', write_call.name, _types, current_user);
    end if;
    return 1;
end
$$;
