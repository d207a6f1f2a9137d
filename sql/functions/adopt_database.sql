create or replace function outbox.adopt_database() returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Makes the database that this session is in the one that delivers: after a restore, an upgrade by pg_upgrade, and on
-- purpose. Relays go on, or begin, within seconds. Twice is once.
-- Returns: its name in outbox.setting.home.
-- Touches: update outbox.setting, or insert its one row.
declare
    _home text := outbox.home();
begin
    insert into outbox.setting as s (home) values (_home)
    on conflict on constraint setting_pkey do update set home = excluded.home where s.home is distinct from excluded.home;
    return _home;
end
$$;
