create or replace function outbox.check_envelope(envelope text) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Refuses an envelope that cannot make bodies, or that somebody could change who must not run code as the owner of schema
-- outbox: claims call it with the owner's rights. So the function and its schema must belong to roles that could become that
-- owner anyway. SECURITY DEFINER is no way out for other owners: they can take it back between this check and the call.
-- Arguments: envelope, schema.function as in SQL: of an outbox.event alone, or of that and the subscription's id (bigint).
-- Returns: the same, quoted where need be; null for null.
-- Raises: OX015.
-- Touches: select pg_proc, pg_namespace, pg_database.
declare
    _parts text[];
    _name  text;
    _found record;
    _why   text;
    _hint  text;
begin
    if check_envelope.envelope is null then
        return null;
    end if;
    begin
        _parts := parse_ident(check_envelope.envelope);
    exception when invalid_parameter_value then
        _parts := '{}';
    end;
    if cardinality(_parts) <> 2 then
        raise exception 'not the name of an envelope: %', quote_literal(left(check_envelope.envelope, 200))
            using errcode = 'OX015', detail = 'It is schema.function, without arguments.';
    end if;
    _name := format('%I.%I', _parts[1], _parts[2]);
    select p.oid::regprocedure as function, p.prokind = 'f' and not p.proretset and p.prorettype in ('json'::regtype, 'jsonb'::regtype, 'text'::regtype) as fits,
        p.proowner::regrole as owner, pg_has_role(p.proowner, o.nspowner, 'MEMBER') as owner_may,
        k.owner::regrole as keeper, pg_has_role(k.owner, o.nspowner, 'MEMBER') as keeper_may,
        o.nspowner::regrole as ours,
        has_schema_privilege(o.nspowner, n.oid, 'USAGE') and has_function_privilege(o.nspowner, p.oid, 'EXECUTE') as callable
    into _found
    from pg_namespace n
        join pg_proc p on p.pronamespace = n.oid and p.proname = _parts[2] and p.proargtypes[0] = 'outbox.event'::regtype
            and (p.pronargs = 1 or p.pronargs = 2 and p.proargtypes[1] = 'bigint'::regtype)
        join pg_namespace o on o.nspname = 'outbox'
        cross join lateral (
            -- The owner of public stands for the owner of the database.
            select case when n.nspowner = 'pg_database_owner'::regrole then d.datdba else n.nspowner end as owner
            from pg_database d where d.datname = current_database()
        ) k
    where n.nspname = _parts[1]
    order by p.pronargs limit 1;
    if not found then
        _why := format('there is no function %s(outbox.event)', _name);
        _hint := format('create function %s(event outbox.event) returns jsonb …; a second argument may be the subscription''s id, bigint.', _name);
    elsif not _found.fits then
        _why := 'it does not return one json, jsonb or text';
        _hint := 'The value as text is the body, byte by byte.';
    elsif not _found.owner_may then
        _why := format('its owner %s could not become %s, the owner of schema outbox, with whose rights it runs',
            _found.owner, _found.ours);
        _hint := format('alter function %s owner to %s; once you have read it.', _found.function, _found.ours);
    elsif not _found.keeper_may then
        _why := format('%s, who owns schema %I, could put another function in its place, and could not become %s, the owner of '
            'schema outbox, with whose rights it runs', _found.keeper, _parts[1], _found.ours);
        _hint := format('Move it to a schema that belongs to %s.', _found.ours);
    elsif not _found.callable then
        _why := format('%s, with whose rights it runs, may not call it', _found.ours);
        _hint := format('grant usage on schema %I to %s; grant execute on function %s to %s;',
            _parts[1], _found.ours, _found.function, _found.ours);
    end if;
    if _why is not null then
        raise exception 'envelope % will not do: %', _name, _why using errcode = 'OX015', hint = _hint;
    end if;
    return _name;
end
$$;
