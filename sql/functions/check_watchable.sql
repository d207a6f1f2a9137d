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
    _parent regclass := (select i.inhparent from pg_inherits i where i.inhrelid = check_watchable.relation order by i.inhseqno limit 1);
    _far    regclass := (
        select c.oid from outbox.descendants(check_watchable.relation) d join pg_class c on c.oid = d where c.relkind = 'f' limit 1);
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
        when _table.relkind not in ('r', 'p') then 'it is not a table'
        when _table.relpersistence = 't' then 'it is a temporary table'
        when _table.relispartition then format('it is a partition of %s: watch that, which covers it', _parent)
        when _parent is not null then format('it inherits from %s, through which its rows are written too: watch that, which covers it', _parent)
        -- Postgres cannot collect their rows for a trigger of the parent's: it fails the statement, or loses them.
        when _far is not null then format('%s, a part of it, is a foreign table: its changes are committed elsewhere', _far)
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
