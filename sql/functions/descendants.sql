create or replace function outbox.descendants(relation regclass) returns setof regclass
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- The partitions of a table and theirs, and the tables that inherit from it.
    -- Arguments: relation.
    -- Returns: each once, without relation itself.
    -- Touches: select pg_inherits.
    with recursive tree (oid) as (
        select i.inhrelid from pg_inherits i where i.inhparent = descendants.relation
        union
        select i.inhrelid from tree t join pg_inherits i on i.inhparent = t.oid
    )
    select t.oid::regclass from tree t order by t.oid
$$;
