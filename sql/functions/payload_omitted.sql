create or replace function outbox.payload_omitted(bytes_max bigint) returns jsonb
language sql immutable parallel safe
as $$
    -- What an event carries instead of data too large to send: subscribers fetch the object by its id.
    -- Everything is named with its schema: it is called, and inlined, with the search_path of whoever writes.
    -- Arguments: bytes_max, the limit that the data exceeds.
    -- Returns: {"payload_omitted": "<the reason as a sentence>"}.
    -- Touches: nothing.
    select pg_catalog.jsonb_build_object('payload_omitted',
        pg_catalog.concat('the data holds more than ', payload_omitted.bytes_max::pg_catalog.text, ' bytes'))
$$;
