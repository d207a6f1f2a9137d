create or replace function outbox.missing_triggers(relation regclass, watch integer) returns setof regclass
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- The tables that lack a trigger of a watch. Triggers for statements fire for the table that a statement names, so each table of
    -- the family has its own: no change is seen twice, and none of a leaf that is written directly is missed.
    -- Arguments: relation, the table that is watched; watch.
    -- Returns: relation and those of its descendants that can have such a trigger and lack one.
    -- Touches: select pg_class, pg_trigger.
    select c.oid::regclass
    from (select missing_triggers.relation union all select d from outbox.descendants(missing_triggers.relation) as d) as t (oid)
        join pg_class c on c.oid = t.oid
    where c.relkind in ('r', 'p') and c.relpersistence <> 't'
        and (
            select count(*) from pg_trigger g
            where g.tgrelid = c.oid and g.tgfoid = to_regprocedure(format('outbox.capture_%s()', missing_triggers.watch))) < 3
    order by c.oid <> missing_triggers.relation, c.oid
$$;
