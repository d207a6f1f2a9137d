create or replace function outbox.patterns(event_type text) returns text[]
language plpgsql immutable parallel safe
as $$
-- Every pattern that matches an event type: a.b.c is matched by a.b.c, a.b.*, a.* and *. Events about subscriptions are not for *:
-- who wants all that happens in the tables must not be surprised by what happens in here.
-- The writer looks subscriptions up by these few exact strings, so that the cost of a commit does not depend on how
-- many other subscriptions exist, and no derived routing table can be out of date. Everything is named with its schema: commits
-- call it. PL/pgSQL keeps the plan; an SQL function is planned in each statement.
-- Arguments: event_type, as in outbox.event_type.name.
-- Returns: the patterns, the exact one first.
-- Touches: nothing.
declare
    _words    pg_catalog.text[] := pg_catalog.string_to_array(patterns.event_type, '.');
    _patterns pg_catalog.text[] := array[patterns.event_type];
begin
    for _n in reverse pg_catalog.cardinality(_words) operator(pg_catalog.-) 1 .. 1 loop
        _patterns := _patterns operator(pg_catalog.||) (pg_catalog.array_to_string(_words[1:_n], '.') operator(pg_catalog.||) '.*');
    end loop;
    if _words[1] operator(pg_catalog.=) 'outbox' and _words[2] operator(pg_catalog.=) 'subscription' then
        return _patterns;
    end if;
    return _patterns operator(pg_catalog.||) '*'::pg_catalog.text;
end
$$;
