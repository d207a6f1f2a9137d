create or replace function outbox.readers() returns text[]
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    -- The transactions of this database, other than ours, that hold a snapshot now. What is found out about them holds for
    -- those that began before, and not for one that an idle writer elsewhere keeps from being new: pg_snapshot_xmin() would.
    -- Arguments: none.
    -- Returns: their virtual transaction ids; a server never gives one out twice between two starts. VACUUM by the server is left out.
    -- Touches: select pg_locks, pg_stat_activity (columns that everybody sees).
    select coalesce(array_agg(l.virtualtransaction), '{}')
    from pg_stat_activity a join pg_locks l on l.pid = a.pid and l.locktype = 'virtualxid' and l.mode = 'ExclusiveLock'
    where a.datname = current_database() and a.backend_xmin is not null and a.usesysid is not null and a.pid <> pg_backend_pid()
$$;
