create or replace function outbox.fan_out_max() returns integer
language sql immutable parallel safe
as $$
    -- Placeholder of the merge to come.
    -- Touches: nothing.
    select 200
$$;
