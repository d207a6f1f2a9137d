create or replace function outbox.watch(
    relation regclass, object text, id text default null, history boolean default false, row_bytes_max integer default 262144
) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Turns every committed change of a table into an event of an object: INSERT, UPDATE and DELETE become <object>.Create,
-- .Update and .Delete. Twice is once; called with other arguments it changes the watch.
-- Arguments:
--   relation       a plain table of the caller's
--   object         the name subscribers see, one word (Order)
--   id             a column or an immutable expression over the columns that names the row; default: the primary key,
--                  as text when it is one column, as a JSON array when it is several ([7, "a"])
--   history        keep events that no subscription wants
--   row_bytes_max  a row that holds more is sent without its data (payload_omitted)
-- Returns: the watch's id, as in outbox.watch.
-- Raises: OX002 not a table that can be watched; OX003 not the caller's; OX004 no id; OX005 name; OX009 limit; OX010 busy.
-- Locks: SHARE ROW EXCLUSIVE on relation, only when a trigger is missing.
-- Touches: creates three statement triggers on relation; outbox.register_watch() writes the catalogue.
declare
    _table    pg_class;
    _id       integer;
    _probe    regclass;
    _function text;
    _reason   text;
begin
    if watch.relation is null then
        raise exception 'relation is NULL' using errcode = 'OX002', hint = 'Name a table: outbox.watch(''public.orders'', ''Order'').';
    end if;
    select c.* into _table from pg_class c where c.oid = watch.relation;
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
        when exists (select from pg_inherits i where watch.relation in (i.inhparent, i.inhrelid))
            then 'tables with inheritance are not supported by this release'
    end;
    if _reason is not null then
        raise exception '% cannot be watched: %', watch.relation, _reason using errcode = 'OX002';
    end if;
    if not pg_has_role(current_user, _table.relowner, 'USAGE') then
        raise exception 'only the owner of % may watch it', watch.relation
            using errcode = 'OX003', hint = format('Log in as %s or a member of it.', _table.relowner::regrole);
    end if;

    _probe := outbox.probe_id(watch.relation, watch.id);
    _id := outbox.register_watch(watch.relation, watch.object, _probe, watch.history, watch.row_bytes_max);
    if _probe is not null then
        drop table pg_temp.outbox_id_probe;
    end if;
    _function := 'outbox.capture_' || _id;
    if (select count(*) from pg_trigger t where t.tgrelid = watch.relation and t.tgfoid = (_function || '()')::regprocedure) < 3 then
        perform outbox.lock_for_triggers(watch.relation, 'share row exclusive');
        -- Triggers of one kind fire by name: zz_ lets those of the user change rows first.
        execute format('create or replace trigger zz_outbox_%s_insert after insert on %s referencing new table as new_rows '
            'for each statement execute function %s()', _id, watch.relation, _function);
        execute format('create or replace trigger zz_outbox_%s_update after update on %s referencing old table as old_rows '
            'new table as new_rows for each statement execute function %s()', _id, watch.relation, _function);
        execute format('create or replace trigger zz_outbox_%s_delete after delete on %s referencing old table as old_rows '
            'for each statement execute function %s()', _id, watch.relation, _function);
    end if;
    perform outbox.seal_watch(_id);
    return _id;
end
$$;
