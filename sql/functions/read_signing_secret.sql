create or replace function outbox.read_signing_secret(secret text, out kind text, out bytes bytea, out reference text)
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
-- A signing secret as it is written.
-- Arguments: secret: whsec_ and base64, or base64 alone; whsk_ and the base64 of an ed25519 key, the seed and the public key, or the seed
--   alone; ref: and the name of a secret that the relay has.
-- Returns: kind, bytes and reference, as outbox.signing_key has them.
-- Raises: OX009 none of these. The secret is never repeated.
-- Touches: nothing.
declare
    _secret text := trim(read_signing_secret.secret);
    _base64 text := regexp_replace(_secret, '^(whsec|whsk)_', '');
begin
    kind := case when _secret ~ '^ref:' then 'reference' when _secret ~ '^whsk_' then 'v1a' else 'v1' end;
    if kind = 'reference' then
        reference := substr(_secret, 5);
        if reference !~ '^[a-z][a-z0-9_.-]{0,62}$' then
            raise exception 'ref: is not followed by the name of a secret' using errcode = 'OX009',
                hint = 'A name begins with a lower-case letter and has up to 63 of a-z, 0-9, _, . and -: ref:acme-signing.';
        end if;
        return;
    end if;
    if _base64 is null or _base64 !~ '^[A-Za-z0-9+/]+={0,2}$' or length(_base64) % 4 <> 0 or length(_base64) > 684 then
        raise exception 'this is not a signing secret' using errcode = 'OX009',
            detail = 'It is whsec_ and the base64 of 24 to 64 random bytes, whsk_ and an ed25519 key, or ref: and the name of a secret of the relay''s.',
            hint = 'Leave it out and one is made; outboxd signing-key makes one of whsk_.';
    end if;
    bytes := decode(_base64, 'base64');
    if kind = 'v1a' and length(bytes) not in (32, 64) then
        raise exception 'this is not an ed25519 key: % bytes', length(bytes) using errcode = 'OX009',
            detail = 'whsk_ is followed by the base64 of 64 bytes, the seed and the public key, or of the 32 bytes of the seed.',
            hint = 'outboxd signing-key makes one.';
    elsif kind = 'v1' and length(bytes) not between 24 and 64 then
        raise warning 'the signing secret has % bytes; Standard Webhooks asks for 24 to 64', length(bytes);
    end if;
end
$$;
