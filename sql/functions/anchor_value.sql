create or replace function outbox.anchor_value(value jsonb) returns text
language plpgsql immutable parallel safe
as $$
-- A scalar as outbox.subscription.anchor has it. Values that containment takes for equal (1, 1.0) are equal here; the other way
-- round does not matter, because the filter itself decides in the end. On the writer's path: every name with its schema.
-- Arguments: value, or null where the data have none.
-- Returns: its text, or a digest of one of more than 64 bytes; null for objects and arrays.
-- Touches: nothing.
declare
    _type pg_catalog.text := pg_catalog.jsonb_typeof(anchor_value.value);
    _text pg_catalog.text := anchor_value.value operator(pg_catalog.#>>) '{}';
begin
    -- Not by a simple CASE: that looks an operator up.
    if _type operator(pg_catalog.=) 'number' then
        _text := pg_catalog.trim_scale(_text::pg_catalog.numeric)::pg_catalog.text;
    elsif _type operator(pg_catalog.=) 'null' then
        _text := 'null';
    elsif _type operator(pg_catalog.=) any ('{object,array}') then
        return null;
    end if;
    if pg_catalog.octet_length(_text) operator(pg_catalog.>) 64 then
        return pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(_text, 'UTF8')), 'hex');
    end if;
    return _text;
end
$$;
