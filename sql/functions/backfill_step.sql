create or replace function outbox.backfill_step(
    run bigint, batch integer default 1000, condition text default null,
    path text default pg_catalog.current_setting('search_path')
) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO' set intervalstyle = 'postgres' set bytea_output = 'hex' set extra_float_digits = 1
as $$
-- Does the next batch of a backfill, in the caller's transaction: for those who cannot CALL outbox.backfill(), such as cron. How
-- far it has come is committed with the events: whatever ends the caller, nothing is lost and nothing comes twice. A second
-- caller waits, and does the next batch.
--
-- A snapshot is never older than an event before it, nor newer than one after it. Rows of objects without a builder are locked
-- FOR SHARE from before they are read until the commit; of objects with one the lock is that of outbox.seal(). A writer must not
-- be caught in a deadlock: the first row is waited for while nothing else is locked, and the batch ends before the next one that
-- somebody has locked.
--
-- Arguments: run, as outbox.backfill_start() returns it; batch, how many rows at most; condition, that of the run, needed by
--   whoever has not begun it; path, the search_path by which it is understood: the caller's.
-- Returns: how many events were written; null when the run has ended.
-- Raises: OX003, OX009, OX017; whatever condition, builder or gate raise; 42501 who may not read root or, without a builder, not
--   lock its rows.
-- Locks: the run; the rows of root FOR SHARE, or outbox.object_head.
-- Touches: select root, with the rights of the caller; outbox.backfill_send() writes.
declare
    _plan    record;
    _zone    text := current_setting('TimeZone');
    _keys    text[];
    _locked  text[];
    _skipped text[];
    _ids     text[];
    _data    jsonb[];
    _all     boolean;
begin
    if backfill_step.batch is null or backfill_step.batch not between 1 and 100000 then
        raise exception 'batch is out of range: %', coalesce(backfill_step.batch::text, 'NULL')
            using errcode = 'OX009', detail = 'It is 1 to 100000 rows.';
    end if;
    select p.* into _plan from outbox.backfill_plan(backfill_step.run, backfill_step.condition) p;
    if _plan.keys is null then
        return null;
    end if;
    perform pg_catalog.set_config('search_path', backfill_step.path, true);
    execute pg_catalog.concat('select array(', _plan.keys, ')') into _keys using backfill_step.batch;
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    if cardinality(_keys) = 0 then
        perform outbox.backfill_send(backfill_step.run, null, 0, '{}', '{}', true);
        return 0;
    end if;
    _all := cardinality(_keys) < backfill_step.batch;
    if _plan.composite then
        perform set_config('TimeZone', 'UTC', true);
        execute format('select array(select d.outbox_id from (%s) as d)', _plan.data) into _ids using _keys;
        perform set_config('TimeZone', _zone, true);
        perform outbox.backfill_lock(backfill_step.run, _ids);
        -- Deleted meanwhile, or changed so that the condition is not true any more.
        perform pg_catalog.set_config('search_path', backfill_step.path, true);
        execute pg_catalog.concat('select array(', _plan.seen, ')') into _locked using _keys;
        perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    else
        perform pg_catalog.set_config('search_path', backfill_step.path, true);
        execute pg_catalog.concat('select array(', _plan.seen, ' for share)') into _locked using _keys[1:1];
        execute pg_catalog.concat('select array(', _plan.seen, ' for share skip locked)') into _skipped using _keys[2:];
        _locked := pg_catalog.array_cat(_locked, _skipped);
        execute pg_catalog.concat('select array(', _plan.seen, ')') into _skipped using _keys;
        perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        -- Seen and not locked: somebody else has it.
        _skipped := array(select s.key from unnest(_skipped) as s (key) where not exists (
            select from unnest(_locked) as l (key) where l.key = s.key));
        if cardinality(_skipped) > 0 then
            _keys := _keys[:(select min(k.n) - 1 from unnest(_keys) with ordinality as k (key, n)
                where k.key in (select s from unnest(_skipped) s))];
            _all := false;
        end if;
        _locked := array(select l from unnest(_locked) l where l in (select k from unnest(_keys) k));
    end if;
    perform set_config('TimeZone', 'UTC', true);
    execute format('select array_agg(d.outbox_id), array_agg(d.outbox_data) from (%s) as d', _plan.data) into _ids, _data
        using _locked;
    perform set_config('TimeZone', _zone, true);
    return outbox.backfill_send(backfill_step.run, _keys[cardinality(_keys)], cardinality(_keys),
        coalesce(_ids, '{}'), coalesce(_data, '{}'), _all);
end
$$;
