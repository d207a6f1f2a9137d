create or replace function outbox.watch(
    relation regclass, object text, id text default null, history boolean default null, row_bytes_max integer default 262144,
    only_columns text[] default null, ignored_columns text[] default null, condition text default null, verbs jsonb default null,
    mode text default null, data text default null, through text default null, path text default pg_catalog.current_setting('search_path')
) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Turns every committed change of a table into an event of an object: INSERT, UPDATE and DELETE become <object>.Create,
-- .Update and .Delete; of an object with a builder (outbox.define_object()) the table becomes a member, and its changes Updates. Twice
-- is once; called with other arguments it changes the watch.
-- A partitioned table is watched with all its partitions, and a table that others inherit from with those: one watch, whichever of them a
-- statement names. What comes later is in the view outbox.unwatched until outbox.rewatch() is called. A row that moves between partitions has
-- another key; where id names it without that, Delete and Create come to an Update in one transaction. Of a table that inherits, the columns of relation are sent, and they name it: its id should be unique over all of them.
-- TRUNCATE is no event: it does not say which rows it took, and neither is anything under session_replication_role = replica,
-- where Postgres fires no ordinary triggers: logical replication into a watched table, restoring by pg_restore --disable-triggers.
-- Arguments:
--   relation       a table of the caller's, plain or partitioned
--   object         the name subscribers see, one word (Order)
--   id             a column or an immutable expression over the columns that names the object; default: the primary key,
--                  as text when it is one column, as a JSON array when it is several ([7, "a"])
--   history        keep events that no subscription wants (false)
--   row_bytes_max  a row that holds more is sent without its data (payload_omitted)
--   only_columns, ignored_columns  UPDATEs of other columns, or of these alone, are no event
--   condition      an expression over the rows old and new that must be true of a change; on INSERT all of old is NULL, on DELETE
--                  all of new
--   verbs          event types of their own for UPDATEs: {"Order.Pay": "new.status = 'PAID' and old.status <> 'PAID'"}; the first
--                  that holds counts
--   mode           each: an event per changed row and statement; transaction: one per object and transaction, with what came of it
--                  (default); latest: that, and it takes the place of older ones that are still waiting
--   data           full: the row (default); diff: old and new of the columns that changed; key: the primary key
--   through        of a member: how changed rows lead to objects, a query of ids over the relation `changed`, or a function of an
--                  array of the table's rows that returns ids
--   path           the search_path by which names are understood: the caller's
-- history, mode and data belong to the object: when not given they stay as they are.
-- Returns: the watch's id, as in outbox.watch.
-- Raises: OX002 not a table that can be watched; OX003 not the caller's; OX004 no id, condition; OX005 name; OX009 limit; OX010 busy;
--   OX015 through.
-- Locks: SHARE ROW EXCLUSIVE on relation and all that belongs to it, only when a trigger is missing.
-- Touches: outbox.add_triggers() creates the triggers, outbox.register_watch() writes the catalogue.
declare
    _id         integer;
    _id_probe   regclass;
    _conditions regclass;
    _types      text[] := array(select key from jsonb_each(watch.verbs) with ordinality as v (key, value, n) order by n);
    _texts      text[] := array(select value #>> '{}' from jsonb_each(watch.verbs) with ordinality as v (key, value, n) order by n);
    _through    text;
    _made       text;
begin
    perform outbox.check_watchable(watch.relation);
    perform outbox.take_over(watch.relation, watch.object);
    _made := (select w.through from outbox.watches_of(watch.relation) w where w.relation = watch.relation and w.object = watch.object);
    if watch.through is not null then
        _through := outbox.make_through(watch.relation, watch.object, watch.through, watch.path);
    end if;
    _id_probe := outbox.probe_id(watch.relation, watch.id);
    _conditions := outbox.probe_conditions(watch.relation, array[watch.condition] || _texts);
    _id := outbox.register_watch(watch.relation, watch.object, _id_probe, _conditions, _types, watch.history, watch.row_bytes_max,
        watch.only_columns, watch.ignored_columns, watch.mode, watch.data, _through);
    if _id_probe is not null then
        drop table pg_temp.outbox_id_probe;
    end if;
    if _conditions is not null then
        drop table pg_temp.outbox_condition_probe, pg_temp.outbox_pair_probe;
    end if;
    perform outbox.add_triggers(watch.relation, _id);
    perform outbox.seal_watch(_id);
    if _made <> coalesce(_through, '') then
        perform outbox.drop_through(watch.relation, _made);
    end if;
    return _id;
end
$$;
