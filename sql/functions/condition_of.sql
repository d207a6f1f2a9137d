create or replace function outbox.condition_of(trigger oid) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- The condition of a trigger that outbox.probe_conditions() made, as Postgres writes it. The text around it is known to the letter, so that nothing in
-- the expression can be taken for the end of it.
-- Arguments: trigger.
-- Returns: the expression.
-- Raises: OX004 when it is not such a trigger.
-- Touches: select pg_trigger, pg_class.
declare
    _text   text := pg_get_triggerdef(condition_of.trigger);
    _prefix text := (
        select format('CREATE TRIGGER %s AFTER UPDATE ON pg_temp.outbox_condition_probe FOR EACH ROW WHEN (', t.tgname)
        from pg_trigger t join pg_class c on c.oid = t.tgrelid
        where t.oid = condition_of.trigger and c.relname = 'outbox_condition_probe' and c.relnamespace = pg_my_temp_schema()
            and t.tgname ~ '^outbox_condition_[0-9]+$');
    _suffix text := ') EXECUTE FUNCTION suppress_redundant_updates_trigger()';
begin
    if _prefix is null or left(_text, length(_prefix)) <> _prefix or right(_text, length(_suffix)) <> _suffix then
        raise exception 'not a condition: %', _text using errcode = 'OX004';
    end if;
    return substr(_text, length(_prefix) + 1, length(_text) - length(_prefix) - length(_suffix));
end
$$;
