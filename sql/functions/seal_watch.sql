create or replace function outbox.seal_watch(watch integer) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Takes back the right to create triggers with a watch's function, once its triggers stand: nobody can then attach it to
-- another table and forge events of the object. Triggers that exist go on firing.
-- Arguments: watch, from outbox.register_watch().
-- Touches: revokes execute on outbox.capture_<watch>().
declare
    _role oid;
begin
    for _role in
        select a.grantee
        from pg_proc p cross join lateral aclexplode(p.proacl) a
        where p.proname = 'capture_' || seal_watch.watch and p.pronamespace = 'outbox'::regnamespace
            and a.grantee <> p.proowner and a.grantee <> 0
    loop
        execute format('revoke all on function outbox.capture_%s() from %s', seal_watch.watch, _role::regrole);
    end loop;
end
$$;
