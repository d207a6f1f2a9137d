create or replace function outbox.set_signing_secret(subscription bigint, secret text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Replaces the signing secret of a subscription at once; outbox.rotate_signing_secret() lets the old one sign for a while longer.
-- Arguments: subscription; secret: one that the subscriber already holds, whsec_ and base64 as Standard Webhooks writes it (the
--   prefix may be missing), in place of others of that kind; whsk_ and an ed25519 key, in place of others of that kind; or ref:
--   and the name of a secret that the relay has, in place of all: then none is in the database.
-- Raises: OX008 no such subscription; OX009 not such a secret. The secret is never repeated.
-- Touches: delete and insert outbox.signing_key; update outbox.subscription, so that relays read it anew.
declare
    _new record;
begin
    select r.* into _new from outbox.read_signing_secret(set_signing_secret.secret) r;
    update outbox.subscription s set updated_at = s.updated_at
    where s.id = set_signing_secret.subscription and s.status <> 'gone';
    if not found then
        raise exception 'no such subscription: %', set_signing_secret.subscription using errcode = 'OX008';
    end if;
    delete from outbox.signing_key k
    where k.subscription = set_signing_secret.subscription and (_new.kind = 'reference' or k.kind in (_new.kind, 'reference'));
    insert into outbox.signing_key (subscription, kind, secret, reference)
    values (set_signing_secret.subscription, _new.kind, _new.bytes, _new.reference);
end
$$;
