create or replace function outbox.backfill_plan(
    run bigint, condition text,
    out composite boolean, out keys text, out seen text, out data text
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- What outbox.backfill_step() has to ask root, with the rights of its caller, who cannot read the catalogue. Takes the run for
-- itself until the caller's transaction ends, so that two callers do two batches.
--
-- The condition was written by whoever began the run, and would run with the rights of whoever steps it: so who is another has to
-- say it too. Keys are walked in the order of their index, whatever operators that has. An expression is understood by the
-- caller's search_path.
-- Arguments: run; condition, as the caller knows it.
-- Returns: nulls when the run has ended; else whether the object has a builder, and queries:
--   keys  the next $1 keys, each the values of its columns as text in a JSON array; seen, those of the keys $1 whose rows are
--   there and fulfil the condition (FOR SHARE may be added); data, object id and data of the rows with the keys $1
-- Raises: OX003, OX017; OX008 the subscription that it is for is gone.
-- Locks: the run, FOR UPDATE.
-- Touches: select outbox.backfill_run, outbox.object, outbox.watch, outbox.subscription, pg_index, pg_amop, pg_operator.
declare
    _run     outbox.backfill_run;
    _object  outbox.object;
    _watch   outbox.watch;
    _plain   boolean;
    _key     text;  -- the key as JSON
    _order   text;
    _after   text;
    _among   text;
    _id      text;
    _row     text;
    _size    text;
    _columns text;
    _new     text;
    _old     text;
begin
    select r.* into _run from outbox.backfill_run r where r.id = backfill_plan.run for update;
    if _run.id is null then
        raise exception 'there is no backfill %', coalesce(backfill_plan.run::text, 'NULL')
            using errcode = 'OX017', hint = 'All of them: select * from outbox.backfilling.';
    end if;
    _object := outbox.require_backfill(_run.object);
    if _run.ended_at is not null then
        return;
    elsif _run.condition is not null and _run.started_by <> session_user and _run.condition is distinct
        from backfill_plan.condition then
        raise exception 'backfill % has a condition of %', _run.id, _run.started_by using errcode = 'OX003',
            detail = 'It would run with your rights: ' || _run.condition,
            hint = format('If you agree: call outbox.backfill(%L, %L%s).', _run.object, _run.condition,
                ', subscription => ' || _run.subscription);
    elsif _run.subscription is not null and not exists (
        select from outbox.subscription s where s.id = _run.subscription and s.status <> 'gone')
    then
        raise exception 'subscription % is gone, for which backfill % is', _run.subscription, _run.id using errcode = 'OX008',
            hint = format('To end it: select outbox.backfill_cancel(%s).', _run.id);
    elsif _run.subscription is null and not _object.history and not exists (
        select from outbox.subscription s where s.pattern = any (outbox.patterns(_object.name || '.Snapshot'))
            and s.status <> 'gone')
    then
        raise exception 'nobody wants %.Snapshot', _object.name using errcode = 'OX017',
            hint = format('Subscribe to %L first. The backfill goes on when it is called again.', _object.name || '.Snapshot');
    end if;
    select w.* into _watch from outbox.watch w where w.object = _object.name and w.relation = _object.root;
    composite := _object.builder is not null;
    _plain := outbox.capture_is_trusted(_object.root) or not exists (
        select from pg_attribute a where a.attrelid = _object.root and a.attnum > 0 and not a.attisdropped
            and a.atttypid >= 16384);

    -- Each column of the key with the operators of its index.
    with part as (
        select k.n, quote_ident(a.attname) as name, quote_ident(s.nspname) as schema,
            format('operator(pg_catalog.->>) %s)::%s', k.n - 1, format_type(a.atttypid, a.atttypmod)) as from_json
        from unnest(_watch.key_columns) with ordinality as k (name, n)
            join pg_attribute a on a.attrelid = _watch.relation and a.attname = k.name and not a.attisdropped
            join pg_index i on i.indrelid = _watch.relation and i.indisprimary
            join unnest(i.indkey) with ordinality as c (attnum, n) on c.attnum = a.attnum
            join pg_opclass o on o.oid = i.indclass[c.n - 1]
            join pg_amop m on m.amopfamily = o.opcfamily and m.amopstrategy = 5 and m.amoplefttype = o.opcintype
                and m.amoprighttype = o.opcintype
            join pg_operator p on p.oid = m.amopopr
            join pg_namespace s on s.oid = p.oprnamespace
    )
    select 'pg_catalog.jsonb_build_array(' || string_agg(format('(%s)::pg_catalog.text', p.name), ', '
        order by p.n) || ')::pg_catalog.text',
        string_agg(p.name, ', ' order by p.n),
        string_agg(format('%s operator(%s.=) (outbox_key::pg_catalog.jsonb %s', p.name, p.schema, p.from_json), ' and '
            order by p.n),
        case when count(distinct p.schema) = 1 then
            format('row(%s) operator(%s.>) row(%s)', string_agg(p.name, ', ' order by p.n), min(p.schema),
                string_agg(format('(%L::pg_catalog.jsonb %s', _run.walked_to, p.from_json), ', ' order by p.n))
        else
            -- No index helps with this; keys whose operators are in several schemas are rare.
            '(' || string_agg(
                format('%s operator(%s.>) (%L::pg_catalog.jsonb %s', p.name, p.schema, _run.walked_to, p.from_json) || coalesce((
                    select string_agg(format(' and %s operator(%s.=) (%L::pg_catalog.jsonb %s', q.name, q.schema,
                        _run.walked_to, q.from_json), '')
                    from part q where q.n < p.n), ''), ' or ' order by p.n) || ')'
        end
    into _key, _order, _among, _after
    from part p
    having count(*) = cardinality(_watch.key_columns) and count(*) > 0;
    if _key is null and cardinality(_watch.key_columns) = 0 and _watch.id_expression is not null then
        _order := format('(%s)::pg_catalog.text collate pg_catalog."C"', _watch.id_expression);
        _key := format('pg_catalog.jsonb_build_array(%s)::pg_catalog.text', _order);
        _among := format('(%s) operator(pg_catalog.=) (outbox_key::pg_catalog.jsonb operator(pg_catalog.->>) 0)', _order);
        _after := format('(%s) operator(pg_catalog.>) (%L::pg_catalog.jsonb operator(pg_catalog.->>) 0)', _order, _run.walked_to);
    elsif _key is null then
        raise exception 'the key of % is not what it was', _object.root using errcode = 'OX017',
            hint = 'Watch it again: outbox.broken_watch says how.';
    end if;
    _among := format('exists (select from pg_catalog.unnest($1) as outbox_keys (outbox_key) where %s)', _among);
    keys := format(E'select %s%s from %s where (%s\n) and %s%s order by %s limit $1',
        case when cardinality(_watch.key_columns) = 0 then format('distinct on (%s) ', _order) end, _key, _object.root,
        coalesce(_run.condition, 'true'), case when _run.walked_to is null then 'true' else _after end,
        case when cardinality(_watch.key_columns) = 0 then format(' and %s is not null', _order) end, _order);
    seen := format(E'select %s from %s where (%s\n) and %s', _key, _object.root, coalesce(_run.condition, 'true'), _among);

    -- As outbox.capture_changes() has them.
    _id := case
        when _watch.id_expression is not null then format('(%s)::text', _watch.id_expression)
        when cardinality(_watch.key_columns) = 1 then format(case when _plain then '(%I)::text' else 'concat(%I)' end,
            _watch.key_columns[1])
        else format('jsonb_build_array(%s)::text', (
            select string_agg(format(case when _plain then '%I' else 'concat(%I)' end, k), ', ' order by n)
            from unnest(_watch.key_columns) with ordinality as c (k, n)))
    end;
    _row := case
        when composite then 'null::jsonb'
        when _object.data = 'key' and cardinality(_watch.key_columns) = 0 then '''{}''::jsonb'
        when _object.data = 'key' then outbox.capture_values(_object.root, _watch.key_columns)
        when _plain then 'to_jsonb(outbox_row.*)'
        else outbox.capture_values(_object.root)
    end;
    _size := outbox.capture_size(_object.root, _watch.row_bytes_max);
    if _size is not null and not composite and _object.data <> 'key' then
        _row := format('case when %s > %s then %L::jsonb else %s end', _size, _watch.row_bytes_max,
            outbox.payload_omitted(_watch.row_bytes_max), _row);
    end if;
    -- What the watch does not tell of a new row is not told of an old one.
    if _watch.condition is not null and not composite then
        select string_agg(format(', %I as c_%s', k.name, k.n), '' order by k.n),
            'cross join lateral (select ' || string_agg(format('s.c_%s as %I', k.n, k.name), ', ' order by k.n) || ') as new',
            'cross join lateral (select ' || string_agg(format('null::%s as %I', format_type(a.atttypid, a.atttypmod), k.name),
                ', ' order by k.n) || ') as old'
        into _columns, _new, _old
        from unnest(_watch.condition_columns) with ordinality as k (name, n)
            join pg_attribute a on a.attrelid = _watch.relation and a.attname = k.name and not a.attisdropped;
    end if;
    data := format('select s.outbox_id, s.outbox_data from (select %s as outbox_id, %s as outbox_data%s from %s as outbox_row where %s order by %s) as s %s %s where (%s)',
        _id, _row, _columns, _object.root, _among, _order, _new, _old,
        case when composite then 'true' else coalesce(_watch.condition, 'true') end);
end
$$;
