create or replace function outbox.try_builder(root regclass, id text, builder text, builder_kind text, gate text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Calls builder and gate once, on a row of the table, with the rights of the caller: what cannot work is refused at the definition, not
-- when the first writer commits. Without a row there is nothing to try but that they can be called.
-- Arguments: root; id, the column or expression that names the object, or null for the primary key; builder, builder_kind and gate, resolved.
-- Raises: OX015 with what Postgres said.
-- Touches: select on root; calls builder and gate.
declare
    _id      text;
    _type    text := regexp_replace(try_builder.builder, '^.*\(|\[\]\)$|\)$', '', 'g');
    _called  text := try_builder.builder;
    _message text;
begin
    begin
        execute format('select (%s)::text from %s limit 1',
            coalesce(try_builder.id, (
                select case count(*) when 1 then min(quote_ident(a.attname)) else format('jsonb_build_array(%s)', string_agg(quote_ident(a.attname), ', ' order by k.n)) end
                from pg_index i cross join lateral unnest(i.indkey) with ordinality as k (attnum, n)
                    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
                where i.indrelid = try_builder.root and i.indisprimary), 'null'), try_builder.root) into _id;
    exception when others then
        return;  -- outbox.watch() says what is wrong with the id
    end;
    begin
        if try_builder.builder_kind = 'one' then
            execute format('select %s($1::%s)', outbox.function_name(try_builder.builder), _type) using _id;
        elsif try_builder.builder_kind = 'set' then
            execute format('select b.id, b.data::jsonb from %s(array_remove(array[$1::%s], null)) as b (id, data)', outbox.function_name(try_builder.builder), _type) using _id;
        end if;
        if try_builder.gate is not null then
            _called := try_builder.gate;
            execute format('select %s($1::%s)::boolean', outbox.function_name(try_builder.gate), regexp_replace(try_builder.gate, '^.*\((.*)\)$', '\1')) using _id;
        end if;
    exception when others then
        get stacked diagnostics _message = message_text;
        raise exception '% cannot be used for %: it fails for the id %', _called, try_builder.root, coalesce(quote_literal(_id), 'NULL')
            using errcode = 'OX015', detail = _message, hint = 'Call it yourself; its own search_path must find what it uses.';
    end;
end
$$;
