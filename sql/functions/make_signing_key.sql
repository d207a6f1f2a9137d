create or replace function outbox.make_signing_key() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Trigger on outbox.subscription, after INSERT: every subscription has a signing secret, 32 random bytes of its own.
-- Touches: insert outbox.signing_key.
begin
    if new.status <> 'gone' then
        -- gen_random_uuid() draws from the server's strong source; three give 366 bits for a 256-bit key.
        insert into outbox.signing_key (subscription, secret)
        values (new.id, sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));
    end if;
    return null;
end
$$;
