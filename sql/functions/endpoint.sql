create or replace function outbox.endpoint(url text) returns text
language sql immutable parallel safe
as $$
    -- A URL without its query, which may hold a token: what views show.
    -- Arguments: url.
    -- Returns: scheme, host and path, or endpoint:NAME and path.
    -- Touches: nothing.
    select split_part(endpoint.url, '?', 1)
$$;
