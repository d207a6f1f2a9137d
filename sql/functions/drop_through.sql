create or replace function outbox.drop_through(relation regclass, through text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Drops the function that outbox.watch() made of a query, when its watch is gone or has another way to the object.
-- Arguments: relation, the member table; through, as outbox.watch has it; null for none. Functions that a user made stay.
-- Touches: select pg_proc; drops the function.
declare
    _function regprocedure := outbox.through_of(drop_through.through, drop_through.relation);
begin
    if obj_description(_function, 'pg_proc') = 'made by outbox.watch()'
        and (select pg_has_role(current_user, p.proowner, 'USAGE') from pg_proc p where p.oid = _function)
    then
        execute format('drop function %s', _function);
    end if;
end
$$;
