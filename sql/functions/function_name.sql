create or replace function outbox.function_name(signature text) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    -- The name of a function without its argument types, to be called by.
    -- Arguments: signature, as regprocedure writes it with every schema: app.shipment(uuid).
    -- Returns: app.shipment.
    -- Touches: nothing.
    select substring(function_name.signature from '^(.*)\([^()]*\)$')
$$;
