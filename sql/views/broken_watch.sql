-- Watches that do not do what they promise, with the reason and the way out. Nothing is recorded for it: a capture that
-- wrote such news itself could make two writers wait for each other.
create or replace view outbox.broken_watch as
select w.id as watch, w.relation, w.object, problem.reason, problem.remedy
from outbox.watch w
    join outbox.object o on o.name = w.object
    left join pg_catalog.pg_class c on c.oid = w.relation
    cross join lateral (
        -- The same watch once more. All of it is said: what outbox.watch() is not told, it sets to its default.
        select format('select outbox.watch(%L, %L, ', w.relation::text, w.object) as call,
            format('id => %L', w.id_expression) as id,
            format('history => %s, row_bytes_max => %s)', o.history::text, w.row_bytes_max) as settings
    ) watch
    cross join lateral (
        select watch.call || case when w.id_expression is null then '' else watch.id || ', ' end || watch.settings as remedy
    ) again
    cross join lateral (
        select 'the table was dropped' as reason, format('select outbox.forget_watch(%s)', w.id) as remedy
        where c.oid is null
        union all
        select format('column %I, part of the key, was renamed or dropped: events come without an id', k.name),
            again.remedy
        from unnest(w.key_columns) as k (name)
        where c.oid is not null and not exists (
            select from pg_catalog.pg_attribute a where a.attrelid = w.relation and a.attname = k.name and not a.attisdropped)
        union all
        select format('the trigger for %s is missing', v.verb), again.remedy
        from (values ('insert', 4), ('update', 16), ('delete', 8)) as v (verb, bit)
        where c.oid is not null and not exists (
            select from pg_catalog.pg_trigger t
            where t.tgrelid = w.relation and t.tgfoid = pg_catalog.to_regprocedure(format('outbox.capture_%s()', w.id))
                and (t.tgtype & v.bit) <> 0)
        union all
        -- R fires only where changes of another server are replayed.
        select format('trigger %I is disabled', t.tgname), format('alter table %s enable trigger %I', w.relation, t.tgname)
        from pg_catalog.pg_trigger t
        where t.tgrelid = w.relation and t.tgenabled in ('D', 'R')
            and t.tgfoid = pg_catalog.to_regprocedure(format('outbox.capture_%s()', w.id))
        union all
        -- What it is called now is not on record, so the line must be edited; as it stands it fails and changes nothing.
        select format('column %I of the id expression was renamed or dropped: events come without an id; '
                'write its new name into the line that mends it', i.name),
            watch.call || watch.id || ' /* its new name here */, ' || watch.settings
        from unnest(w.id_columns) as i (name)
        where c.oid is not null and w.id_expression is not null and not exists (
            select from pg_catalog.pg_attribute a where a.attrelid = w.relation and a.attname = i.name and not a.attisdropped)
        union all
        -- outbox.watch() refuses such tables; this one became one afterwards.
        select 'the table is a partition now: writes through its parent give no events',
            format('select outbox.unwatch(%L, %L)', w.relation::text, w.object)
        where c.relispartition
        union all
        select 'the table has inheritance now: events of other tables'' rows may be missing or too many',
            format('select outbox.unwatch(%L, %L)', w.relation::text, w.object)
        where not c.relispartition
            and exists (select from pg_catalog.pg_inherits h where w.relation in (h.inhparent, h.inhrelid))
        union all
        select 'a column of the id expression has another type now: events come without an id',
            again.remedy
        from (
            -- As outbox.capture_source() writes it into the function.
            select string_agg(format('%s %s.%s', a.attname, n.nspname, t.typname), ', ' order by a.attnum) as types,
                count(*) as found
            from pg_catalog.pg_attribute a
                join pg_catalog.pg_type t on t.oid = a.atttypid
                join pg_catalog.pg_namespace n on n.oid = t.typnamespace
            where a.attrelid = w.relation and a.attname = any (w.id_columns) and not a.attisdropped
        ) now
        where c.oid is not null and w.id_expression is not null and now.found = cardinality(w.id_columns)
            and not exists (
                select from pg_catalog.pg_proc p
                where p.oid = pg_catalog.to_regprocedure(format('outbox.capture_%s()', w.id))
                    and position(format('is not distinct from %L then', now.types) in p.prosrc) > 0)
    ) problem;
