create or replace function outbox.watches_of(relation regclass)
returns table (id integer, object text, relation regclass, through text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    -- The watches of a table, for its owner, who need not be able to read the catalogue.
    -- Arguments: relation.
    -- Returns: each watch that is of the table or has a trigger on it, with the table that it is of; nothing when the session cannot become
    --   the owner of the table.
    -- Touches: select outbox.watch, pg_trigger.
    select w.id, w.object, w.relation, w.through
    from outbox.watch w join pg_class c on c.oid = watches_of.relation
    where pg_has_role(session_user, c.relowner, 'MEMBER')
        and (w.relation = watches_of.relation or exists (
            select from pg_trigger t
            where t.tgrelid = watches_of.relation and t.tgfoid = to_regprocedure(format('outbox.capture_%s()', w.id))))
    order by w.id
$$;
