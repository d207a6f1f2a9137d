create or replace function outbox.require_home() returns void
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
-- Refuses a database that is a copy of another: restored from a dump, or made by CREATE DATABASE … TEMPLATE. Its open
-- deliveries are the original's, and POSTing them would reach real subscribers. outbox.claim() asks it before it hands out
-- anything, `outboxd run` when it starts.
-- Raises: OX020 when this is not the home that outbox.setting has on record, or none is.
-- Touches: select outbox.setting.
declare
    _recorded text := (select s.home from outbox.setting s);
    _found    text := outbox.home();
begin
    -- The cluster counts where it was on record and can be seen now: the right to see it may come and go.
    if _recorded is null or split_part(_recorded, '/', 1) <> split_part(_found, '/', 1)
        or split_part(_recorded, '/', 2) <> split_part(_found, '/', 2)
            and '' not in (split_part(_recorded, '/', 2), split_part(_found, '/', 2))
    then
        raise exception 'this database is a copy of another and must not deliver: its home is %, this is %',
            coalesce(quote_literal(_recorded), 'not on record'), quote_literal(_found)
            using errcode = 'OX020', detail = 'Open deliveries were copied too: the original and this would both send them.',
                hint = 'When this one is to deliver from now on, and the original no more: select outbox.adopt_database().';
    end if;
end
$$;
