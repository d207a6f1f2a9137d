create or replace function outbox.watches_of(relation regclass) returns table (id integer, object text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    -- The watches of a table, for its owner, who need not be able to read the catalogue.
    -- Arguments: relation.
    -- Returns: id and object of each watch; nothing when the session cannot become the owner of the table.
    -- Touches: select outbox.watch.
    select w.id, w.object
    from outbox.watch w join pg_class c on c.oid = w.relation
    where w.relation = watches_of.relation and pg_has_role(session_user, c.relowner, 'MEMBER')
    order by w.id
$$;
