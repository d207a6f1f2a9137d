create or replace function outbox.check_called(function text, relation regclass, what text, arrays boolean default null) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Whether a function that capture will call may be called: it takes one argument; and where it is called apart (outbox.runs_apart()),
-- it is SECURITY DEFINER, because it would have no rights otherwise, and its owner is somebody the caller could become.
-- Arguments: function, as outbox.resolve_function() gives it; relation, the table it belongs to; what, builder, gate or through, for the error;
--   arrays, whether its argument must be (true) or must not be (false) an array.
-- Raises: OX015.
-- Touches: select pg_proc, pg_type.
declare
    _proc pg_proc;
    _why  text;
begin
    select p.* into _proc from pg_proc p where p.oid = to_regprocedure(case when check_called.function ~ '\(' then check_called.function end);
    _why := case
        when _proc.oid is null then 'there is no such function, or more than one'
        when _proc.prokind <> 'f' then 'it is not an ordinary function'
        when _proc.pronargs <> 1 then 'it does not take one argument'
        when check_called.arrays and (select t.typcategory from pg_type t where t.oid = _proc.proargtypes[0]) <> 'A' then 'its argument is not an array'
        when not check_called.arrays and (select t.typcategory from pg_type t where t.oid = _proc.proargtypes[0]) = 'A' then 'its argument is an array'
        when not outbox.runs_apart(check_called.function, check_called.relation) then null
        when not _proc.prosecdef then 'it is not SECURITY DEFINER'
        when not pg_has_role(session_user, _proc.proowner, 'MEMBER') then 'it belongs to another role'
    end;
    if _why is not null then
        raise exception '% cannot be the % of %: %', coalesce(check_called.function, 'NULL'), check_called.what, check_called.relation, _why
            using errcode = 'OX015',
                hint = case check_called.what
                    when 'builder' then 'create function app.order_json(id bigint) returns jsonb language plpgsql stable security definer set search_path = … as …'
                    when 'gate' then 'create function app.order_shown(id bigint) returns boolean language plpgsql stable security definer set search_path = … as …'
                    else 'Give a query over the relation changed, or a function of an array of the table''s rows that returns ids.' end;
    end if;
end
$$;
