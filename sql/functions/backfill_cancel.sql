create or replace function outbox.backfill_cancel(run bigint) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Ends a backfill before its end. What has been sent is sent; who is stepping it comes to the end with the batch under way.
-- Arguments: run.
-- Returns: true; false when it had ended.
-- Raises: OX003; OX017 no such run.
-- Touches: update outbox.backfill_run.
declare
    _object text := (select r.object from outbox.backfill_run r where r.id = backfill_cancel.run);
begin
    if _object is null then
        raise exception 'there is no backfill %', coalesce(backfill_cancel.run::text, 'NULL')
            using errcode = 'OX017', hint = 'All of them: select * from outbox.backfilling.';
    end if;
    if not coalesce(pg_has_role(session_user, to_regrole('outbox_admin'), 'MEMBER'), false) then
        perform outbox.require_object_owner(_object);
    end if;
    update outbox.backfill_run r set ended_at = clock_timestamp(), cancelled = true where r.id = backfill_cancel.run
        and r.ended_at is null;
    return found;
end
$$;
