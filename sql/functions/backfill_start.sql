create or replace function outbox.backfill_start(object text, condition text default null, subscription bigint default null) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Begins a backfill, or finds the one of this object, condition and subscription that has not ended. Nothing is sent yet:
-- outbox.backfill_step() does that.
-- Arguments: object, condition, subscription, as in outbox.backfill().
-- Returns: the run's id, as in outbox.backfill_run.
-- Raises: OX003, OX017; OX008 no such subscription.
-- Touches: insert outbox.backfill_run, outbox.event_type; select outbox.subscription.
#variable_conflict use_column
declare
    _object outbox.object := outbox.require_backfill(backfill_start.object);
    _run    bigint;
begin
    if length(backfill_start.condition) > 10000 then
        raise exception 'condition has more than 10000 characters' using errcode = 'OX017';
    end if;
    if backfill_start.subscription is not null and not exists (
        select from outbox.subscription s where s.id = backfill_start.subscription and s.status <> 'gone')
    then
        raise exception 'no such subscription: %', backfill_start.subscription using errcode = 'OX008',
            hint = 'select id, subscriber, pattern, status from outbox.subscription';
    end if;
    insert into outbox.event_type (name, description)
    values (_object.name || '.Snapshot', 'What object ' || _object.name || ' was when it was backfilled') on conflict do nothing;
    -- Two callers at once: the second waits for the first, and finds its run.
    insert into outbox.backfill_run as r (object, condition, subscription, objects)
    select _object.name, backfill_start.condition, backfill_start.subscription, nullif(c.reltuples, -1)::bigint from pg_class c where c.oid = _object.root
    on conflict (object, md5(coalesce(condition, '')), coalesce(subscription, 0)) where ended_at is null do update set object = excluded.object
    returning r.id into _run;
    return _run;
end
$$;
