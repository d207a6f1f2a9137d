create or replace function outbox.signing_public_key(subscription bigint) returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
-- The public key to give to a subscriber, who verifies signatures of scheme v1a with it: that of the newest ed25519 key.
-- Arguments: subscription.
-- Returns: whpk_ and the key in base64.
-- Raises: OX028 there is no such key, or only its private half.
-- Touches: select outbox.signing_key.
declare
    _secret bytea := (
        select k.secret from outbox.signing_key k
        where k.subscription = signing_public_key.subscription and k.kind = 'v1a'
        order by k.retires_at desc nulls first, k.id desc limit 1);
begin
    if _secret is null then
        raise exception 'subscription % has no ed25519 key', coalesce(signing_public_key.subscription::text, 'NULL') using errcode = 'OX028',
            hint = 'outboxd signing-key makes one; outbox.set_signing_secret() takes it.';
    elsif length(_secret) <> 64 then
        raise exception 'the ed25519 key of subscription % is its seed alone', signing_public_key.subscription using errcode = 'OX028',
            detail = 'Postgres cannot compute the public half.', hint = 'outboxd signing-key --public prints it.';
    end if;
    return 'whpk_' || translate(encode(substr(_secret, 33), 'base64'), E'\n', '');
end
$$;
