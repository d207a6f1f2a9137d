create or replace function outbox.require_object_owner(object text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Refuses whoever is not the owner of an object to give it events: subscribers trust its name.
-- Arguments: object; one that is not known yet belongs to nobody.
-- Raises: OX003.
-- Touches: select outbox.object.
declare
    _owner regrole := (select o.owner from outbox.object o where o.name = require_object_owner.object);
begin
    if _owner is not null and exists (select from pg_roles r where r.oid = _owner) and not pg_has_role(session_user, _owner, 'MEMBER') then
        raise exception 'object % belongs to %', require_object_owner.object, _owner
            using errcode = 'OX003', hint = format('Log in as %s or a member of it, or take another name.', _owner);
    end if;
end
$$;
