create or replace function outbox.rate_left(rate double precision, tat timestamptz, at timestamptz) returns double precision
language sql immutable parallel safe
as $$
    -- How many POSTs a subscription with this rate may have made at that moment, by the generic cell rate algorithm: a POST moves
    -- tat on by 1 / rate, and may be made while that leaves it no more than a second ahead (or one POST, where one takes longer).
    -- So after a pause a second's worth goes at once.
    -- A tat that is further ahead than can be is of a lower rate, or of a clock that has been set back: it does not count.
    -- Arguments: rate, POSTs per second; tat, outbox.subscription_health.tat; at.
    -- Returns: a number with a fraction, up to a second's worth and at least up to 1; null without a rate.
    -- Touches: nothing.
    select greatest(pg_catalog.floor(rate), 1) - case
        when tat > at and extract(epoch from tat - at) * rate <= greatest(pg_catalog.floor(rate), 1) + 1
            then extract(epoch from tat - at)::double precision * rate
        else 0 end
$$;
