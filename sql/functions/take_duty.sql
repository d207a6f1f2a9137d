create or replace function outbox.take_duty(duty text, relay text, lease interval) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Takes, or goes on holding, work that one relay at a time does. A row and not an advisory lock of the session: it works behind any
-- pooler, and shows in outbox.duty who does it. When the holder does not renew it in time, whoever asks next gets it; so the work
-- itself must bear being done by two for a moment.
-- Arguments: duty, its name; relay, who asks; lease, for how long, from now.
-- Returns: whether it is the relay's until then.
-- Touches: upsert outbox.duty, unless another holds it.
begin
    if exists (
        select from outbox.duty d
        where d.name = take_duty.duty and d.relay <> take_duty.relay and d.held_until > clock_timestamp()
    ) then
        return false;
    end if;
    insert into outbox.duty as d (name, relay, held_until)
    values (take_duty.duty, take_duty.relay, clock_timestamp() + take_duty.lease)
    on conflict on constraint duty_pkey do update set relay = excluded.relay, held_until = excluded.held_until
        where d.relay = excluded.relay or d.held_until <= clock_timestamp();
    return found;
end
$$;
