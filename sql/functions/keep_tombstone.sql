create or replace function outbox.keep_tombstone() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Trigger on outbox.subscription, after DELETE: the row stays as a tombstone of status 'gone'. Writers that began before
-- the DELETE may still add deliveries for it, and history should go on naming it. outbox.cancel_gone() cancels what is
-- open and in the end deletes the tombstone, which this trigger lets happen. The secret goes at once: the
-- definer's right, since nobody who may delete a subscription may read outbox.signing_key.
-- Touches: insert outbox.subscription; delete outbox.signing_key, outbox.allowance.
declare
    _spent     boolean;
    _delivered integer;
begin
    delete from outbox.signing_key k where k.subscription = old.id;
    delete from outbox.allowance a where a.subscription = old.id returning a.spent, a.delivered into _spent, _delivered;
    if old.status <> 'gone' then
        old.status := 'gone';
        old.gone_reason := coalesce(old.gone_reason, case
            when old.expires_at <= clock_timestamp() then 'the subscription expired at ' || old.expires_at
            when _spent then format('the subscription has had its %s deliveries', _delivered) end);
        old.headers := '{}';
        old.auth := null;
        old.version := old.version + 1;
        old.updated_at := clock_timestamp();
        old.updated_by := session_user;
        old.updated_xid := pg_current_xact_id();
        -- All columns there are but the generated one.
        execute (
            select format('insert into outbox.subscription (%1$s) select %1$s from (select ($1).*) t',
                string_agg(quote_ident(a.attname), ', '))
            from pg_attribute a
            where a.attrelid = 'outbox.subscription'::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = '')
            using old;
        -- Its open deliveries are to be cancelled.
        perform outbox.ring();
    end if;
    return null;
end
$$;
