create or replace function outbox.compact(
    subscription bigint, reason text default null, dry_run boolean default true, batch integer default 100000
) returns table (waiting bigint, superseded bigint, done bigint)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- After an outage: of what waits for a subscription only the newest event of each object is still to be sent; the older ones end as
-- skipped, each naming the event that took its place. For whoever wants the state and not the way to it; where data is diff, the way is
-- lost. At first it only counts. Events of no object stay, and so does what is being sent at this moment, which counts as
-- newer or older like any other.
-- Arguments: subscription; reason, for the ledger; dry_run, only count; batch, how many to end at most, 1 to 1000000: call it again
--   while done equals that.
-- Returns: waiting, how many wait; superseded, how many of them are older than another one of their object; done, how many have ended.
-- Raises: OX008 no such subscription; OX031 batch; OX032 a reason that is too long.
-- Touches: select outbox.delivery, outbox.event; see outbox.end_deliveries().
declare
    _words   text := outbox.by_hand('compacted', compact.reason, false);
    _ids     bigint[];
    _reasons text[];
begin
    if compact.batch is null or compact.batch not between 1 and 1000000 then
        raise exception 'batch is out of range: %', coalesce(compact.batch::text, 'NULL') using errcode = 'OX031',
            detail = 'It is 1 to 1000000 deliveries.';
    elsif not exists (select from outbox.subscription s where s.id = compact.subscription) then
        raise exception 'no such subscription: %', coalesce(compact.subscription::text, 'NULL') using errcode = 'OX008',
            hint = 'select id, subscriber, pattern, status from outbox.subscription';
    end if;
    with open as materialized (
        select d.id, d.event_id, d.leased_by is null or d.due_at <= clock_timestamp() as waits,
            case when e.object is null or e.object_id is null then d.event_id
                else max(d.event_id) over (partition by e.object, e.object_id) end as newest
        from outbox.delivery d
            left join lateral (
                select i.object, i.object_id from outbox.event i
                where i.slot = any (array[d.event_slot, (d.event_slot + 8)::smallint]) and i.id = d.event_id limit 1
            ) e on true
        where d.subscription = compact.subscription
    ), old as (
        select o.id, format('superseded by event %s, %s', o.newest, _words) as reason
        from open o where o.waits and o.event_id < o.newest
        order by o.id limit case when compact.dry_run is true then 0 else compact.batch end
    )
    select count(*) filter (where o.waits), count(*) filter (where o.waits and o.event_id < o.newest),
        (select array_agg(x.id order by x.id) from old x), (select array_agg(x.reason order by x.id) from old x)
        into waiting, superseded, _ids, _reasons
    from open o;
    done := 0;
    if _ids is not null then
        done := cardinality(outbox.end_deliveries(_ids, 'skipped', _reasons));
    end if;
    return next;
end
$$;
