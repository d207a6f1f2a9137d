create or replace function outbox.merge_diffs(diffs jsonb[]) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
-- The difference between the first old and the last new row of several changes of one object, each as outbox.diff() gives it.
-- Arguments: diffs, in their order; one without data because a row was too large makes the result so.
-- Returns: a difference; {"old": {}, "new": {}} when all is as it was.
-- Touches: nothing.
declare
    _old  jsonb;
    _new  jsonb;
    _diff jsonb;
begin
    for _i in 1..cardinality(merge_diffs.diffs) loop
        _diff := merge_diffs.diffs[_i];
        if _diff ? 'payload_omitted' then
            return _diff;
        end if;
        if _i = 1 then
            _old := nullif(_diff -> 'old', 'null');
            _new := nullif(_diff -> 'new', 'null');
        elsif _new is null then
            _new := nullif(_diff -> 'new', 'null');
        else
            -- What changed only now is as old as the beginning.
            _old := case when _old is null then null else coalesce(nullif(_diff -> 'old', 'null'), '{}') || _old end;
            _new := case when _diff -> 'new' = 'null' then null else _new || (_diff -> 'new') end;
        end if;
    end loop;
    if _old is null or _new is null then
        return jsonb_build_object('old', _old, 'new', _new);
    end if;
    return outbox.diff(_old, _new);
end
$$;
