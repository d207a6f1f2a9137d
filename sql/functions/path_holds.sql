create or replace function outbox.path_holds(data jsonb, path jsonpath) returns boolean
language plpgsql stable cost 1000
as $$
-- Whether a subscription's filter_path is true of data. What is not true is no match, errors included: operator @@ suppresses
-- most of them, but not a comparison that would depend on a session's time zone, nor data that are nested too deep. On the
-- writer's path: every name with its schema, and nothing here fails the writer.
-- Arguments: data; path, a jsonpath predicate.
-- Returns: true or false.
-- Touches: nothing.
begin
    return coalesce(path_holds.data operator(pg_catalog.@@) path_holds.path, false);
exception when others then
    return false;
end
$$;
