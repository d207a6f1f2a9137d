create or replace function outbox.refuse_explained() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Deferred trigger on outbox.explaining: a transaction in which outbox.explain_open() was called cannot commit. SET CONSTRAINTS
-- ALL IMMEDIATE fires it too, and outbox.explain() needs that. So it asks again, deferred: at the commit there is nobody who
-- defers, and it is asked on and on, until it has been often enough.
-- Raises: OX018.
-- Touches: insert outbox.explaining.
begin
    if new.asked >= 100 then
        raise exception 'a transaction that subscribes to everything cannot commit' using errcode = 'OX018',
            detail = 'outbox.explain_open() was called in it.',
                hint = 'It is part of outbox.explain(), which rolls back what it does.';
    end if;
    set constraints outbox.explaining_refuse deferred;
    insert into outbox.explaining (xid, asked) values (new.xid, new.asked + 1) on conflict do nothing;
    return null;
end
$$;
