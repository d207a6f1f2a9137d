create or replace function outbox.require_definer(function text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Looks once more, before a function of a table's owner is called, whether it runs with its owner's rights: it was so when it was
-- named, but ALTER FUNCTION may have changed that since, and it would run with the rights of the owner of schema outbox.
-- Arguments: function, as outbox.object and outbox.watch have it.
-- Raises: OX015.
-- Touches: select pg_proc.
begin
    if not coalesce((select p.prosecdef from pg_proc p where p.oid = to_regprocedure(require_definer.function)), false) then
        raise exception 'function % is not there or is not SECURITY DEFINER any more', require_definer.function
            using errcode = 'OX015', hint = 'Make it so again, or call outbox.define_object() or outbox.watch() with another.';
    end if;
end
$$;
