create or replace function outbox.patterns(event_type text) returns text[]
language sql immutable parallel safe
as $$
    -- Every pattern that matches an event type: a.b.c is matched by a.b.c, a.b.*, a.* and *.
    -- The writer looks subscriptions up by these few exact strings, so that the cost of a commit does not depend on how
    -- many other subscriptions exist, and no derived routing table can be out of date.
    -- Arguments: event_type, as in outbox.event_type.name.
    -- Returns: the patterns, the exact one first.
    -- Touches: nothing.
    select array[patterns.event_type]
        || array(
            select array_to_string(words[1:n], '.') || '.*'
            from string_to_array(patterns.event_type, '.') as words, generate_series(cardinality(words) - 1, 1, -1) as n
        )
        || array['*']
$$;
