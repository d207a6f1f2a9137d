create or replace function outbox.probes(subscription bigint, moment timestamptz, room integer) returns table (
    id bigint, object_key bigint, too_old boolean
)
language plpgsql
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
-- What to take of a subscription whose breaker is half open, where deliveries end with their age (ttl, max_age): one as a probe, and
-- of those that are too old as many as there is room for, since these end without a POST. Taken one at a time they would keep back for
-- minutes, after an outage, what is not too old.
-- It looks at the oldest, and at the newest that are due, where those are that the subscriber still wants. Of an ordered subscription at
-- what may be sent.
-- Arguments: subscription; moment, when it is; room, how many the relay can take.
-- Returns: deliveries, one of them at most not too_old.
-- Locks: the rows it returns, and others that it has looked at, FOR UPDATE SKIP LOCKED.
-- Touches: select outbox.delivery, outbox.event, outbox.subscription; see outbox.heads().
declare
    _life    interval;
    _ordered boolean;
begin
    select least(s.ttl, s.max_age), s.ordering <> 'none' into _life, _ordered
    from outbox.subscription s where s.id = probes.subscription;
    return query
    with looked as materialized (
        select h.id, h.object_key from outbox.heads(probes.subscription, probes.moment, 200) h where _ordered
        union
        select o.id, o.object_key
        from (
            select d.id, d.object_key from outbox.delivery d
            where not _ordered and d.subscription = probes.subscription and d.due_at <= probes.moment
            order by d.due_at, d.id limit probes.room + 1
            for update skip locked
        ) o
        union
        select n.id, n.object_key
        from (
            select d.id, d.object_key from outbox.delivery d
            where not _ordered and d.subscription = probes.subscription and d.due_at <= probes.moment
            order by d.due_at desc, d.id desc limit 20
            for update skip locked
        ) n
    ), judged as (
        select l.id, l.object_key, d.due_at,
            coalesce(d.since, (
                select e.occurred_at from outbox.event e
                where e.slot = any (array[d.event_slot, (d.event_slot + 8)::smallint]) and e.id = d.event_id limit 1))
                + _life <= probes.moment as too_old
        from looked l join outbox.delivery d on d.id = l.id
    )
    (select j.id, j.object_key, true from judged j where j.too_old order by j.due_at, j.id limit probes.room)
    union all
    (select j.id, j.object_key, false from judged j where j.too_old is not true order by j.due_at, j.id limit 1);
end
$$;
