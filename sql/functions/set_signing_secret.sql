create or replace function outbox.set_signing_secret(subscription bigint, secret text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Replaces the signing secret of a subscription by one that the subscriber already holds.
-- Arguments: subscription; secret, as Standard Webhooks writes it: whsec_ and base64 (the prefix may be missing).
-- Raises: OX008 no such subscription; OX009 not base64, or no bytes in it. The secret is never repeated.
-- Touches: delete and insert outbox.signing_key; update outbox.subscription, so that relays read it anew.
declare
    _text   text := regexp_replace(trim(set_signing_secret.secret), '^whsec_', '');
    _secret bytea;
begin
    if _text is null or _text !~ '^[A-Za-z0-9+/]+={0,2}$' or length(_text) % 4 <> 0 or length(_text) > 684 then
        raise exception 'this is not a signing secret' using errcode = 'OX009',
            detail = 'It is whsec_ and the base64 of 24 to 64 random bytes.', hint = 'Leave it out and one is made.';
    end if;
    _secret := decode(_text, 'base64');
    if length(_secret) not between 24 and 64 then
        raise warning 'the signing secret has % bytes; Standard Webhooks asks for 24 to 64', length(_secret);
    end if;
    update outbox.subscription s set updated_at = s.updated_at
    where s.id = set_signing_secret.subscription and s.status <> 'gone';
    if not found then
        raise exception 'no such subscription: %', set_signing_secret.subscription using errcode = 'OX008';
    end if;
    delete from outbox.signing_key k where k.subscription = set_signing_secret.subscription;
    insert into outbox.signing_key (subscription, secret) values (set_signing_secret.subscription, _secret);
end
$$;
