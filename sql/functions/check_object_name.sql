create or replace function outbox.check_object_name(object text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
-- Refuses what is no name for an object.
-- Arguments: object.
-- Raises: OX005.
-- Touches: nothing.
begin
    if check_object_name.object is null or check_object_name.object !~ '^[A-Za-z0-9_]+$' or length(check_object_name.object) > 100 then
        raise exception 'not a name for an object: %', coalesce(quote_literal(left(check_object_name.object, 200)), 'NULL')
            using errcode = 'OX005', detail = 'It is one word of letters, digits and _, at most 100 characters.',
                hint = 'For example Order: its events are then Order.Create, Order.Update and Order.Delete.';
    end if;
end
$$;
