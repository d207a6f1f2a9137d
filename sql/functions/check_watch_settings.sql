create or replace function outbox.check_watch_settings(
    object outbox.object, relation regclass, history boolean, mode text, data text, only_columns text[], ignored_columns text[],
    verb_types text[], through text, has_id boolean
) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Refuses settings of a watch that are unknown, name columns that are not there, or do not go together.
-- Arguments: object, as it is so far, null when it is new; the others as in outbox.watch(); has_id, whether an id was named.
-- Raises: OX004, OX005, OX009, OX015.
-- Touches: select pg_attribute, outbox.event_type.
declare
    _verb   text;
    _column text;
    _why    text;
begin
    if check_watch_settings.mode not in ('each', 'transaction', 'latest') then
        raise exception 'not a mode: %', check_watch_settings.mode using errcode = 'OX009', hint = 'It is each, transaction or latest.';
    end if;
    if check_watch_settings.data not in ('full', 'diff', 'key') then
        raise exception 'not a form of data: %', check_watch_settings.data using errcode = 'OX009', hint = 'It is full, diff or key.';
    end if;
    _why := case
        when check_watch_settings.only_columns is not null and check_watch_settings.ignored_columns is not null
            then 'only_columns and ignored_columns exclude each other'
        when cardinality(check_watch_settings.only_columns) = 0 then 'only_columns is empty: nothing would ever be an event'
        when object.builder is null and check_watch_settings.through is not null
            then 'through leads to an object with a builder: outbox.define_object() comes first'
        when object.builder is not null and num_nonnulls(check_watch_settings.history, check_watch_settings.mode, check_watch_settings.data) > 0
            then 'history, mode and data of an object with a builder are said to outbox.define_object()'
        when object.builder is not null and object.root <> check_watch_settings.relation and check_watch_settings.through is null
            and not check_watch_settings.has_id then 'a member table needs the way to its object: id or through'
        when object.root = check_watch_settings.relation and check_watch_settings.through is not null
            then 'the root of an object is named by id, not through'
        when check_watch_settings.through is not null and check_watch_settings.has_id then 'id and through exclude each other'
        when cardinality(check_watch_settings.verb_types) > 0 and object.builder is not null and object.root <> check_watch_settings.relation
            then 'verbs are for the root of an object'
        when check_watch_settings.through is not null and to_regprocedure(check_watch_settings.through) is null then 'there is no such function: through'
    end;
    if _why is not null then
        raise exception 'this watch of % does not do: %', check_watch_settings.relation, _why using errcode = 'OX015';
    end if;
    if check_watch_settings.through is not null then
        perform outbox.check_called(check_watch_settings.through, check_watch_settings.relation, 'through', true);
    end if;
    foreach _column in array coalesce(check_watch_settings.only_columns, '{}') || coalesce(check_watch_settings.ignored_columns, '{}') loop
        if not exists (
            select from pg_attribute a
            where a.attrelid = check_watch_settings.relation and a.attname = _column and a.attnum > 0 and not a.attisdropped)
        then
            raise exception 'table % has no column %', check_watch_settings.relation, coalesce(quote_ident(_column), 'NULL')
                using errcode = 'OX004', hint = (
                    select 'Its columns are ' || string_agg(quote_ident(a.attname), ', ' order by a.attnum) || '.'
                    from pg_attribute a where a.attrelid = check_watch_settings.relation and a.attnum > 0 and not a.attisdropped);
        end if;
    end loop;
    foreach _verb in array check_watch_settings.verb_types loop
        if _verb !~ '^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)+$' or length(_verb) > 200 or _verb ~ '^outbox\.' then
            raise exception 'not an event type: %', quote_literal(left(_verb, 200))
                using errcode = 'OX005', hint = 'It is words of letters, digits and _ joined by dots: Shipment.Approve.';
        end if;
        -- The catalogue knows who writes what: a type of another object is not to be had by naming it.
        if exists (
            select from outbox.watch w join outbox.object o on o.name = w.object
            where (split_part(_verb, '.', 1) = o.name or _verb = any (w.verb_types)) and o.name is distinct from object.name
                and not pg_has_role(session_user, o.owner, 'MEMBER'))
        then
            raise exception 'event type % belongs to an object of another owner', _verb using errcode = 'OX003';
        end if;
    end loop;
end
$$;
