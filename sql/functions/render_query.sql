create or replace function outbox.render_query(object outbox.object) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- The query that renders an object by its builder and gate, for outbox.write_calls().
-- Arguments: object, with a builder.
-- Returns: a query of object_id, data and error (null) with <ids> in the place of the array of ids, which are text.
-- Touches: select pg_attribute.
declare
    -- As they were named: app.shipment(uuid) or app.shipments(uuid[]).
    _type text := regexp_replace(regexp_replace(object.builder, '^.*\((.*)\)$', '\1'), '\[\]$', '');
    _gate text := coalesce(format('%s(i.id::%s)', outbox.function_name(object.gate), regexp_replace(object.gate, '^.*\((.*)\)$', '\1')), 'true');
    _id   text;
begin
    if object.gate is null then
        _gate := 'true';
    end if;
    if object.builder_kind = 'one' then
        return format('select i.id, %s(i.id::%s)::jsonb, null::text from unnest(<ids>) as i (id) where %s', outbox.function_name(object.builder), _type, _gate);
    elsif object.builder_kind = 'set' then
        return format('select b.id::text, b.data::jsonb, null::text from %s(array(select i.id::%s from unnest(<ids>) as i (id) where %s)) as b (id, data)',
            outbox.function_name(object.builder), _type, _gate);
    end if;
    select format_type(a.atttypid, a.atttypmod), quote_ident(a.attname) into _type, _id
    from pg_attribute a where a.attrelid = to_regclass(object.builder) and a.attnum = 1;
    return format('select v.%1$s::text, v.data::jsonb, null::text from %2$s as v where v.%1$s = any (array(select i.id::%3$s from unnest(<ids>) as i (id) where %4$s))',
        _id, object.builder, _type, _gate);
end
$$;
