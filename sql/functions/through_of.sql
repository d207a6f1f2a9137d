create or replace function outbox.through_of(through text, relation regclass) returns regprocedure
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Finds the function that leads from a member table to objects. Its text has the name of the table in it, which may be another one by
    -- now; and Postgres 15 raises an error for a function whose argument has an unknown type, where the writer must not see one.
    -- Arguments: through, as outbox.watch has it; relation, the member.
    -- Returns: the function of that name for an array of the table's rows; null when there is none.
    -- Touches: select pg_proc, pg_namespace, pg_class, pg_type.
    select p.oid::regprocedure
    from pg_proc p
        join pg_namespace n on n.oid = p.pronamespace
        join pg_type t on t.typarray = p.proargtypes[0]
    where t.typrelid = through_of.relation and p.pronargs = 1
        and array[n.nspname::text, p.proname::text] = parse_ident(outbox.function_name(through_of.through))
$$;
