create or replace function outbox.net_type(object text, types text[]) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    -- What one transaction did to an object, all in all. Whether it was there before is told by the first event, whether it is there
    -- now by the last: created and deleted is nothing, deleted and created is changed, created and changed is created. A verb of
    -- the watch's own is more than Update; of several the last counts. What comes of two changes and then a third is what comes of all
    -- three: what was before a Delete does not matter.
    -- Arguments: object; types, the event types in their order.
    -- Returns: an event type, or null for nothing.
    -- Touches: nothing.
    select case
        when cardinality(net_type.types) = 0 then null
        when net_type.types[1] = net_type.object || '.Create' and net_type.types[cardinality(net_type.types)] = net_type.object || '.Delete' then null
        when net_type.types[1] = net_type.object || '.Create' then net_type.object || '.Create'
        when net_type.types[cardinality(net_type.types)] = net_type.object || '.Delete' then net_type.object || '.Delete'
        else coalesce((
            select t.type from unnest(net_type.types) with ordinality as t (type, n)
            where t.n > coalesce(array_length(net_type.types, 1) + 1 - array_position(array(
                    select u.type from unnest(net_type.types) with ordinality as u (type, n) order by u.n desc), net_type.object || '.Delete'), 0)
                and t.type <> all (array[net_type.object || '.Create', net_type.object || '.Update', net_type.object || '.Delete'])
            order by t.n desc limit 1), net_type.object || '.Update')
    end
$$;
