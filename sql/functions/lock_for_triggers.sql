create or replace function outbox.lock_for_triggers(relation regclass, mode text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $$
-- Takes the lock that creating or dropping a trigger needs, without ever standing in the queue for long: everything that
-- comes after a waiting lock waits too, so it gives up after 2 s, lets the others pass and tries again, five times.
-- Arguments: relation, a table of the caller's; mode, share row exclusive (to create) or access exclusive (to drop).
-- Raises: OX010 when the table was busy all the time.
-- Locks: relation, in that mode, until the end of the transaction.
-- Touches: nothing.
begin
    for _try in 1..5 loop
        begin
            execute format('lock table %s in %s mode', lock_for_triggers.relation,
                case lock_for_triggers.mode when 'access exclusive' then 'access exclusive' else 'share row exclusive' end);
            return;
        exception when lock_not_available then
            perform pg_sleep(0.1 * _try);
        end;
    end loop;
    raise exception 'table % is busy: its lock was not to be had in five tries of 2 s', lock_for_triggers.relation
        using errcode = 'OX010',
            hint = 'Try again; pg_stat_activity and pg_blocking_pids() show which session holds it.';
end
$$;
