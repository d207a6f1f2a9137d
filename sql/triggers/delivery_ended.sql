do $$
-- Made where it is not there yet: to replace it takes a lock that every open transaction of a writer holds up, and there is nothing to replace.
begin
    if not exists (
        select from pg_catalog.pg_trigger t
        where t.tgrelid = 'outbox.delivery'::pg_catalog.regclass and t.tgname = 'delivery_ended')
    then
        create trigger delivery_ended after delete on outbox.delivery
            referencing old table as gone for each statement execute function outbox.note_ended();
    end if;
end
$$;
