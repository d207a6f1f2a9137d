create or replace function outbox.home() returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Names the database that this session is in, so that a copy can be told from the original: its OID, which a rename keeps
-- and a restore or CREATE DATABASE does not, and where the caller may see it the identifier of its cluster. A physical
-- copy of the cluster has both.
-- Returns: as outbox.setting.home.
-- Touches: nothing.
declare
    _database text := (select d.oid::text from pg_database d where d.datname = current_database());
begin
    if has_function_privilege('pg_control_system()', 'EXECUTE') then
        return _database || '/' || (select c.system_identifier from pg_control_system() c);
    end if;
    return _database;
end
$$;
