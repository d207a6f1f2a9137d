create or replace function outbox.check_auth(auth jsonb, headers jsonb, http_allowed boolean) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
-- Refuses what is no way of proving who we are, and above all a secret where the name of one belongs: readers of
-- outbox.subscription see auth, and so does whoever has a dump.
-- Arguments: auth, by its type
--     {"type": "bearer", "secret": "NAME"}                       Authorization: Bearer …
--     {"type": "basic", "username": "us", "secret": "NAME"}      Authorization: Basic …
--     {"type": "header", "name": "X-Api-Key", "secret": "NAME"}  that header
--     {"type": "oauth2", "token_url": "https://…", "client_id": "us", "secret": "NAME", "scope": "hooks"}
--       Authorization: Bearer …, with a token that the relay fetches by client credentials; scope may be missing.
--   NAME is that of a file in the relay's folder of secrets, or of an environment variable of the relay, OUTBOXD_SECRET_NAME;
--   headers of the subscription; http_allowed, of outbox.setting.
-- Raises: OX027, never repeating more of auth than type and names of its parts; OX006, OX007 as check_url() and check_headers() do.
-- Touches: nothing.
declare
    _example constant text := 'For example {"type": "bearer", "secret": "acme-token"}, where acme-token is a file in the relay''s folder '
        'of secrets (--secrets), or the variable OUTBOXD_SECRET_ACME_TOKEN of the relay.';
    _type    text := check_auth.auth ->> 'type';
    _parts   text[];
    _part    text;
    _header  text;
begin
    if check_auth.auth is null then
        return;
    end if;
    _parts := case _type
        when 'bearer' then '{secret}'
        when 'basic' then '{username,secret}'
        when 'header' then '{name,secret}'
        when 'oauth2' then '{token_url,client_id,secret}'
    end;
    if jsonb_typeof(check_auth.auth) <> 'object' or _parts is null then
        raise exception 'auth is not of a type that is known' using errcode = 'OX027',
            detail = 'The types are bearer, basic, header and oauth2.', hint = _example;
    end if;
    foreach _part in array _parts loop
        if jsonb_typeof(check_auth.auth -> _part) is distinct from 'string' then
            raise exception 'auth of type % lacks %', _type, _part using errcode = 'OX027', hint = _example;
        end if;
    end loop;
    select k into _part from jsonb_object_keys(check_auth.auth) k
    where k <> 'type' and k <> all (_parts) and not (_type = 'oauth2' and k = 'scope') limit 1;
    if found then
        raise exception 'auth of type % has no part %', _type, quote_literal(left(_part, 40)) using errcode = 'OX027',
            detail = 'Secrets themselves, such as a token or a password, are not kept here: auth names one that the relay has.', hint = _example;
    end if;
    if check_auth.auth ->> 'secret' !~ '^[a-z][a-z0-9_.-]{0,62}$' then
        raise exception 'the secret of auth is not the name of a secret' using errcode = 'OX027',
            detail = 'A name begins with a lower-case letter and has up to 63 of a-z, 0-9, _, . and -. The secret itself does not belong here.',
            hint = _example;
    end if;
    if exists (
        select from jsonb_each(check_auth.auth) e
        where e.key in ('username', 'client_id', 'scope')
            and (jsonb_typeof(e.value) <> 'string' or (e.value #>> '{}') !~ '^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$'
                or length(e.value #>> '{}') > 1000 or e.key = 'username' and position(':' in e.value #>> '{}') > 0))
    then
        raise exception 'auth has a username, client_id or scope that cannot be sent' using errcode = 'OX027',
            hint = '1 to 1000 printable ASCII characters without blanks around them, and no colon in a username.';
    end if;
    if _type = 'oauth2' then
        perform outbox.check_url(check_auth.auth ->> 'token_url', check_auth.http_allowed);
    end if;
    _header := case when _type = 'header' then check_auth.auth ->> 'name' else 'Authorization' end;
    perform outbox.check_headers(jsonb_build_object(_header, 'x'));
    if exists (select from jsonb_object_keys(check_auth.headers) h where lower(h) = lower(_header)) then
        raise exception 'header % comes from headers and from auth', _header using errcode = 'OX027',
            hint = 'Take it out of headers: update outbox.subscription set headers = headers - ''' || _header || '''.';
    end if;
end
$$;
