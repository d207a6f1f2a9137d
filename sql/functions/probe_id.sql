create or replace function outbox.probe_id(relation regclass, id text) returns regclass
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Lets Postgres itself judge an id expression, with the rights of the caller: builds it as an index on an empty temporary
-- copy of the table. An index expression is immutable, has no sub-select and no aggregate.
-- Arguments: relation; id, a column or an expression over the columns; null for none.
-- Returns: the index pg_temp.outbox_id_probe_index, or null when there is no expression.
-- Raises: OX004 with what Postgres said of the expression.
-- Touches: creates pg_temp.outbox_id_probe, which the caller drops.
declare
    _message text;
begin
    if probe_id.id is null then
        return null;
    end if;
    execute format('create temporary table outbox_id_probe (like %s)', probe_id.relation);
    execute format('create index outbox_id_probe_index on pg_temp.outbox_id_probe (((%s)::text))', probe_id.id);
    return 'pg_temp.outbox_id_probe_index'::regclass;
exception
    when duplicate_table then
        raise exception 'pg_temp.outbox_id_probe is in the way' using errcode = 'OX004', hint = 'Drop it: outbox.watch() needs the name.';
    when others then
        get stacked diagnostics _message = message_text;
        raise exception 'this expression cannot name the rows of %: %', probe_id.relation, probe_id.id
            using errcode = 'OX004', detail = _message,
                hint = 'Use columns and immutable functions; cast each part to text before joining them with ||.';
end
$$;
