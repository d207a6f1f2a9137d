create or replace function outbox.check_watchable(relation regclass) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Refuses what cannot be watched, with the reason, and whoever may not watch it.
-- Arguments: relation.
-- Raises: OX002 not a table that can be watched; OX003 not the caller's.
-- Touches: select pg_class, pg_inherits.
declare
    _table  pg_class;
    _reason text;
begin
    if check_watchable.relation is null then
        raise exception 'relation is NULL' using errcode = 'OX002', hint = 'Name a table: outbox.watch(''public.orders'', ''Order'').';
    end if;
    select c.* into _table from pg_class c where c.oid = check_watchable.relation;
    _reason := case
        when _table.oid is null then 'no such table'
        when _table.relnamespace = 'outbox'::regnamespace then 'it belongs to outboxd itself'
        when _table.relnamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) then 'it is a system catalogue'
        when _table.relkind = 'v' then 'it is a view: watch the tables under it'
        when _table.relkind = 'm' then 'it is a materialized view: watch the tables under it'
        when _table.relkind = 'f' then 'it is a foreign table: its changes are committed elsewhere'
        when _table.relkind = 'p' or _table.relispartition then 'partitioned tables are not supported by this release'
        when _table.relkind <> 'r' then 'it is not a table'
        when _table.relpersistence = 't' then 'it is a temporary table'
        when exists (select from pg_inherits i where check_watchable.relation in (i.inhparent, i.inhrelid))
            then 'tables with inheritance are not supported by this release'
    end;
    if _reason is not null then
        raise exception '% cannot be watched: %', check_watchable.relation, _reason using errcode = 'OX002';
    end if;
    if not pg_has_role(current_user, _table.relowner, 'USAGE') then
        raise exception 'only the owner of % may watch it', check_watchable.relation
            using errcode = 'OX003', hint = format('Log in as %s or a member of it.', _table.relowner::regrole);
    end if;
end
$$;
