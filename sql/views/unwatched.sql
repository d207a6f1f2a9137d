-- Partitions and tables that inherit which are not watched though the table that they are a part of is: writes that name that table are
-- captured, writes that name them are not.
create or replace view outbox.unwatched as
select c.oid::regclass as relation, w.relation as root, w.id as watch, w.object,
    case c.relkind
        when 'f' then 'it is a foreign table: Postgres cannot collect its rows for the watch of ' || w.relation::text
            || ', and statements on that which write them may fail'
        else 'it became a part of ' || w.relation::text || ' after that was watched, or lost a trigger'
    end as reason,
    case c.relkind
        when 'f' then format('select outbox.unwatch(%L, %L)', w.relation::text, w.object)
        else format('select outbox.rewatch(%L)', w.relation::text)
    end as remedy
from outbox.watch w
    cross join lateral outbox.descendants(w.relation) as d (relation)
    join pg_catalog.pg_class c on c.oid = d.relation
where c.relkind = 'f' or d.relation in (select outbox.missing_triggers(w.relation, w.id));
