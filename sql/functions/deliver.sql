create or replace function outbox.deliver(slot smallint, events bigint[]) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Placeholder of the merge to come.
-- Touches: nothing.
begin
    return outbox.deliver_plain(slot, events);
end
$$;
