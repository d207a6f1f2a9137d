create or replace function outbox.find_function(signature text) returns regprocedure
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- What to_regprocedure() does, without the error that Postgres 15 raises when a type of an argument is gone.
-- Arguments: signature, as outbox.object has it.
-- Returns: the function, or null.
-- Touches: select pg_proc.
begin
    return to_regprocedure(find_function.signature);
exception when others then
    return null;
end
$$;
