create or replace function outbox.await_commit(slot smallint, events bigint[], unmerged boolean default false) returns void
language plpgsql
as $$
-- Leaves it to the commit to find the special subscriptions of events: until then their data may change with their object. Those that
-- nobody turns out to want are taken back then.
-- Called from capture functions, with their rights and the writer's search_path.
-- Arguments: slot, events, what the caller has written in this transaction; unmerged, whether they have yet to become one with earlier ones.
-- Touches: insert outbox.awaiting, outbox.sealing.
begin
    insert into outbox.awaiting (xid, event_slot, event_id, unmerged)
    select pg_catalog.pg_current_xact_id(), await_commit.slot, e.id, await_commit.unmerged
    from pg_catalog.unnest(await_commit.events) as e (id)
    on conflict do nothing;
    if not found then
        return;
    end if;
    insert into outbox.sealing default values on conflict do nothing;
end
$$;
