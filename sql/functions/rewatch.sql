create or replace function outbox.rewatch(relation regclass default null) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Mends watches: creates the triggers that are missing, above all on partitions and children that came after outbox.watch(). The view
-- outbox.unwatched lists those. A watch that such a table had of its own for the same object ends, since it would be two events.
-- Arguments: relation, a watched table of the caller's or a part of one; null for all of the caller's.
-- Returns: how many tables have got triggers.
-- Raises: OX002 not watched; OX003 a table is not the caller's; OX010 busy.
-- Locks: SHARE ROW EXCLUSIVE on the tables that lack a trigger; on all of a watch when its own table does.
-- Touches: creates statement triggers; outbox.reopen_watches() writes the functions anew.
declare
    _watch record;
    _count integer := 0;
    _found boolean := false;
begin
    for _watch in select * from outbox.reopen_watches(rewatch.relation) loop
        _found := true;
        perform outbox.take_over(_watch.relation, _watch.object);
        _count := _count + outbox.add_triggers(_watch.relation, _watch.id);
        perform outbox.seal_watch(_watch.id);
    end loop;
    if not _found and rewatch.relation is not null then
        if not coalesce((select pg_has_role(current_user, c.relowner, 'USAGE') from pg_class c where c.oid = rewatch.relation), true) then
            raise exception 'only the owner of % may watch it', rewatch.relation using errcode = 'OX003';
        end if;
        raise exception '% is not watched', rewatch.relation using errcode = 'OX002',
            hint = format('select outbox.watch(%L, ''Name'') watches it.', rewatch.relation::text);
    end if;
    return _count;
end
$$;
