do $$
-- outbox.refuse_explained() runs when a transaction commits. There is no CREATE OR REPLACE for a deferred trigger, and nothing
-- about it to replace.
begin
    if not exists (
        select from pg_catalog.pg_trigger t where t.tgrelid = 'outbox.explaining'::pg_catalog.regclass
            and t.tgname = 'explaining_refuse')
    then
        create constraint trigger explaining_refuse after insert on outbox.explaining
            deferrable initially deferred for each row execute function outbox.refuse_explained();
    end if;
end
$$;
