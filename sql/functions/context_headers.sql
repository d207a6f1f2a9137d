create or replace function outbox.context_headers() returns jsonb
language sql stable
as $$
    -- The request headers that the transaction has set.
    -- Returns: null.
    -- Touches: nothing.
    select null::jsonb
$$;
