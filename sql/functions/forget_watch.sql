create or replace function outbox.forget_watch(watch integer) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- The half of outbox.unwatch() that needs the rights of the owner of schema outbox. Object and event types stay in the
-- catalogue: events and subscriptions name them.
-- Arguments: watch.
-- Raises: OX003 when the session cannot become the owner of the table; Postgres refuses while a trigger uses the function.
-- Touches: delete outbox.watch; drops outbox.capture_<watch>().
begin
    if exists (
        select from outbox.watch w join pg_class c on c.oid = w.relation
        where w.id = forget_watch.watch and not pg_has_role(session_user, c.relowner, 'MEMBER')
    ) then
        raise exception 'watch % is of a table of another owner', forget_watch.watch using errcode = 'OX003';
    end if;
    delete from outbox.watch w where w.id = forget_watch.watch;
    execute format('drop function if exists outbox.capture_%s()', forget_watch.watch);
end
$$;
