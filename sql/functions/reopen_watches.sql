create or replace function outbox.reopen_watches(part regclass) returns table (id integer, relation regclass, object text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- The half of outbox.rewatch() that needs the rights of the owner of schema outbox: writes the functions of watches anew where tables that came
-- later want that, and lets the owner of the table create triggers with them; outbox.seal_watch() takes that back.
-- Arguments: part, a watched table or a part of one; null for all.
-- Returns: the watches, of tables whose owner the session can become.
-- Touches: select outbox.watch; creates or replaces outbox.capture_<id>() and grants execute on it.
declare
    _watch record;
begin
    for _watch in
        select w.id, w.relation, w.object, c.relowner
        from outbox.watch w join pg_class c on c.oid = w.relation
        where pg_has_role(session_user, c.relowner, 'MEMBER')
            and (reopen_watches.part is null or w.relation = reopen_watches.part
                or reopen_watches.part in (select outbox.descendants(w.relation)))
        order by w.id
    loop
        perform outbox.regenerate(_watch.object);
        if exists (select from outbox.missing_triggers(_watch.relation, _watch.id)) then
            execute format('grant execute on function outbox.capture_%s() to %s', _watch.id, _watch.relowner::regrole);
        end if;
        id := _watch.id;
        relation := _watch.relation;
        object := _watch.object;
        return next;
    end loop;
end
$$;
