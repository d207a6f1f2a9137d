create or replace function outbox.leave_duty(duty text, relay text) returns boolean
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    -- Gives back what outbox.take_duty() took, so that another relay need not wait for the end of the lease.
    -- Arguments: duty, its name; relay, who held it.
    -- Returns: true when it was the relay's.
    -- Touches: delete outbox.duty.
    with left_behind as (
        delete from outbox.duty d where d.name = leave_duty.duty and d.relay = leave_duty.relay returning d.name
    )
    select exists (select from left_behind)
$$;
