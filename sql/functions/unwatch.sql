create or replace function outbox.unwatch(relation regclass, object text default null) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Ends the watches of a table and takes their triggers away. Events that exist are delivered. Twice is once.
-- Arguments: relation, a table of the caller's; object, one of its watches, or null for all of them.
-- Returns: how many watches were ended.
-- Raises: OX003 not the caller's table; OX010 the table is busy.
-- Locks: ACCESS EXCLUSIVE on relation, when it has a trigger of ours.
-- Touches: drops triggers on relation; outbox.forget_watch() writes the catalogue.
declare
    _watch   record;
    _trigger name;
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
        for _trigger in
            select t.tgname from pg_trigger t
            where t.tgrelid = unwatch.relation and t.tgfoid = to_regprocedure(format('outbox.capture_%s()', _watch.id))
        loop
            perform outbox.lock_for_triggers(unwatch.relation, 'access exclusive');
            execute format('drop trigger %I on %s', _trigger, unwatch.relation);
        end loop;
        perform outbox.forget_watch(_watch.id);
        _count := _count + 1;
    end loop;
    return _count;
end
$$;
