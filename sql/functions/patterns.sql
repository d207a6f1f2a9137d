create or replace function outbox.patterns(event_type text) returns text[]
language plpgsql immutable parallel safe
as $$
-- Every pattern that matches an event type: a.b.c is matched by a.b.c, a.b.*, a.* and *.
-- The writer looks subscriptions up by these few exact strings, so that the cost of a commit does not depend on how
-- many other subscriptions exist, and no derived routing table can be out of date.
-- On the writer's path: plpgsql because a function in SQL with more than an expression takes 100 us per call; every name
-- comes with its schema.
-- Arguments: event_type, as in outbox.event_type.name.
-- Returns: the patterns, the exact one first.
-- Touches: nothing.
declare
    _patterns pg_catalog.text[] := array[patterns.event_type];
    _rest     pg_catalog.text := patterns.event_type;
begin
    while pg_catalog.strpos(_rest, '.') operator(pg_catalog.>) 0 loop
        -- Without its last word: what a greedy match of a dot leaves.
        _rest := pg_catalog.regexp_replace(_rest, '\.[^.]*$', '');
        _patterns := _patterns operator(pg_catalog.||) (_rest operator(pg_catalog.||) '.*'::pg_catalog.text);
    end loop;
    return _patterns operator(pg_catalog.||) '*'::pg_catalog.text;
end
$$;
