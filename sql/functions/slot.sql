create or replace function outbox.slot(moment timestamptz) returns smallint
language sql immutable parallel safe
as $$
    -- The leaf of the ring that a row written at `moment` belongs to: one leaf per UTC day, eight leaves in turn.
    -- Arguments: moment, when the row is written.
    -- Returns: 0..7, the slot column of outbox.event and outbox.attempt.
    -- Touches: nothing.
    select ((floor(extract(epoch from moment) / 86400)::bigint % 8 + 8) % 8)::smallint
$$;
