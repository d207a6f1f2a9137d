create or replace function outbox.context_headers() returns jsonb
language plpgsql stable
as $$
-- The request headers that the transaction has set for its events: for each name in outbox.setting.context_headers what
-- outbox.header.<name in lower case, with _ for -> says. Everything is named with its schema and nothing is set, because
-- writers run this with the rights of the owner of schema outbox. It takes any value: relays skip what they cannot send.
-- Returns: an object of name and value; null when nothing is set.
-- Touches: select outbox.setting.
declare
    _names pg_catalog.text[];
begin
    select s.context_headers into _names from outbox.setting as s;
    if pg_catalog.cardinality(_names) operator(pg_catalog.>) 0 then
        return (
            select pg_catalog.jsonb_object_agg(n.name, v.value)
            from pg_catalog.unnest(_names) as n (name)
                cross join lateral pg_catalog.current_setting(
                    'outbox.header.' operator(pg_catalog.||) pg_catalog.lower(pg_catalog.replace(n.name, '-', '_')), true) as v (value)
            -- Once set in a session, what is not set reads as ''. Longer ones could not be sent.
            where pg_catalog.length(v.value) operator(pg_catalog.>=) 1 and pg_catalog.length(v.value) operator(pg_catalog.<=) 8192);
    end if;
    return null;
end
$$;
