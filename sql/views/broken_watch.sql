-- Watches that do not do what they promise, with the reason and the way out. Nothing is recorded for it: a capture that
-- wrote such news itself could make two writers wait for each other.
create or replace view outbox.broken_watch as
select w.id as watch, w.relation, w.object, problem.reason, problem.remedy
from outbox.watch w
    join outbox.object o on o.name = w.object
    left join pg_catalog.pg_class c on c.oid = w.relation
    cross join lateral (
        select pg_catalog.to_regprocedure(format('outbox.capture_%s()', w.id)) as capture,
            o.builder is not null and o.root = w.relation as is_root,
            case when o.builder is null then 'events come without an id' else 'its changes give no events' end as unnamed,
            not outbox.capture_is_trusted(w.relation) as is_guarded,
            -- The labels that conditions name are in the function: outbox.capture_source() looked for them.
            coalesce((
                select outbox.labels_stand(
                    pg_catalog.replace(pg_catalog.substring(p.prosrc, 'outbox\.labels_stand\(''((?:[^'']|'''')*)''\)'), '''''', '''')::text[])
                from pg_catalog.pg_proc p where p.oid = pg_catalog.to_regprocedure(format('outbox.capture_%s()', w.id))
            ), true) as labels_stand
    ) known
    cross join lateral (
        -- The same watch once more. All of it is said: what outbox.watch() is not told, it sets to its default. A column that is named
        -- here and gone is marked: what it is called now is not on record, so the line must be edited; as it stands it fails and
        -- changes nothing.
        select case when known.is_root then format('select outbox.define_object(%L, %L, builder => %L, %smode => %L, data => %L, on_error => %L, ',
                    o.name, w.relation::text, o.builder, 'gate => ' || quote_literal(o.gate) || ', ', o.mode, o.data, o.on_error)
                else format('select outbox.watch(%L, %L, ', w.relation::text, w.object) end as call,
            'id => ' || quote_literal(w.id_expression) as id,
            concat(
                case when o.builder is null or known.is_root then format('history => %s, ', o.history::text) end,
                format('row_bytes_max => %s', w.row_bytes_max),
                ', only_columns => ' || quote_literal(w.only_columns::text), ', ignored_columns => ' || quote_literal(w.ignored_columns::text),
                ', condition => ' || quote_literal(w.condition),
                ', verbs => ' || case when cardinality(w.verb_types) > 0 then quote_literal((
                    select jsonb_object_agg(v.type, v.condition) from unnest(w.verb_types, w.verb_conditions) as v (type, condition))::text) end,
                ', through => ' || quote_literal(coalesce(outbox.through_of(w.through, w.relation)::text, w.through)), ')') as settings
    ) watch
    cross join lateral (
        select watch.call || coalesce(watch.id || ', ', '') || watch.settings as remedy,
            watch.call || coalesce(watch.id || ', ', '') || '/* write its new name into this line */ ' || watch.settings as edited
    ) again
    cross join lateral (
        select 'the table was dropped' as reason, format('select outbox.forget_watch(%s)', w.id) as remedy
        where c.oid is null and not exists (select from pg_catalog.pg_trigger t where t.tgfoid = known.capture)
        union all
        select format('column %I, part of the key, was renamed or dropped: %s', k.name, known.unnamed),
            again.remedy
        from unnest(w.key_columns) as k (name)
        where c.oid is not null and w.through is null and (o.builder is null or w.id_expression is null) and not exists (
            select from pg_catalog.pg_attribute a where a.attrelid = w.relation and a.attname = k.name and not a.attisdropped)
        union all
        select format('the trigger for %s is missing', v.verb), again.remedy
        from (values ('insert', 4), ('update', 16), ('delete', 8)) as v (verb, bit)
        where c.oid is not null and not exists (
            select from pg_catalog.pg_trigger t
            where t.tgrelid = w.relation and t.tgfoid = known.capture and (t.tgtype & v.bit) <> 0)
        union all
        -- R fires only where changes of another server are replayed.
        select case when t.tgrelid = w.relation then format('trigger %I is disabled', t.tgname)
                else format('trigger %I of %s is disabled', t.tgname, t.tgrelid::regclass) end,
            format('alter table %s enable trigger %I', t.tgrelid::regclass, t.tgname)
        from pg_catalog.pg_trigger t
        where t.tgenabled in ('D', 'R') and t.tgfoid = known.capture
        union all
        select format('column %I of the id expression was renamed or dropped: %s; write its new name into the line that mends it',
                i.name, known.unnamed),
            watch.call || watch.id || ' /* its new name here */, ' || watch.settings
        from unnest(w.id_columns) as i (name)
        where c.oid is not null and w.id_expression is not null and not exists (
            select from pg_catalog.pg_attribute a where a.attrelid = w.relation and a.attname = i.name and not a.attisdropped)
        union all
        select format('column %I of %s was renamed or dropped: %s; write its new name into the line that mends it, or leave it out',
                n.name, n.setting, n.effect),
            again.edited
        from (
            select k.name, 'only_columns' as setting, 'every UPDATE that changes a row is an event' as effect
            from unnest(w.only_columns) as k (name)
            union all
            select k.name, 'ignored_columns', 'what it was ignored for may be an event' from unnest(w.ignored_columns) as k (name)
            union all
            select k.name, 'the conditions', 'no condition is applied, every change is an event' from unnest(w.condition_columns) as k (name)
        ) as n
        where c.oid is not null and not exists (
            select from pg_catalog.pg_attribute a where a.attrelid = w.relation and a.attname = n.name and not a.attisdropped)
        union all
        -- outbox.watch() refuses such tables; this one became one afterwards.
        select format('the table is a partition of %s now: writes through that give no events', parent.name),
            format('select outbox.unwatch(%L, %L)', w.relation::text, w.object)
        from (select i.inhparent::regclass as name from pg_catalog.pg_inherits i where i.inhrelid = w.relation limit 1) parent
        where c.relispartition
        union all
        select format('the table inherits from %s now: writes through that give no events', parent.name),
            format('select outbox.unwatch(%L, %L)', w.relation::text, w.object)
        from (select i.inhparent::regclass as name from pg_catalog.pg_inherits i where i.inhrelid = w.relation limit 1) parent
        where not c.relispartition
        union all
        select case when u.number = 1 then format('%s, a part of it, is not watched: writes that name it give no events', u.first)
                else format('%s parts of it, such as %s, are not watched: writes that name one give no events', u.number, u.first) end,
            u.remedy
        from (
            select count(*) as number, min(m.relation::text) as first, m.remedy
            from outbox.unwatched m where m.watch = w.id group by m.remedy
        ) u
        union all
        select distinct format('%s is no part of it any more, and its changes are still events of %s', t.tgrelid::regclass, w.object),
            format('select outbox.unwatch(%L)', t.tgrelid::regclass::text)
        from pg_catalog.pg_trigger t
        where t.tgfoid = known.capture and t.tgrelid <> w.relation and t.tgrelid not in (select outbox.descendants(w.relation))
        union all
        select 'a column of the id expression has another type now: ' || known.unnamed, again.remedy
        where w.id_expression is not null and not outbox.capture_knows(w.relation, w.id_columns, known.capture)
        union all
        select case when not known.labels_stand then 'an enum that the conditions name, or one of its values, was renamed'
                else 'a column of the conditions has another type now' end || ': no condition is applied, every change is an event',
            case when known.labels_stand then again.remedy else again.edited end
        where not known.labels_stand
            or cardinality(w.condition_columns) > 0
                and not outbox.capture_knows(w.relation, w.id_columns || w.condition_columns, known.capture)
                and (w.id_expression is null or outbox.capture_knows(w.relation, w.id_columns, known.capture))
        union all
        -- What an object calls is the business of its root; of a member, only the way to it.
        select f.what || ' ' || f.called || case when f.proc is null then ' is not there' else ' is not SECURITY DEFINER any more' end
                || case when o.on_error = 'abort' then ': writes fail' else f.stored end,
            case when f.proc is null then again.edited else format('alter function %s security definer', f.called) end
        from (
            select 'builder' as what, o.builder as called, outbox.find_function(o.builder) as proc, ': events hold an error' as stored
            where known.is_root and o.builder_kind <> 'view'
            union all
            select 'gate', o.gate, outbox.find_function(o.gate), ': events hold an error' where known.is_root and o.gate is not null
            union all
            select 'through', w.through, outbox.through_of(w.through, w.relation), ': changes of this table are no events' where w.through is not null
        ) f
        where c.oid is not null and (f.proc is null or known.is_guarded
            and not (select p.prosecdef from pg_catalog.pg_proc p where p.oid = f.proc))
        union all
        select 'builder ' || o.builder || ' is not there' || case when o.on_error = 'abort' then ': writes fail' else ': events hold an error' end,
            again.edited
        where known.is_root and o.builder_kind = 'view' and pg_catalog.to_regclass(o.builder) is null
    ) problem;
