create or replace function outbox.register_object(
    object text, root regclass, builder text, builder_kind text, gate text, mode text, data text, on_error text, history boolean
) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- The half of outbox.define_object() that needs the rights of the owner of schema outbox. It trusts none of its arguments.
-- Arguments: as in outbox.define_object(), with names resolved; builder_kind, as outbox.check_builder() says.
-- Raises: OX003, OX005, OX015.
-- Touches: insert or update outbox.object; select outbox.watch.
declare
    _owner oid := (select c.relowner from pg_class c where c.oid = register_object.root);
begin
    if _owner is null or not pg_has_role(session_user, _owner, 'MEMBER') then
        raise exception 'only the owner of % may define an object of it', register_object.root using errcode = 'OX003';
    end if;
    perform outbox.require_object_owner(register_object.object);
    perform outbox.check_object_name(register_object.object);
    if register_object.mode is null or register_object.mode not in ('each', 'transaction', 'latest')
        or register_object.data is null or register_object.data not in ('full', 'diff', 'key')
        or register_object.on_error is null or register_object.on_error not in ('abort', 'store')
    then
        raise exception 'not a setting of an object: mode %, data %, on_error %', register_object.mode, register_object.data, register_object.on_error
            using errcode = 'OX015', hint = 'mode is each, transaction or latest; data is full, diff or key; on_error is abort or store.';
    end if;
    if register_object.builder is not null then
        if register_object.builder_kind is distinct from outbox.check_builder(register_object.builder, register_object.root) then
            raise exception '% is not a builder of kind %', register_object.builder, register_object.builder_kind using errcode = 'OX015';
        end if;
        if register_object.mode = 'each' or register_object.data = 'diff' then
            raise exception 'an object with a builder has no % %', case when register_object.mode = 'each' then 'mode' else 'data' end,
                    case when register_object.mode = 'each' then register_object.mode else register_object.data end
                using errcode = 'OX015', detail = 'It is rendered once per transaction, as it is at the commit.',
                    hint = 'mode is transaction or latest, data is full or key.';
        end if;
        if exists (select from outbox.object o where o.name = register_object.object and o.root <> register_object.root and o.builder is not null)
        then
            raise exception 'object % has another root', register_object.object using errcode = 'OX015',
                hint = (select format('select outbox.unwatch(%L, %L) ends the old one.', o.root::text, o.name)
                    from outbox.object o where o.name = register_object.object);
        end if;
    elsif exists (select from outbox.watch w where w.object = register_object.object and w.relation <> register_object.root and w.through is not null) then
        raise exception 'object % has members and needs a builder', register_object.object using errcode = 'OX015';
    end if;
    if register_object.gate is not null then
        perform outbox.check_called(register_object.gate, register_object.root, 'gate', false);
    end if;
    insert into outbox.object as o (name, root, owner, builder, builder_kind, gate, mode, data, on_error, history)
    values (register_object.object, register_object.root, _owner, register_object.builder, register_object.builder_kind, register_object.gate,
        register_object.mode, register_object.data, register_object.on_error, coalesce(register_object.history, false))
    on conflict on constraint object_pkey do update
        set root = excluded.root, builder = excluded.builder, builder_kind = excluded.builder_kind, gate = excluded.gate,
            mode = excluded.mode, data = excluded.data, on_error = excluded.on_error, history = excluded.history;
end
$$;
