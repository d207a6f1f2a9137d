create or replace function outbox.register_watch(
    relation regclass, object text, id_probe regclass, history boolean, row_bytes_max integer
) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- The half of outbox.watch() that needs the rights of the owner of schema outbox: catalogue and trigger function.
-- It trusts none of its arguments. Whoever calls it must be able to become the owner of the table (session_user cannot be
-- forged; current_user is the definer here), and an expression comes as an index that the caller built on an empty copy of
-- the table: the catalogue then vouches that it is one expression, immutable and without sub-select, and pg_depend that it
-- calls nothing a user made. As text it could run anything with the rights of this function.
-- Arguments: relation, object, history, row_bytes_max as in outbox.watch(); id_probe, that index, or null for the primary key.
-- Returns: the watch's id. The table's owner may then create triggers with outbox.capture_<id>().
-- Raises: OX002, OX003, OX004, OX005, OX009.
-- Touches: insert or update outbox.object, outbox.watch, outbox.event_type; creates outbox.capture_<id>().
declare
    _owner      oid := (select c.relowner from pg_class c where c.oid = register_watch.relation);
    _watch      outbox.watch;
    _columns    text[];
    _expression text;
    _id_columns text[] := '{}';
begin
    if _owner is null or not pg_has_role(session_user, _owner, 'MEMBER') then
        raise exception 'only the owner of % may watch it', register_watch.relation
            using errcode = 'OX003', hint = format('Log in as %s or a member of it.', coalesce(_owner::regrole::text, 'its owner'));
    end if;
    if register_watch.object is null or register_watch.object !~ '^[A-Za-z0-9_]+$' or length(register_watch.object) > 100 then
        raise exception 'not a name for an object: %', coalesce(quote_literal(left(register_watch.object, 200)), 'NULL')
            using errcode = 'OX005', detail = 'It is one word of letters, digits and _, at most 100 characters.',
                hint = 'For example Order: its events are then Order.Create, Order.Update and Order.Delete.';
    end if;
    if register_watch.row_bytes_max is null or register_watch.row_bytes_max not between 1024 and 1048576 then
        raise exception 'row_bytes_max is out of range: %', coalesce(register_watch.row_bytes_max::text, 'NULL')
            using errcode = 'OX009', detail = 'It is 1024 to 1048576 bytes.';
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
    elsif cardinality(_columns) = 0 then
        raise exception 'table % has no primary key, so its rows have no id', register_watch.relation
            using errcode = 'OX004',
                hint = format('Name the id: select outbox.watch(%L, %L, id => ''column or expression'').',
                    register_watch.relation::text, register_watch.object);
    end if;

    insert into outbox.object as o (name, history) values (register_watch.object, coalesce(register_watch.history, false))
    on conflict on constraint object_pkey do update set history = excluded.history where o.history <> excluded.history;
    insert into outbox.event_type (name, description)
    select register_watch.object || '.' || verb, 'Written by the watch of object ' || register_watch.object
    from unnest(array['Create', 'Update', 'Delete']) as verb
    on conflict do nothing;
    insert into outbox.watch as w (relation, object, key_columns, id_expression, id_columns, row_bytes_max)
    values (register_watch.relation, register_watch.object, _columns, _expression, _id_columns, register_watch.row_bytes_max)
    on conflict on constraint one_watch_per_table_and_object do update
        set key_columns = excluded.key_columns, id_expression = excluded.id_expression,
            id_columns = excluded.id_columns, row_bytes_max = excluded.row_bytes_max
    returning w.* into _watch;
    perform outbox.regenerate(_watch.object);
    -- Only creating a trigger needs the right, and granting it for nothing would be DDL each time.
    if (
        select count(*) from pg_trigger t
        where t.tgrelid = register_watch.relation and t.tgfoid = to_regprocedure(format('outbox.capture_%s()', _watch.id))
    ) < 3 then
        execute format('grant execute on function outbox.capture_%s() to %s', _watch.id, _owner::regrole);
    end if;
    return _watch.id;
end
$$;
