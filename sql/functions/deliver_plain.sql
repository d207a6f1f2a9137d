create or replace function outbox.deliver_plain(slot smallint, events bigint[]) returns integer
language plpgsql
set plan_cache_mode = force_generic_plan
as $$
-- Makes the deliveries of events, of any type, for subscriptions that want everything of their pattern: outbox.deliver_type(). Part of
-- outbox.merge_events(), with its rights and settings.
-- Arguments: slot, events, of the caller's transaction.
-- Returns: how many deliveries and fan-outs were written.
-- Touches: select outbox.event; see outbox.deliver_type().
declare
    _group record;
    _made  integer := 0;
begin
    for _group in
        select e.type, e.occurred_at, array_agg(e.id) as ids
        from unnest(deliver_plain.events) as x (id) cross join lateral (
            select i.* from outbox.event i where i.slot = deliver_plain.slot and i.id = x.id offset 0) e
        group by e.type, e.occurred_at
    loop
        -- Due when it occurred: outbox.merge_events() finds it by that.
        _made := _made + outbox.deliver_type(deliver_plain.slot, _group.type, _group.ids, _group.occurred_at);
    end loop;
    return _made;
end
$$;
