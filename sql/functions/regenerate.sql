create or replace function outbox.regenerate(object text default null) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Writes the trigger functions of watches anew where their source differs from what outbox.capture_source() gives now:
-- after an upgrade, and after a watch changed. Replacing a function takes no lock on the user's table.
-- Arguments: object, the watches of one object; null for all.
-- Returns: how many functions were written.
-- Touches: select outbox.watch, outbox.object; creates or replaces outbox.capture_<id>(); see outbox.write_calls().
declare
    _watch  outbox.watch;
    _source text;
    _count  integer := 0;
begin
    for _watch in
        select w.* from outbox.watch w
        where (regenerate.object is null or w.object = regenerate.object)
            and exists (select from pg_class c where c.oid = w.relation)
        order by w.id
    loop
        _source := outbox.capture_source(_watch);
        continue when exists (
            select from pg_proc p
            where p.proname = 'capture_' || _watch.id and p.pronamespace = 'outbox'::regnamespace and p.prosrc = _source);
        -- Setting search_path takes longer than most of what the function does, and without it every name is written with its schema. An
        -- expression was written down by Postgres without the schema of its functions and operators.
        execute format(
            'create or replace function outbox.capture_%s() returns trigger language plpgsql security definer %s as %L',
            _watch.id, case when _watch.id_expression is not null or cardinality(_watch.verb_types) > 0 or _watch.condition is not null or _watch.through is not null
                then 'set search_path = pg_catalog, pg_temp' end, _source);
        execute format('revoke all on function outbox.capture_%s() from public', _watch.id);
        _count := _count + 1;
    end loop;
    return _count + outbox.write_calls();
end
$$;
