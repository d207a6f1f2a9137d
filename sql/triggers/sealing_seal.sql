do $$
-- outbox.seal() runs once per transaction, when it commits. There is no CREATE OR REPLACE for a deferred trigger, and nothing about it to replace.
begin
    if not exists (
        select from pg_catalog.pg_trigger t where t.tgrelid = 'outbox.sealing'::pg_catalog.regclass and t.tgname = 'sealing_seal')
    then
        create constraint trigger sealing_seal after insert on outbox.sealing
            deferrable initially deferred for each row execute function outbox.seal();
    end if;
end
$$;
