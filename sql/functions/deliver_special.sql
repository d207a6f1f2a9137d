create or replace function outbox.deliver_special(slot smallint, events bigint[]) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Placeholder of the merge to come.
-- Touches: nothing.
begin
    return 0;
end
$$;
