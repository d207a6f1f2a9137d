create or replace function outbox.anchor_value(value jsonb) returns text
language plpgsql immutable parallel safe
as $$
-- A scalar as outbox.subscription.anchor has it. Values that containment takes for equal (1, 1.0) are equal here; the other way
-- round does not matter, because the filter itself decides in the end. On the writer's path: every name with its schema.
-- Arguments: value, or null where the data have none.
-- Returns: its text, or a digest of one of more than 64 bytes; null for objects and arrays.
-- Touches: nothing.
declare
    _text pg_catalog.text := case pg_catalog.jsonb_typeof(anchor_value.value)
        when 'number' then
            pg_catalog.trim_scale((anchor_value.value operator(pg_catalog.#>>) '{}')::pg_catalog.numeric)::pg_catalog.text
        when 'string' then anchor_value.value operator(pg_catalog.#>>) '{}'
        when 'boolean' then anchor_value.value operator(pg_catalog.#>>) '{}'
        when 'null' then 'null'
    end;
begin
    if pg_catalog.octet_length(_text) operator(pg_catalog.>) 64 then
        return pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(_text, 'UTF8')), 'hex');
    end if;
    return _text;
end
$$;
