create or replace function outbox.due_leaves(moment timestamptz) returns table (leaf text, slot smallint, written_on date)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- The leaves of the ring that have had their time: the last day on which one was written ended `retention` ago or more.
-- Judged by what is in the leaf and not by the calendar alone: a leaf that could not be emptied in time (nobody ran a relay,
-- somebody held a lock) holds two days' rows, and the younger ones have their time before them. The newest hundred
-- rows speak for the leaf, so that one row from a clock that stood wrong does not.
-- Never the leaf that is written now, nor within ten minutes of that: a statement may have computed its slot before midnight.
-- Arguments: moment, when it is.
-- Returns: leaves that have rows or had some that were moved, oldest first; written_on is the last UTC day on which the leaf was written.
-- Touches: select outbox.setting, outbox.turn and the newest rows of each leaf, by its primary key.
begin
    return query
    with written as (
        select 'event_' || n as leaf, n::smallint as slot, (
            select max(e.occurred_at at time zone 'UTC')::date
            from (select e.occurred_at from outbox.event e where e.slot = n::smallint order by e.id desc limit 100) e) as day
        from generate_series(0, 7) n
        union all
        -- An attempt is in the leaf of the day on which its outcome was recorded: the first with this slot since it began.
        select 'attempt_' || n, n::smallint, (
            select max((a.started_at at time zone 'UTC')::date + mod(n - outbox.slot(a.started_at) + 8, 8))
            from (select a.started_at from outbox.attempt a where a.slot = n::smallint order by a.id desc limit 100) a)
        from generate_series(0, 7) n
    )
    select w.leaf, w.slot, w.day
    from (
        -- All that was in it may have been moved: there is still to be emptied what that left.
        select i.leaf, i.slot, coalesce(i.day, (select t.written_on from outbox.turn t where t.leaf = i.leaf)) as day
        from written i
    ) w cross join outbox.setting s
    where ((w.day + 1)::timestamp + s.retention) at time zone 'UTC' <= due_leaves.moment
        and w.slot not in (outbox.slot(due_leaves.moment - interval '10 min'), outbox.slot(due_leaves.moment + interval '10 min'))
        -- Somebody may have dropped it: then its rows are in the kept leaf, and outbox.purge_old() has an eye on them.
        and to_regclass('outbox.' || w.leaf) is not null
    order by w.day, w.leaf;
end
$$;
