create or replace function outbox.copied_headers(event outbox.event, headers jsonb) returns jsonb
language sql stable
as $$
    -- The request headers that a subscription copies from an event: each is the first that its jsonpath finds in what
    -- outbox.body() gives, if that is a string, a number or a boolean.
    -- Arguments: event, a row of outbox.event; headers, as in outbox.subscription.
    -- Returns: an object of name and value as text, which the relay checks; null when there is none.
    -- Touches: nothing.
    with body as materialized (select outbox.body(copied_headers.event)::jsonb as body)
    select jsonb_object_agg(h.key, v.value #>> '{}')
    from jsonb_each(copied_headers.headers) h
        cross join body b
        cross join lateral jsonb_path_query_first(b.body, (h.value ->> 'copy')::jsonpath, '{}', true) as v (value)
    where jsonb_typeof(h.value) = 'object' and jsonb_typeof(v.value) in ('string', 'number', 'boolean')
$$;
