create or replace function outbox.capture_changes(watch outbox.watch, object outbox.object, by_expression boolean, kind text,
    alone boolean default false)
returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- The changes of one statement as a query over its transition tables, for the body of a watch's trigger function.
-- Arguments: watch and object, rows of the catalogue; by_expression, whether id expression and conditions can be used (their columns
--   are as they were), or else the key if there is one; kind, what the query gives:
--   insert, delete  rows of an INSERT or DELETE
--   update          rows of an UPDATE whose identity is the same and that have changed
--   moved           rows of an UPDATE whose identity changed, as deleted and created; is_moved: whether there are any, a boolean
--   rows            the changed rows themselves, old and new, as one array of the table's row type
--   alone, whether the statement is of one row and the first of its transaction, so that nothing of an earlier one has to be thought of.
-- Returns: a query with object_id text, op text (I, U, D), type text (the event type; = and - for outbox.merge_events(); of an object with a
--   builder only a verb of its own, or else null), data jsonb; for rows an array, for is_moved a boolean.
-- Touches: select pg_attribute.
declare
    _composite boolean := object.builder is not null;
    _size    text := outbox.capture_size(watch.relation, watch.row_bytes_max);
    _all     text[] := array(
        select a.attname::text from pg_attribute a where a.attrelid = watch.relation and a.attnum > 0 and not a.attisdropped);
    _keys    text[] := watch.key_columns || watch.id_columns;
    _guarded boolean := not outbox.capture_is_trusted(watch.relation);
    -- Tables that inherit have columns of their own, partitions have not.
    _family  boolean := exists (
        select from pg_inherits i join pg_class c on c.oid = i.inhparent where i.inhparent = watch.relation and c.relkind = 'r');
    _id      text := 'null::pg_catalog.text';
    _key     text;  -- the primary key as text
    _pair    text;  -- what pairs an old row with its new one
    _same    text := 'o.pair operator(pg_catalog.=) n.pair';
    _row     text := 'pg_catalog.to_jsonb(outbox_row.*)';
    _thin    text;  -- the row without what is not asked for
    _changed text := 'n.image operator(pg_catalog.*<>) o.image';
    _data_n  text := 'n.data';
    _data_o  text := 'o.data';
    _data_u  text := 'n.data';
    _conditional boolean := capture_changes.by_expression and (watch.condition is not null or cardinality(watch.verb_types) > 0);
    _columns text := '';  -- those that conditions use
    _new     text := '';
    _old     text := '';
    _no_new  text := '';
    _no_old  text := '';
    _holds   text := 'true';
    _chosen  text := 'true';  -- whether the columns that count have changed
    _where_u text;
    _where_o text;
    _update  text := case when _composite then 'null::pg_catalog.text' else quote_literal(watch.object || '.Update') || '::pg_catalog.text' end;
    _create  text := case when _composite then 'null::pg_catalog.text' else quote_literal(watch.object || '.Create') || '::pg_catalog.text' end;
    _delete  text := case when _composite then 'null::pg_catalog.text' else quote_literal(watch.object || '.Delete') || '::pg_catalog.text' end;
    _gone    text;
    _whole   text := format(E',\n                    row(outbox_row.*)::%s as row, true as here', watch.relation);
    -- Select lists over a transition table: the identity; that and the data; and what comparing needs.
    _name    text;
    _full    text;
    _both    text;
begin
    -- Where the owner is not trusted, by the output function of the type, which nobody can replace; the cast may be the owner's.
    _key := case cardinality(watch.key_columns)
        when 0 then null
        when 1 then format(
            case when _guarded then 'case when capture._plain then (%1$I)::pg_catalog.text '
                'when pg_catalog.num_nulls(%1$I) operator(pg_catalog.=) 0 then pg_catalog.concat(%1$I) end collate pg_catalog."C"'
            else '(%1$I)::pg_catalog.text collate pg_catalog."C"' end,
            watch.key_columns[1])
        else format(
            case when _guarded then 'case when pg_catalog.num_nulls(%1$s) operator(pg_catalog.>) 0 then null '
                'when capture._plain then pg_catalog.jsonb_build_array(%1$s)::pg_catalog.text '
                'else pg_catalog.jsonb_build_array(%2$s)::pg_catalog.text end collate pg_catalog."C"'
            else 'case when pg_catalog.num_nulls(%1$s) operator(pg_catalog.=) 0 then pg_catalog.jsonb_build_array(%1$s)::pg_catalog.text end '
                'collate pg_catalog."C"' end,
            (select string_agg(format('%I', c), ', ' order by n) from unnest(watch.key_columns) with ordinality as k (c, n)),
            (select string_agg(format('pg_catalog.concat(%I)', c), ', ' order by n) from unnest(watch.key_columns) with ordinality as k (c, n)))
    end;
    if object.data = 'key' and not _composite then
        _thin := case when cardinality(watch.key_columns) = 0 then '''{}''::pg_catalog.jsonb'
            else outbox.capture_values(watch.relation, watch.key_columns) end;
    end if;
    if _family then
        -- A statement on the parent shows the parent's columns only; so does one on the child. What the others hold is built first.
        _row := format('(%s operator(pg_catalog.-) capture._more)', _row);
        _size := format('greatest(%s, case when pg_catalog.cardinality(capture._more) operator(pg_catalog.>) 0 '
            'then pg_catalog.pg_column_size(outbox_row.*)::bigint end)', coalesce(_size, '0::bigint'));
    end if;
    if _guarded then
        -- Column by column where a type is not of Postgres itself; and not at all when the columns are other ones by now.
        _row := format(E'case when capture._plain then %s\n                        when capture._known then %s\n                        else %L::pg_catalog.jsonb end',
            _row, outbox.capture_values(watch.relation),
            '{"payload_omitted": "a column got a type that is not of Postgres itself: call outbox.watch() again"}');
        _thin := 'case when capture._plain or capture._known then ' || _thin || ' else ''{}''::pg_catalog.jsonb end';
    end if;
    if watch.id_expression is not null and capture_changes.by_expression then
        _id := format('(%s)::pg_catalog.text collate pg_catalog."C"', watch.id_expression);
        _same := _same || ' and (o.object_id operator(pg_catalog.=) n.object_id or o.object_id is null and n.object_id is null)';
    elsif watch.id_expression is null then
        _id := _key;
    end if;
    -- Without a key the rows of one id are paired in the order they come: the number of events is right.
    _pair := coalesce(_key, format('pg_catalog.row_number() over (%s)',
        case when capture_changes.by_expression and watch.id_expression is not null then 'partition by ' || _id end));
    if _size is not null then
        _row := format(E'case when %s\n                        operator(pg_catalog.>) %s then outbox.payload_omitted(%s)\n                        else %s end',
            _size, watch.row_bytes_max, watch.row_bytes_max, _row);
        -- Two rows of a quarter gigabyte are not worth comparing.
        _changed := format('case when o.size operator(pg_catalog.>) 268435456 or n.size operator(pg_catalog.>) 268435456 then true else %s end', _changed);
    end if;

    -- Only where whole rows differ is it worth looking at single columns; what has become of a column that is named is no change
    -- that may be passed over.
    if watch.only_columns is not null then
        _chosen := format('exists (
                        select from pg_catalog.unnest(%L::pg_catalog.text[]) as k (name)
                        where not (n.data operator(pg_catalog.?) k.name)
                            or (n.data operator(pg_catalog.->) k.name) operator(pg_catalog.<>) (o.data operator(pg_catalog.->) k.name))',
            watch.only_columns);
    elsif watch.ignored_columns is not null then
        _chosen := format('(n.data operator(pg_catalog.?) ''payload_omitted'' or (n.data operator(pg_catalog.-) %1$L::pg_catalog.text[])
                        operator(pg_catalog.<>) (o.data operator(pg_catalog.-) %1$L::pg_catalog.text[]))', watch.ignored_columns);
    end if;

    if _conditional then
        select string_agg(format(', %I as c_%s', k.name, k.n), '' order by k.n),
            'cross join lateral (select ' || string_agg(format('n.c_%s as %I', k.n, k.name), ', ' order by k.n) || ') as new',
            'cross join lateral (select ' || string_agg(format('o.c_%s as %I', k.n, k.name), ', ' order by k.n) || ') as old',
            'cross join lateral (select ' || string_agg(format('null::%s as %I', format_type(a.atttypid, a.atttypmod), k.name), ', ' order by k.n) || ') as new',
            'cross join lateral (select ' || string_agg(format('null::%s as %I', format_type(a.atttypid, a.atttypmod), k.name), ', ' order by k.n) || ') as old'
        into _columns, _new, _old, _no_new, _no_old
        from unnest(watch.condition_columns) with ordinality as k (name, n)
            join pg_attribute a on a.attrelid = watch.relation and a.attname = k.name and not a.attisdropped;
        _columns := coalesce(_columns, '');
        _holds := coalesce('(' || watch.condition || ')', 'true');
        if cardinality(watch.verb_types) > 0 then
            select 'case ' || string_agg(format('when %s then %L', v.condition, v.type), ' ' order by v.n) || ' else ' || _update || ' end'
            into _update
            from unnest(watch.verb_types, watch.verb_conditions) with ordinality as v (type, condition, n);
        end if;
    end if;

    _name := format(E'%s as pair,\n                    %s as object_id%s', _pair, _id, _columns);
    _full := format(E'%s,\n                    %s as data%s', _name, _row, case when _thin is null then '' else E',\n                    ' || _thin || ' as thin' end);
    _both := format(E'%s,\n                    row(outbox_row.*) as image,\n                    %s as size', _full, coalesce(_size, '0'));
    if _composite then
        -- What the builder gives is the data. Of a deleted object there is nothing but its row.
        _data_n := 'null::pg_catalog.jsonb';
        _data_u := 'null::pg_catalog.jsonb';
        _data_o := case when object.root = watch.relation then 'o.data' else 'null::pg_catalog.jsonb' end;
    elsif object.data = 'key' then
        _data_n := 'n.thin';
        _data_u := 'n.thin';
        _data_o := 'o.thin';
    elsif object.data = 'diff' then
        _data_n := 'outbox.diff(null, n.data)';
        _data_u := 'outbox.diff(o.data, n.data)';
        _data_o := 'outbox.diff(o.data, null)';
    end if;
    _where_u := _chosen || ' and ' || _holds;
    _where_o := _holds;
    if not _composite and not capture_changes.alone and object.mode <> 'each' and _where_u <> 'true and true' then
        -- What is no event for itself still changes the data of one that the transaction has written ('='), or leaves nothing of it ('-').
        _update := format('case when %s then %s else ''='' end', _where_u, _update);
        _delete := format('case when %s then %s else ''-'' end', _where_o, _delete);
        _where_u := format('(%s or capture._awaits and n.object_id operator(pg_catalog.=) any (%s))', _where_u, outbox.capture_awaited(watch));
        _where_o := format('(%s or capture._awaits and o.object_id operator(pg_catalog.=) any (%s))', _where_o, outbox.capture_awaited(watch));
    end if;
    if not _composite and not capture_changes.alone and object.mode <> 'each' then
        -- Where a trigger of the user's changes rows, what was before and after tells what came first (outbox.merge_events()).
        _data_n := format($q$case when capture._nested then pg_catalog.jsonb_build_object('new', n.data, 'data', %1$s) else %1$s end$q$, _data_n);
        _data_u := format($q$case when capture._nested then pg_catalog.jsonb_build_object('old', o.data, 'new', n.data, 'data', %1$s) else %1$s end$q$, _data_u);
        _data_o := format($q$case when capture._nested then pg_catalog.jsonb_build_object('old', o.data, 'data', %1$s) else %1$s end$q$, _data_o);
    end if;
    -- Rows that come and go are objects only where the table is the object.
    _gone := case when _composite and object.root <> watch.relation then 'U' else 'D' end;
    return case capture_changes.kind
        when 'insert' then format($q$
                select n.object_id, %L::pg_catalog.text as op, %s as type, %s as data
                from %s as n %s %s
                where %s$q$,
            case _gone when 'D' then 'I' else 'U' end, _create, _data_n,
            outbox.capture_rows('new_rows', watch.relation, _all, _full), _new, _no_old, _holds)
        when 'delete' then format($q$
                select o.object_id, %L::pg_catalog.text as op, %s as type, %s as data
                from %s as o %s %s
                where %s$q$,
            _gone, _delete, _data_o, outbox.capture_rows('old_rows', watch.relation, _all, _full), _old, _no_new, _where_o)
        when 'update' then format($q$
                select n.object_id, 'U'::pg_catalog.text as op, %s as type, %s as data
                from %s as n join %s as o on %s %s %s
                -- Unchanged rows are no event.
                where %s and %s$q$,
            _update, _data_u,
            outbox.capture_rows('new_rows', watch.relation, _all, _both), outbox.capture_rows('old_rows', watch.relation, _all, _both),
            _same, _new, _old, _changed, _where_u)
        when 'moved' then format($q$
                select o.object_id, %1$L::pg_catalog.text as op, %2$s as type, %3$s as data
                from %4$s as o %5$s %6$s
                where o.object_id is not null and %18$s and not exists (select from %8$s as n where %9$s)
                union all
                -- No id: the key column was renamed away, or the expression gave NULL. Say at least what the row is now.
                select n.object_id, %10$L, case when n.object_id is null then %11$s else %12$s end, %13$s
                from %14$s as n %15$s %16$s
                where %7$s and not exists (select from %17$s as o where %9$s)$q$,
            _gone, _delete, _data_o, outbox.capture_rows('old_rows', watch.relation, _all, _full), _old, _no_new, _holds,
            outbox.capture_rows('new_rows', watch.relation, _keys, replace(_name, _columns, '')), _same,
            case _gone when 'D' then 'I' else 'U' end,
            case when _composite then 'null' else quote_literal(watch.object || '.Update') end, _create, _data_n,
            outbox.capture_rows('new_rows', watch.relation, _all, _full), _new, _no_old,
            outbox.capture_rows('old_rows', watch.relation, _keys, replace(_name, _columns, '')), _where_o)
        -- A row that came or went within an UPDATE, by another key, counts as changed.
        when 'rows' then format($q$with change as (
                            select n.row as new, n.here as is_new, o.row as old, o.here as is_old
                            from %s as n full join %s as o on %s
                            where n.here is null or o.here is null or %s
                        )
                        select change.old from change where change.is_old
                        union all
                        select change.new from change where change.is_new$q$,
            outbox.capture_rows('new_rows', watch.relation, _all, _both || _whole),
            outbox.capture_rows('old_rows', watch.relation, _all, _both || _whole), _same, _changed || ' and ' || _chosen)
        when 'is_moved' then format('exists (select from %s as n where not exists (select from %s as o where %s))',
            outbox.capture_rows('new_rows', watch.relation, _keys, replace(_name, _columns, '')),
            outbox.capture_rows('old_rows', watch.relation, _keys, replace(_name, _columns, '')), _same)
    end;
end
$$;
