create or replace function outbox.pack(ids bigint[], posts bigint[], made bigint[], bodies text[]) returns table (
    id bigint, batch integer, news boolean, body text
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Says which deliveries of subscriptions that take several events in one POST go together, in the order of their events: up to
-- batch_max, and batch_bytes with the brackets and commas of the array. By itself goes one that is larger than that, one
-- that was in a batch that was refused for what was in it, and one without a body. What is more than the POSTs there may be, or than
-- 32 MiB in all, is left for the next claim.
-- Arguments:
--   ids           deliveries, locked by the caller; those of other subscriptions are passed over
--   posts         the subscription of each POST that may be made, as often as there may be one
--   made, bodies  what envelopes have made already, null where one has failed
-- Returns: one row per delivery; batch, the same for those that go together, null for those that are left; news, whether
--   the caller has not got this body yet.
-- Touches: select outbox.delivery, outbox.subscription, outbox.event.
declare
    _row          record;
    _subscription bigint;
    _batch        integer := 0;
    _posts        integer;
    _count        integer;
    _bytes        bigint;
    _size         bigint;
    _total        bigint := 0;
    _closed       boolean;
    _full         boolean;
begin
    for _row in
        -- Bodies behind the sort, so that they are made as they are asked for.
        select o.id, o.subscription, o.alone, o.batch_max, o.batch_bytes, o.posts, o.enveloped,
            case when o.enveloped then (select m.body from unnest(pack.made, pack.bodies) as m (id, body) where m.id = o.id)
                else (
                    select outbox.formatted(e, o.format) from outbox.event e
                    where e.slot = any (array[o.event_slot, (o.event_slot + 8)::smallint]) and e.id = o.event_id limit 1) end as body
        from (
            select d.id, d.subscription, d.alone, d.event_slot, d.event_id, s.batch_max, s.batch_bytes, s.format,
                s.envelope is not null as enveloped, n.posts
            from (select p.subscription, count(*)::integer as posts from unnest(pack.posts) as p (subscription) group by p.subscription) n
                join outbox.subscription s on s.id = n.subscription
                join outbox.delivery d on d.id = any (pack.ids) and d.subscription = s.id
            order by d.subscription, d.event_id, d.id
            offset 0
        ) o
    loop
        if _row.subscription is distinct from _subscription then
            _subscription := _row.subscription;
            _posts := 0;
            _closed := true;
            _full := _total > 33554432;
        end if;
        _size := coalesce(octet_length(_row.body), 0) + 1;
        if not _full and (_closed or _row.alone or _row.body is null or _count >= _row.batch_max
            or _bytes + _size > _row.batch_bytes)
        then
            _full := _posts >= _row.posts or _total > 33554432;
            _posts := _posts + 1;
            _batch := _batch + 1;
            _count := 0;
            _bytes := 1;
        end if;
        _count := _count + 1;
        _bytes := _bytes + _size;
        _total := _total + case when _full then 0 else _size end;
        _closed := _row.alone or _row.body is null;
        id := _row.id;
        batch := case when not _full then _batch end;
        news := not _row.enveloped and not _full;
        body := case when news then _row.body end;
        return next;
    end loop;
end
$$;
