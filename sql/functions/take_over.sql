create or replace function outbox.take_over(relation regclass, object text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Ends the watches that partitions of a table have of their own for the same object, from before they became partitions: with
-- those of the table, every direct change of theirs would be two events.
-- Arguments: relation; object.
-- Raises: OX003, OX010 as outbox.unwatch().
-- Touches: outbox.unwatch().
declare
    _table regclass;
begin
    for _table in
        select d
        from outbox.descendants(take_over.relation) d cross join lateral outbox.watches_of(d) w
        where w.relation = d and w.object = take_over.object
    loop
        perform outbox.unwatch(_table, take_over.object);
        raise notice 'the watch of % as % ended: it is a part of %, whose watch covers it', _table, take_over.object, take_over.relation;
    end loop;
end
$$;
