create or replace function outbox.read_conditions(relation regclass, probe regclass, count integer, out conditions text[], out columns text[])
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Takes the conditions that outbox.probe_conditions() had judged from the catalogue, and trusts nothing else: each must be a
-- trigger's condition on a copy of the table's columns, be the same expression as an index, which vouches that it is
-- immutable, and call nothing that a user made (values of an enum are no calls).
-- Arguments: relation; probe, what outbox.probe_conditions() returned; count, how many conditions there may be.
-- Returns: conditions, one per number, null where there is none; columns, the columns they use.
-- Raises: OX004.
-- Touches: select pg_trigger, pg_index, pg_attribute, pg_depend, pg_type.
declare
    _trigger oid;
    _index   oid;
    _text    text;
    _pair    oid := (
        select c.oid from pg_class c
        where c.relname = 'outbox_pair_probe' and c.relnamespace = (select p.relnamespace from pg_class p where p.oid = read_conditions.probe));
begin
    columns := '{}';
    conditions := '{}';
    for _n in 1..read_conditions.count loop
        select t.oid into _trigger from pg_trigger t
        where t.tgrelid = read_conditions.probe and t.tgname = 'outbox_condition_' || _n;
        conditions := conditions || null::text;
        continue when _trigger is null;
        _text := outbox.condition_of(_trigger);
        select i.indexrelid into _index
        from pg_index i join pg_class c on c.oid = i.indexrelid
        where i.indrelid = _pair and c.relname = 'outbox_pair_' || _n and i.indnatts = 1 and i.indpred is null;
        if _index is null
            or trim(both '()' from pg_get_indexdef(_index, 1, false)) <> trim(both '()' from regexp_replace(_text, '\m(old|new)\.', '(\1).', 'g'))
            or _text ~ '\m(old|new)\.\*' or position('outbox_condition_probe' in _text) > 0
            or exists (
                select from pg_attribute a
                where a.attrelid = _pair and a.attnum > 0 and not a.attisdropped
                    and a.atttypid <> (select c.reltype from pg_class c where c.oid = read_conditions.relation))
            or exists (
                (select attname, atttypid from pg_attribute where attrelid = read_conditions.probe and attnum > 0 and not attisdropped)
                except
                (select attname, atttypid from pg_attribute where attrelid = read_conditions.relation and attnum > 0 and not attisdropped))
            or exists (
                select from pg_depend d
                where (d.classid = 'pg_trigger'::regclass and d.objid = _trigger or d.classid = 'pg_class'::regclass and d.objid = _index)
                    and d.refobjid >= 16384 and d.refclassid <> 'pg_class'::regclass
                    and not (d.refclassid = 'pg_type'::regclass and exists (
                        select from pg_type t where t.oid = d.refobjid and (t.typtype = 'e'
                            or t.typrelid in (read_conditions.relation, read_conditions.probe)))))
        then
            raise exception 'this is no condition for changes of %: %', read_conditions.relation, _text
                using errcode = 'OX004',
                    detail = 'It may use the columns of old and new and the immutable functions and types that come with Postgres.',
                    hint = 'Put what it computes into a generated column and name that column.';
        end if;
        conditions[_n] := _text;
        columns := array(
            select distinct c
            from unnest(columns || array(
                select a.attname::text
                from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
                where d.classid = 'pg_trigger'::regclass and d.objid = _trigger and d.refobjid = read_conditions.probe and d.refobjsubid > 0)) as c
            order by c);
    end loop;
end
$$;
