create or replace function outbox.rotate_signing_secret(subscription bigint, overlap interval default '1 day', secret text default null) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Gives a subscription a new signing secret, which signs at once. The old ones of its kind go on signing beside it for a while, in the
-- same header, so that a receiver that holds either accepts every POST.
-- Arguments: subscription; overlap, for how long the old ones sign, up to 90 days; secret, as outbox.set_signing_secret() takes it;
--   default: a new one of 32 random bytes.
-- Returns: what the subscriber verifies with, whsec_… or whpk_…; null of one that the relay alone has, or of a whsk_ without its
--   public half.
-- Raises: OX008 no such subscription; OX009 secret; OX028 overlap, too many at a time, or none given where the relay has the old one.
-- Locks: the subscription: of two at once, the second retires what the first has made.
-- Touches: insert, update and delete outbox.signing_key; update outbox.subscription, so that relays read it anew.
declare
    _max constant integer := 8;
    _now timestamptz := clock_timestamp();
    _new record;
begin
    if rotate_signing_secret.overlap is null or rotate_signing_secret.overlap not between '0' and '90 days' then
        raise exception 'the overlap is not 0 to 90 days' using errcode = 'OX028', hint = 'The default is 1 day.';
    end if;
    select r.* into _new from outbox.read_signing_secret(coalesce(rotate_signing_secret.secret, 'whsec_' || translate(encode(
        sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'base64'), E'\n', ''))) r;
    update outbox.subscription s set updated_at = s.updated_at
    where s.id = rotate_signing_secret.subscription and s.status <> 'gone';
    if not found then
        raise exception 'no such subscription: %', coalesce(rotate_signing_secret.subscription::text, 'NULL') using errcode = 'OX008',
            hint = 'select id, subscriber, pattern from outbox.subscription';
    end if;
    if rotate_signing_secret.secret is null and exists (
        select from outbox.signing_key k
        where k.subscription = rotate_signing_secret.subscription and k.kind = 'reference' and coalesce(k.retires_at > _now, true))
    then
        raise exception 'the relay has the signing secret of subscription %', rotate_signing_secret.subscription using errcode = 'OX028',
            hint = 'Write the new one before the old one into its file, with a blank between them, and take the old one out later. Or give '
                'the new one: secret => ''ref:…''.';
    end if;
    delete from outbox.signing_key k where k.subscription = rotate_signing_secret.subscription and k.retires_at <= _now;
    if (select count(*) from outbox.signing_key k where k.subscription = rotate_signing_secret.subscription) >= _max then
        raise exception 'subscription % has % signing secrets already', rotate_signing_secret.subscription, _max using errcode = 'OX028',
            detail = 'Each adds to the header of every POST.',
            hint = 'Wait until the overlap of the oldest ends, or replace them at once with outbox.set_signing_secret().';
    end if;
    update outbox.signing_key k set retires_at = least(k.retires_at, _now + rotate_signing_secret.overlap)
    where k.subscription = rotate_signing_secret.subscription and (_new.kind = 'reference' or k.kind in (_new.kind, 'reference'));
    insert into outbox.signing_key (subscription, kind, secret, reference)
    values (rotate_signing_secret.subscription, _new.kind, _new.bytes, _new.reference);
    return case
        when _new.kind = 'v1' then 'whsec_' || translate(encode(_new.bytes, 'base64'), E'\n', '')
        when _new.kind = 'v1a' and length(_new.bytes) = 64
            then 'whpk_' || translate(encode(substr(_new.bytes, 33), 'base64'), E'\n', '')
    end;
end
$$;
