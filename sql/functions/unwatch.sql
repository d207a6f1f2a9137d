create or replace function outbox.unwatch(relation regclass, object text default null) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Ends the watches of a table and takes their triggers away, from its partitions and children too, and from those that were detached
-- since: their triggers go on until then, or until this is called for such a table itself. Events that exist are delivered. Twice is once.
-- Arguments: relation, a table of the caller's; object, one of its watches, or null for all of them.
-- Returns: how many watches were ended for this table.
-- Raises: OX002 it is watched as a part of another; OX003 not the caller's table; OX010 the table is busy.
-- Locks: ACCESS EXCLUSIVE on the tables that have a trigger of ours.
-- Touches: drops triggers, and the function that outbox.watch() made of a query; outbox.forget_watch() writes the catalogue.
declare
    _watch   record;
    _whole   text;  -- the call that unwatches what it is a part of
    _root    regclass;
    _trigger record;
    _count   integer := 0;
begin
    if unwatch.relation is null then
        raise exception 'relation is NULL' using errcode = 'OX002', hint = 'Name a table: outbox.unwatch(''public.orders'').';
    end if;
    if not (select pg_has_role(current_user, c.relowner, 'USAGE') from pg_class c where c.oid = unwatch.relation) then
        raise exception 'only the owner of % may unwatch it', unwatch.relation
            using errcode = 'OX003',
                hint = (select format('Log in as %s or a member of it.', c.relowner::regrole) from pg_class c where c.oid = unwatch.relation);
    end if;
    for _watch in select * from outbox.watches_of(unwatch.relation) w where unwatch.object is null or w.object = unwatch.object loop
        if unwatch.relation in (select outbox.descendants(_watch.relation)) then
            _root := _watch.relation;
            _whole := format('select outbox.unwatch(%L, %L)', _watch.relation::text, _watch.object);
            continue;
        end if;
        if _watch.relation = unwatch.relation and exists (
            select from pg_trigger t
            where t.tgrelid = unwatch.relation and t.tgfoid = to_regprocedure(format('outbox.capture_%s()', _watch.id)))
        then
            -- With it, LOCK TABLE takes what belongs to it.
            perform outbox.lock_for_triggers(unwatch.relation, 'access exclusive');
        end if;
        for _trigger in
            select t.tgname, t.tgrelid::regclass as relation, c.relowner
            from pg_trigger t join pg_class c on c.oid = t.tgrelid
            where t.tgfoid = to_regprocedure(format('outbox.capture_%s()', _watch.id))
                and unwatch.relation in (_watch.relation, t.tgrelid)
            order by t.tgrelid, t.tgname
        loop
            if not pg_has_role(current_user, _trigger.relowner, 'USAGE') then
                raise exception 'only the owner of % may unwatch it', _trigger.relation
                    using errcode = 'OX003', hint = format('Log in as a member of %s too.', _trigger.relowner::regrole);
            end if;
            if _trigger.relation not in (select outbox.descendants(unwatch.relation)) then
                perform outbox.lock_for_triggers(_trigger.relation, 'access exclusive');
            end if;
            execute format('drop trigger %I on %s', _trigger.tgname, _trigger.relation);
        end loop;
        _count := _count + 1;
        -- Of a table that is there, the watch stays when a table that was a part of it is unwatched.
        continue when _watch.relation <> unwatch.relation and exists (select from pg_class c where c.oid = _watch.relation)
            or exists (select from pg_trigger t where t.tgfoid = to_regprocedure(format('outbox.capture_%s()', _watch.id)));
        perform outbox.forget_watch(_watch.id);
        perform outbox.drop_through(_watch.relation, _watch.through);
    end loop;
    if _count = 0 and _whole is not null then
        raise exception '% is watched as a part of %', unwatch.relation, _root
            using errcode = 'OX002', hint = format('%s ends that for all of it; or detach it first.', _whole);
    end if;
    return _count;
end
$$;
