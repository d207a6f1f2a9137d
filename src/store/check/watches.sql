-- Watches that do not do what they promise, and watches and subscriptions that pass each other by. $1: how many of each.
with patterns as materialized (
    select s.pattern, min(s.id) as id, count(*) as subscriptions
    from outbox.subscription s where s.status <> 'gone' group by s.pattern
), matched as materialized (
    select distinct m.pattern from outbox.event_type t cross join unnest(outbox.patterns(t.name)) as m (pattern)
)
select json_build_object(
    'watches', (select count(*) from outbox.watch),
    'broken', (
        select coalesce(json_agg(json_build_object('relation', b.relation, 'object', b.object, 'reason', b.reason,
            'remedy', b.remedy)), '[]')
        from (
            -- Of a table that was dropped only a number is left.
            select case when exists (select from pg_class c where c.oid = w.relation) then w.relation::text end as relation,
                w.object, w.reason, w.remedy
            from outbox.broken_watch w limit $1
        ) b),
    'unheard', (
        select coalesce(json_agg(u.object order by u.object), '[]')
        from (
            select distinct w.object from outbox.watch w join outbox.object o on o.name = w.object
            where not o.history and not exists (
                select from unnest(array['Create', 'Update', 'Delete']) as v (verb)
                    cross join unnest(outbox.patterns(w.object || '.' || v.verb)) as m (pattern)
                    join patterns p on p.pattern = m.pattern)
            limit $1
        ) u),
    'unmatched', (
        select coalesce(json_agg(json_build_object('pattern', u.pattern, 'id', u.id, 'subscriptions', u.subscriptions)
            order by u.id), '[]')
        from (
            select p.* from patterns p where not exists (select from matched m where m.pattern = p.pattern) order by p.id limit $1
        ) u)
)::text
