create or replace function outbox.probe_conditions(relation regclass, conditions text[]) returns regclass
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Lets Postgres itself judge expressions over the rows old and new, with the rights of the caller: as conditions of triggers on an
-- empty temporary copy of the table, which may name old and new but hold no sub-select; and as indexes over a pair of
-- rows, which must be immutable. outbox.read_conditions() takes them from the catalogue and compares the two.
-- Arguments: relation; conditions, null where there is none.
-- Returns: pg_temp.outbox_condition_probe, or null when there is nothing to judge; the caller drops it and pg_temp.outbox_pair_probe.
-- Raises: OX004 with what Postgres said of the expression.
-- Touches: creates the two temporary tables.
declare
    _message text;
    _shown   text;
    _expression text;
begin
    if num_nonnulls(variadic probe_conditions.conditions) = 0 then
        return null;
    end if;
    execute format('create temporary table outbox_condition_probe (like %s)', probe_conditions.relation);
    execute format('create temporary table outbox_pair_probe (old %1$s, new %1$s)', probe_conditions.relation);
    for _n in 1..cardinality(probe_conditions.conditions) loop
        continue when probe_conditions.conditions[_n] is null;
        _shown := probe_conditions.conditions[_n];
        execute format('create trigger outbox_condition_%s after update on pg_temp.outbox_condition_probe for each row when (%s) '
            'execute function pg_catalog.suppress_redundant_updates_trigger()', _n, probe_conditions.conditions[_n]);
        _expression := outbox.condition_of((
            select t.oid from pg_trigger t
            where t.tgrelid = 'pg_temp.outbox_condition_probe'::regclass and t.tgname = 'outbox_condition_' || _n));
        execute format('create index outbox_pair_%s on pg_temp.outbox_pair_probe ((%s))', _n,
            regexp_replace(_expression, '\m(old|new)\.', '(\1).', 'g'));
    end loop;
    return 'pg_temp.outbox_condition_probe'::regclass;
exception
    when duplicate_table then
        raise exception 'pg_temp.outbox_condition_probe is in the way' using errcode = 'OX004', hint = 'Drop it: outbox.watch() needs the name.';
    when others then
        get stacked diagnostics _message = message_text;
        raise exception 'this is no condition for changes of %: %', probe_conditions.relation, _shown
            using errcode = 'OX004', detail = _message,
                hint = 'It is an expression over old and new, such as new.status = ''PAID'' and old.status <> new.status, of immutable functions and without sub-selects.';
end
$$;
