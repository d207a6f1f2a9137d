create or replace function outbox.skip_capture(relation oid, operation text, rows bigint) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Whether a statement under `outbox.capture = off` is to have no events, and puts that on record. Bulk work of those who answer for the table may;
-- from anybody else the setting is a way to lose events, and is told so.
-- Arguments: relation; operation, INSERT, UPDATE or DELETE; rows, how many it has written.
-- Returns: true when the session may become the owner of the table or is a member of outbox_admin.
-- Touches: insert outbox.uncaptured.
begin
    if not pg_has_role(session_user, (select c.relowner from pg_class c where c.oid = skip_capture.relation), 'MEMBER')
        and not coalesce(pg_has_role(session_user, to_regrole('outbox_admin'), 'MEMBER'), false)
    then
        raise warning 'outbox.capture = off is not for %: events of % are captured', session_user, skip_capture.relation::regclass
            using hint = 'It is for members of the table''s owner and of outbox_admin.';
        return false;
    end if;
    if skip_capture.rows > 0 then
        insert into outbox.uncaptured (relation, operation, rows) values (skip_capture.relation, skip_capture.operation, skip_capture.rows);
    end if;
    return true;
end
$$;
