create or replace function outbox.payload_omitted(bytes bigint, bytes_max bigint) returns jsonb
language sql immutable parallel safe
as $$
    -- What an event carries instead of a row too large to send: subscribers fetch the object by its id.
    -- Arguments: bytes, about what the row holds; bytes_max, the limit it exceeds.
    -- Returns: {"payload_omitted": "<the reason as a sentence>"}.
    -- Touches: nothing.
    select jsonb_build_object('payload_omitted',
        format('the data holds about %s bytes, more than the limit of %s', payload_omitted.bytes, payload_omitted.bytes_max))
$$;
