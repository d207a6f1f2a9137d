create or replace function outbox.require_home() returns void
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
-- Refuses a database that is a copy of another: restored from a dump, or made by CREATE DATABASE … TEMPLATE. Its open
-- deliveries are the original's, and POSTing them would reach real subscribers. outbox.claim() asks it before it hands out
-- anything, `outboxd run` when it starts.
-- Raises: OX020 when this is not the home that outbox.setting has on record, or none is.
-- Touches: select outbox.setting.
begin
    if not outbox.is_home() then
        raise exception 'this database is a copy of another and must not deliver: its home is %, this is %',
            coalesce((select quote_literal(s.home) from outbox.setting s), 'not on record'), quote_literal(outbox.home())
            using errcode = 'OX020', detail = 'Open deliveries were copied too: the original and this would both send them.',
                hint = 'When this one is to deliver from now on, and the original no more: select outbox.adopt_database().';
    end if;
end
$$;
