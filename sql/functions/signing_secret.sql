create or replace function outbox.signing_secret(subscription bigint) returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
-- The secret to give to a subscriber, who verifies the webhook-signature header with it.
-- Arguments: subscription.
-- Returns: whsec_ and the secret in base64, as Standard Webhooks libraries take it.
-- Raises: OX008 no such subscription.
-- Touches: select outbox.signing_key.
declare
    _secret text := (
        select 'whsec_' || translate(encode(k.secret, 'base64'), E'\n', '')
        from outbox.signing_key k where k.subscription = signing_secret.subscription order by k.id desc limit 1);
begin
    if _secret is null then
        raise exception 'no such subscription: %', coalesce(signing_secret.subscription::text, 'NULL') using errcode = 'OX008',
            hint = 'select id, subscriber, pattern from outbox.subscription';
    end if;
    return _secret;
end
$$;
