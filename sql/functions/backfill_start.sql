create or replace function outbox.backfill_start(object text, condition text default null) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Begins a backfill, or finds the one of this object and condition that has not ended. Nothing is sent yet:
-- outbox.backfill_step() does that.
-- Arguments: object, condition, as in outbox.backfill().
-- Returns: the run's id, as in outbox.backfill_run.
-- Raises: OX003, OX017.
-- Touches: insert outbox.backfill_run, outbox.event_type.
#variable_conflict use_column
declare
    _object outbox.object := outbox.require_backfill(backfill_start.object);
    _run    bigint;
begin
    if length(backfill_start.condition) > 10000 then
        raise exception 'condition has more than 10000 characters' using errcode = 'OX017';
    end if;
    insert into outbox.event_type (name, description)
    values (_object.name || '.Snapshot', 'What object ' || _object.name || ' was when it was backfilled') on conflict do nothing;
    -- Two callers at once: the second waits for the first, and finds its run.
    insert into outbox.backfill_run as r (object, condition, objects)
    select _object.name, backfill_start.condition, nullif(c.reltuples, -1)::bigint from pg_class c where c.oid = _object.root
    on conflict (object, md5(coalesce(condition, ''))) where ended_at is null do update set object = excluded.object
    returning r.id into _run;
    return _run;
end
$$;
