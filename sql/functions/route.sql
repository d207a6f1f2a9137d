create or replace function outbox.route(event_type text, data jsonb default 'null', object_id text default null,
    source text default null)
returns table (subscription bigint, subscriber text, pattern text, matches boolean, reason text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Who would get an event, and why the others would not. Nothing is written.
-- Arguments: event_type, from the catalogue; data and object_id, of the event; source, under which outbox.source the change is
--   made.
-- Returns: one row per subscription, those that match first.
-- Raises: OX001, OX005 not an event type.
-- Touches: select outbox.subscription, outbox.event_type.
begin
    if not exists (select from outbox.event_type t where t.name = route.event_type) then
        perform outbox.require_event_type(route.event_type);
        raise exception '% is a pattern, not an event type', route.event_type using errcode = 'OX005';
    end if;
    return query
    select s.id, s.subscriber, s.pattern, m.why_not is null,
        coalesce(m.why_not, outbox.match_words(s.pattern, s.object_id, s.filter, s.filter_path, s.exclude_source, s.status))
    from outbox.subscription s
        cross join lateral outbox.mismatch(s.pattern, s.object_id, s.filter, s.filter_path, s.exclude_source, s.status,
            route.event_type, coalesce(route.data, 'null'), outbox.short_id(route.object_id), nullif(route.source,
                '')) as m (why_not)
    where s.status <> 'gone'
    order by m.why_not is not null, s.id;
end
$$;
