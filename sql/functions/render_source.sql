create or replace function outbox.render_source() returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Writes the body of outbox.render(): for each object with a builder one static query, whose plan a session keeps.
-- Returns: the plpgsql source.
-- Touches: select outbox.object, pg_proc, pg_attribute.
declare
    _object outbox.object;
    _type   text;
    _gate   text;
    _query  text;
    _source text := '';
begin
    for _object in select o.* from outbox.object o where o.builder is not null order by o.name loop
        if _object.builder_kind = 'view' then
            select format_type(a.atttypid, a.atttypmod), quote_ident(a.attname) into _type, _query
            from pg_attribute a where a.attrelid = to_regclass(_object.builder) and a.attnum = 1;
        else
            -- As it was named: app.shipment(uuid) or app.shipments(uuid[]).
            _type := regexp_replace(_object.builder, '^.*\((.*)\)$', '\1');
            _type := regexp_replace(_type, '\[\]$', '');
        end if;
        _gate := case when _object.gate is null then 'true' else format('%s(i.id::%s)', outbox.function_name(_object.gate),
            regexp_replace(_object.gate, '^.*\((.*)\)$', '\1')) end;
        _query := case _object.builder_kind
            when 'one' then format('select i.id, %s(i.id::%s)::jsonb, null::text from unnest(render.ids) as i (id) where %s',
                outbox.function_name(_object.builder), _type, _gate)
            when 'set' then format(
                'select b.id::text, b.data::jsonb, null::text from %s(array(select i.id::%s from unnest(render.ids) as i (id) where %s)) as b (id, data)',
                outbox.function_name(_object.builder), _type, _gate)
            else format('select v.%1$s::text, v.data::jsonb, null::text from %2$s as v where v.%1$s = any (array(select i.id::%3$s from unnest(render.ids) as i (id) where %4$s))',
                _query, _object.builder, _type, _gate)
        end;
        _source := _source || format(E'    %s render.object = %L then\n', case when _source = '' then 'if' else 'elsif' end, _object.name);
        if not outbox.capture_is_trusted(_object.root) then
            _source := _source || format(E'        perform outbox.require_definer(%L);\n', _object.builder);
            if _object.gate is not null then
                _source := _source || format(E'        perform outbox.require_definer(%L);\n', _object.gate);
            end if;
        end if;
        _source := _source || format(E'        return query %s;\n        return;\n', _query);
    end loop;
    return format($source$
-- Renders objects by their builders. Written by outbox.define_object(); call it again instead of editing this.
#variable_conflict use_column
begin
%s    raise exception 'object %% has no builder', render.object using errcode = 'OX015';
end
$source$, case when _source = '' then '' else _source || E'    end if;\n' end);
end
$$;
