create or replace function outbox.fan_out_max() returns integer
language sql immutable parallel safe
as $$
    -- To how many subscriptions a commit makes the deliveries of one event itself. With more matches relays make them: a
    -- commit waits for about 10 us per delivery.
    -- Arguments: none.
    -- Returns: the number.
    -- Touches: nothing.
    select 200
$$;
