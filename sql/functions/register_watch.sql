create or replace function outbox.register_watch(
    relation regclass, object text, id_probe regclass, conditions_probe regclass, verb_types text[], history boolean,
    row_bytes_max integer, only_columns text[], ignored_columns text[], mode text, data text, through text
) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- The half of outbox.watch() that needs the rights of the owner of schema outbox: catalogue and trigger function.
-- It trusts none of its arguments. Whoever calls it must be able to become the owner of the table (session_user cannot be
-- forged; current_user is the definer here), and an expression comes as an index that the caller built on an empty copy of
-- the table: the catalogue then vouches that it is one expression, immutable and without sub-select, and pg_depend that it
-- calls nothing a user made. As text it could run anything with the rights of this function. Conditions come likewise (outbox.read_conditions()).
-- Arguments: relation, object, history, row_bytes_max, only_columns, ignored_columns, mode, data as in outbox.watch(); id_probe, that index, or
--   null for the primary key; conditions_probe, what outbox.probe_conditions() returned for the condition and then those of the verbs;
--   verb_types, their event types; through, a function, as outbox.make_through() gives it.
-- Returns: the watch's id. The table's owner may then create triggers with outbox.capture_<id>().
-- Raises: OX002, OX003, OX004, OX005, OX009, OX015.
-- Touches: insert or update outbox.object, outbox.watch, outbox.event_type; creates outbox.capture_<id>().
declare
    _owner      oid := (select c.relowner from pg_class c where c.oid = register_watch.relation);
    _watch      outbox.watch;
    _columns    text[];
    _expression text;
    _id_columns text[] := '{}';
    _object     outbox.object := (select o from outbox.object o where o.name = register_watch.object);
    _verbs      text[] := coalesce(register_watch.verb_types, '{}');
    _conditions text[] := '{}';
    _used       text[] := '{}';
    _verb       text;
    _member     boolean := coalesce(_object.builder is not null and _object.root <> register_watch.relation, false);
begin
    if _owner is null or not pg_has_role(session_user, _owner, 'MEMBER') then
        raise exception 'only the owner of % may watch it', register_watch.relation
            using errcode = 'OX003', hint = format('Log in as %s or a member of it.', coalesce(_owner::regrole::text, 'its owner'));
    end if;
    perform outbox.require_object_owner(register_watch.object);
    perform outbox.check_object_name(register_watch.object);
    if register_watch.row_bytes_max is null or register_watch.row_bytes_max not between 1024 and 1048576 then
        raise exception 'row_bytes_max is out of range: %', coalesce(register_watch.row_bytes_max::text, 'NULL')
            using errcode = 'OX009', detail = 'It is 1024 to 1048576 bytes.';
    end if;

    perform outbox.check_watch_settings(_object, register_watch.relation, register_watch.history, register_watch.mode, register_watch.data,
        register_watch.only_columns, register_watch.ignored_columns, _verbs, register_watch.through, register_watch.id_probe is not null);
    if register_watch.conditions_probe is not null then
        select c.conditions, c.columns into _conditions, _used
        from outbox.read_conditions(register_watch.relation, register_watch.conditions_probe, 1 + cardinality(_verbs)) c;
    end if;

    select coalesce(array_agg(a.attname::text order by k.n), '{}') into _columns
    from pg_index i
        cross join lateral unnest(i.indkey) with ordinality as k (attnum, n)
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where i.indrelid = register_watch.relation and i.indisprimary;
    if register_watch.id_probe is not null then
        if not exists (
            select from pg_index i
            -- A column of type text is an index on that column, everything else an expression.
            where i.indexrelid = register_watch.id_probe and i.indnatts = 1 and i.indpred is null
                and not exists (
                    (select attname, atttypid from pg_attribute where attrelid = i.indrelid and attnum > 0 and not attisdropped)
                    except
                    (select attname, atttypid from pg_attribute where attrelid = register_watch.relation and attnum > 0 and not attisdropped)
                )
        ) or exists (
            select from pg_depend d
            where d.classid = 'pg_class'::regclass and d.objid = register_watch.id_probe and d.refobjid >= 16384
                and d.refclassid <> 'pg_class'::regclass
        ) then
            raise exception 'this expression cannot name the rows of %', register_watch.relation
                using errcode = 'OX004',
                    detail = 'It may use the columns of the table and the immutable functions and types that come with Postgres.',
                    hint = 'Put what it computes into a generated column and name that column.';
        end if;
        _expression := pg_get_indexdef(register_watch.id_probe, 1, false);
        if position('outbox_id_probe' in _expression) > 0 then
            raise exception 'this expression cannot name the rows of %', register_watch.relation
                using errcode = 'OX004', detail = 'It uses the row as a whole.', hint = 'Name columns.';
        end if;
        select coalesce(array_agg(a.attname::text order by a.attnum), '{}') into _id_columns
        from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where d.classid = 'pg_class'::regclass and d.objid = register_watch.id_probe and d.refobjsubid > 0;
    elsif cardinality(_columns) = 0 and register_watch.through is null then
        raise exception 'table % has no primary key, so its rows have no id', register_watch.relation
            using errcode = 'OX004',
                hint = format('Name the id: select outbox.watch(%L, %L, id => ''column or expression'').',
                    register_watch.relation::text, register_watch.object);
    end if;

    insert into outbox.object as o (name, root, owner, history, mode, data)
    values (register_watch.object, register_watch.relation, _owner, coalesce(register_watch.history, false),
        coalesce(register_watch.mode, 'transaction'), coalesce(register_watch.data, 'full'))
    on conflict on constraint object_pkey do update
        set history = coalesce(register_watch.history, o.history), mode = coalesce(register_watch.mode, o.mode),
            data = coalesce(register_watch.data, o.data),
            root = case when o.builder is not null or o.root = excluded.root then o.root
                -- The table it was of is not watched any more: this one has taken its place.
                when not exists (select from outbox.watch w where w.object = o.name and w.relation <> excluded.root) then excluded.root end
        where o.builder is null;
    insert into outbox.event_type (name, description)
    select register_watch.object || '.' || verb, 'Written by the watch of object ' || register_watch.object
    from unnest(array['Create', 'Update', 'Delete']) as verb
    on conflict do nothing;
    foreach _verb in array _verbs loop
        insert into outbox.event_type (name, description)
        values (_verb, 'An update of object ' || register_watch.object || ' that fulfils a condition') on conflict do nothing;
    end loop;
    insert into outbox.watch as w (relation, object, key_columns, id_expression, id_columns, row_bytes_max, through, only_columns,
        ignored_columns, condition, verb_types, verb_conditions, condition_columns)
    values (register_watch.relation, register_watch.object, _columns, _expression, _id_columns, register_watch.row_bytes_max,
        register_watch.through, register_watch.only_columns, register_watch.ignored_columns, _conditions[1], _verbs, _conditions[2:], _used)
    on conflict on constraint one_watch_per_table_and_object do update
        set key_columns = excluded.key_columns, id_expression = excluded.id_expression,
            id_columns = excluded.id_columns, row_bytes_max = excluded.row_bytes_max, through = excluded.through,
            only_columns = excluded.only_columns, ignored_columns = excluded.ignored_columns, condition = excluded.condition,
            verb_types = excluded.verb_types, verb_conditions = excluded.verb_conditions, condition_columns = excluded.condition_columns
    returning w.* into _watch;
    perform outbox.regenerate(_watch.object);
    -- Only creating a trigger needs the right, and granting it for nothing would be DDL each time.
    if exists (select from outbox.missing_triggers(register_watch.relation, _watch.id)) then
        execute format('grant execute on function outbox.capture_%s() to %s', _watch.id, _owner::regrole);
    end if;
    return _watch.id;
end
$$;
