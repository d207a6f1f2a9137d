create or replace function outbox.signing_secret(subscription bigint) returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
-- The secret to give to a subscriber, who verifies the webhook-signature header with it: the newest.
-- Arguments: subscription.
-- Returns: whsec_ and the secret in base64, as Standard Webhooks libraries take it.
-- Raises: OX008 no such subscription; OX028 it has none in the database.
-- Touches: select outbox.signing_key.
declare
    _secret text := (
        select 'whsec_' || translate(encode(k.secret, 'base64'), E'\n', '')
        from outbox.signing_key k
        where k.subscription = signing_secret.subscription and k.kind = 'v1' order by k.retires_at desc nulls first, k.id desc limit 1);
    _reference text := (
        select k.reference from outbox.signing_key k
        where k.subscription = signing_secret.subscription and k.kind = 'reference' order by k.id desc limit 1);
begin
    if _reference is not null then
        raise exception 'the relay has the signing secret of subscription %, as %', signing_secret.subscription, _reference
            using errcode = 'OX028', hint = 'It is not in the database.';
    elsif _secret is null and exists (
        select from outbox.subscription s where s.id = signing_secret.subscription and s.status <> 'gone')
    then
        raise exception 'subscription % has no signing secret in the database', signing_secret.subscription using errcode = 'OX028',
            hint = 'A dump may have left it out. Give it the one its subscriber holds, outbox.set_signing_secret(), or a new one, '
                'outbox.rotate_signing_secret(); where there is an ed25519 key, see outbox.signing_public_key().';
    elsif _secret is null then
        raise exception 'no such subscription: %', coalesce(signing_secret.subscription::text, 'NULL') using errcode = 'OX008',
            hint = 'select id, subscriber, pattern from outbox.subscription';
    end if;
    return _secret;
end
$$;
