create or replace function outbox.check_builder(builder text, root regclass) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Whether a function or view can be the builder of an object.
-- Arguments: builder, as outbox.resolve_function() gives it; root.
-- Returns: how it is called: one (function of an id), set (function of an array of ids), view.
-- Raises: OX015.
-- Touches: select pg_proc, pg_attribute.
declare
    _view oid := to_regclass(case when check_builder.builder ~ '\(' then null else check_builder.builder end);
    _proc pg_proc;
begin
    if _view is not null then
        if outbox.runs_apart(check_builder.builder, check_builder.root) then
            raise exception 'view % cannot be the builder of %', check_builder.builder, check_builder.root using errcode = 'OX015',
                detail = 'Functions in it would run with the rights of the owner of schema outbox.',
                hint = 'Select from it in a SECURITY DEFINER function.';
        end if;
        if (select array_agg(a.attname::text order by a.attnum) from pg_attribute a where a.attrelid = _view and a.attnum = 2
                and a.attname = 'data' and a.atttypid in ('json'::regtype, 'jsonb'::regtype)) is null
        then
            raise exception 'view % cannot be the builder of %: its columns are not an id and data, of type jsonb', check_builder.builder, check_builder.root
                using errcode = 'OX015', hint = 'create view … (id, data) as select o.id, jsonb_build_object(…) from …';
        end if;
        return 'view';
    end if;
    perform outbox.check_called(check_builder.builder, check_builder.root, 'builder');
    select p.* into _proc from pg_proc p where p.oid = to_regprocedure(check_builder.builder);
    if (select t.typcategory from pg_type t where t.oid = _proc.proargtypes[0]) <> 'A' then
        if _proc.proretset or _proc.prorettype not in ('json'::regtype, 'jsonb'::regtype) then
            raise exception '% cannot be the builder of %: it does not return jsonb', check_builder.builder, check_builder.root using errcode = 'OX015';
        end if;
        return 'one';
    end if;
    if not _proc.proretset then
        raise exception '% cannot be the builder of %: a function of an array of ids returns rows of id and jsonb', check_builder.builder, check_builder.root
            using errcode = 'OX015', hint = 'create function …(ids bigint[]) returns table (id bigint, data jsonb) …';
    end if;
    return 'set';
end
$$;
