create or replace function outbox.check_url(url text, http_allowed boolean) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
-- Refuses a URL that could not be posted to, or that means something else to another reader than to the one who wrote it:
-- credentials in it, an address spelt as a bare number, names that are not plain ASCII. endpoint:NAME stands for a URL that the
-- relay knows; a path and a query may follow, and are added to it. src/delivery/url_rules.rs has the same rules for that URL.
-- Arguments: url; http_allowed, whether http:// is taken as well as https:// (outbox.setting).
-- Raises: OX006, saying what is wrong and what to write instead; never more than the host of the URL is repeated.
-- Touches: nothing.
declare
    _authority text := substring(check_url.url from '^[a-zA-Z][a-zA-Z0-9+.-]*://([^/?#]*)');
    _host      text := substring(_authority from '^(\[[^]]*\]|[^:@]*)(:[^@]*)?$');
    -- Not after the first colon: those between brackets belong to the address.
    _port      text := substring(_authority from '^(?:\[[^]]*\]|[^]:[]*):(.*)$');
    _problem   text;
    _hint      text := 'For example https://hooks.example.com/orders.';
begin
    _problem := case
        when coalesce(check_url.url, '') = '' then 'it is empty'
        when length(check_url.url) > 2048 then 'it is longer than 2048 characters'
        when check_url.url ~ '[[:space:][:cntrl:]]' then 'it contains white space or a control character'
        when check_url.url ~ '[^\x21-\x7e]' then 'it contains characters outside ASCII: write the host in punycode (xn--) and percent-encode the rest'
        when check_url.url ~ '^endpoint:' and check_url.url !~ '^endpoint:[A-Za-z0-9_.-]{1,100}([/?]|$)'
            then 'endpoint: must be followed by a name of 1 to 100 letters, digits, _, . and -, and then by nothing, a path or a query'
        when _authority is null and check_url.url !~ '^endpoint:' then 'it is not absolute'
        when check_url.url ~ '^http://' and not check_url.http_allowed
            then 'http:// is not allowed here: use https://, or for trials set outbox.setting.http_allowed'
        when check_url.url !~ '^(https?://|endpoint:)' then 'its scheme is not https'
        when check_url.url ~ '[<>"\\^`{|}]' then 'it contains a character that must be percent-encoded'
        when position('#' in check_url.url) > 0 then 'it has a fragment (#), which is never sent'
        when check_url.url ~ '^endpoint:' then null
        when position('@' in _authority) > 0 then 'it has a user name or password: put credentials into a header'
        when coalesce(_host, '') = '' then 'it has no host'
        when _port is not null and (_port !~ '^[0-9]{1,5}$' or _port::integer not between 1 and 65535) then 'its port is not 1 to 65535'
        when _host like '%.' then 'its host ends in a dot'
        when left(_host, 1) = '[' and position('%' in _host) > 0 then 'its address has a zone'
        when left(_host, 1) = '[' and _host !~* '^\[[0-9a-f:]*:[0-9a-f:.]*\]$' then 'its host is not an IPv6 address'
        when left(_host, 1) <> '[' and _host !~ '^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?)*$'
            then 'its host is not a name'
        -- 2130706433, 0x7f.1, 127.1 and 0177.0.0.1 are all 127.0.0.1 to some resolvers.
        when _host ~* '^([0-9]+|0x[0-9a-f]*)(\.([0-9]+|0x[0-9a-f]*))*$'
            and _host !~ '^(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}$'
            then 'its host is a number: write an address as four decimal numbers'
    end;
    if _problem is null and check_url.url !~ '^endpoint:' and _host ~ '^(\[.*\]|[0-9.]*)$' then
        begin
            perform trim(both '[]' from _host)::inet;
        exception when invalid_text_representation then
            _problem := 'its host is not an IP address';
        end;
    end if;
    if _problem is not null then
        raise exception 'this URL cannot be subscribed%: %', coalesce(' (host ' || left(_host, 100) || ')', ''), _problem
            using errcode = 'OX006', hint = _hint;
    end if;
end
$$;
