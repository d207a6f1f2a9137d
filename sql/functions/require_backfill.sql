create or replace function outbox.require_backfill(object text) returns outbox.object
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Refuses an object that cannot be backfilled, and whoever may not: its events tell what is in the tables of its owner. An
-- administrator may, where no code of the owner's would run with his rights: comparing and writing out keys of a type that the
-- owner made is such code.
-- Arguments: object.
-- Returns: the row of the catalogue.
-- Raises: OX003; OX017 no such object, or one without a root.
-- Touches: select outbox.object, outbox.watch, pg_class, pg_attribute.
declare
    _object outbox.object := (select o from outbox.object o where o.name = require_backfill.object);
    _owner  oid := (select c.relowner from pg_class c where c.oid = _object.root);
begin
    if _object.name is null then
        raise exception 'there is no object %', coalesce(quote_literal(left(require_backfill.object, 100)), 'NULL')
            using errcode = 'OX017', hint = 'Objects are made by outbox.watch() and outbox.define_object(): select name from outbox.object.';
    elsif _owner is null or not exists (select from outbox.watch w where w.object = _object.name
        and w.relation = _object.root) then
        raise exception 'object % has no root, whose rows are the objects', _object.name using errcode = 'OX017',
            hint = 'One watched table is the root by itself; outbox.define_object(object, root, …) names one of several.';
    elsif pg_has_role(session_user, _owner, 'MEMBER') then
        return _object;
    elsif not coalesce(pg_has_role(session_user, to_regrole('outbox_admin'), 'MEMBER'), false) then
        raise exception 'only the owner of % may backfill object %', _object.root, _object.name using errcode = 'OX003',
            hint = format('Log in as %s or a member of it.', _owner::regrole);
    elsif not outbox.capture_is_trusted(_object.root) and exists (
        select from outbox.watch w join pg_attribute a on a.attrelid = w.relation and a.attname = any (w.key_columns)
        where w.object = _object.name and w.relation = _object.root and a.atttypid >= 16384)
    then
        raise exception 'object % has a key of a type that is not of Postgres itself: only the owner of % may backfill it',
            _object.name, _object.root
            using errcode = 'OX003', hint = format('Log in as %s or a member of it.', _owner::regrole);
    end if;
    return _object;
end
$$;
