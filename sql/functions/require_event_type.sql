create or replace function outbox.require_event_type(pattern text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Refuses what the catalogue of event types does not know, and says what it does know under the same first word.
-- Arguments: pattern, an event type or a pattern of event types (a.b.c, a.b.*, a.*, *).
-- Raises: OX005 when it is not well formed; OX001 when no event type in the catalogue matches it.
-- Touches: select outbox.event_type.
declare
    _known text;
begin
    if require_event_type.pattern is null
        or require_event_type.pattern !~ '^(\*|[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*(\.\*)?)$'
        or length(require_event_type.pattern) > 200
    then
        raise exception 'not an event type or pattern: %', coalesce(quote_literal(left(require_event_type.pattern, 200)), 'NULL')
            using errcode = 'OX005',
                detail = 'An event type is words of letters, digits and _ joined by dots, at most 200 characters.',
                hint = 'A pattern ends in .* after one or more words (Order.*), or is * alone.';
    end if;
    if require_event_type.pattern = '*'
        or exists (
            select from outbox.event_type t where require_event_type.pattern = any (outbox.patterns(t.name))
        )
    then
        return;
    end if;
    select string_agg(t.name, ', ' order by t.name) into _known
    from (
        select name from outbox.event_type
        where split_part(name, '.', 1) = split_part(require_event_type.pattern, '.', 1)
        order by name limit 20
    ) t;
    raise exception 'unknown event type: %', require_event_type.pattern
        using errcode = 'OX001',
            detail = coalesce(
                'Known under ' || quote_literal(split_part(require_event_type.pattern, '.', 1)) || ': ' || _known || '.',
                'No event type begins with ' || quote_literal(split_part(require_event_type.pattern, '.', 1)) || '.'),
            hint = 'A watch declares the types of its object; others are declared by outbox.define_event_type(name, description). '
                'All of them: select name from outbox.event_type.';
end
$$;
