create or replace function outbox.filter_anchor(
    filter jsonb, pattern text, subscription bigint, out path text[], out value text
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- The scalar of a filter by which events look it up: a place in the data and the value there. Of the scalars outside arrays the
-- one that fewest subscriptions have as theirs (counted to 100), else the longest: {"orderId": 7, "status": "PAID"} is looked up
-- by 7.
-- Events look at every place that the filters of a pattern have, so there are 32 places per pattern at most; a filter that has
-- none of those, or no scalar outside arrays, has no anchor and is looked at for every event of its pattern.
-- Arguments: filter; pattern and id of its subscription, which does not count.
-- Returns: path and outbox.anchor_value(); null without an anchor.
-- Touches: select outbox.subscription.
declare
    _places text[];
begin
    with recursive place (path) as (
        select (
            select s.anchor_path from outbox.subscription s
            where s.pattern = filter_anchor.pattern and s.status <> 'gone' and s.object_id is null and s.anchor is not null
            order by s.anchor_path limit 1)
        union all
        select (
            select s.anchor_path from outbox.subscription s
            where s.pattern = filter_anchor.pattern and s.status <> 'gone' and s.object_id is null and s.anchor is not null
                and s.anchor_path > p.path
            order by s.anchor_path limit 1)
        from place p where p.path is not null
    )
    -- As text: arrays of different lengths are no array.
    select array_agg(p.path::text) into _places from place p where p.path is not null;
    with recursive leaf (path, value) as (
        select array[e.key] collate "C", e.value from jsonb_each(filter_anchor.filter) e
        union all
        select l.path || e.key, e.value
        from leaf l cross join lateral jsonb_each(case jsonb_typeof(l.value) when 'object' then l.value else '{}' end) e
    )
    select k.path, outbox.anchor_value(k.value) into filter_anchor.path, filter_anchor.value
    from (
        select l.path, l.value, octet_length(l.value::text) as length
        from leaf l
        where jsonb_typeof(l.value) not in ('object', 'array') and octet_length(l.path::text) <= 500
            and (coalesce(cardinality(_places), 0) < 32 or l.path::text = any (_places))
        order by length desc, l.path limit 50
    ) k
    order by (
        select count(*)
        from (
            select from outbox.subscription s
            where s.pattern = filter_anchor.pattern and s.anchor_path = k.path and s.anchor = outbox.anchor_value(k.value)
                and s.status <> 'gone' and s.object_id is null and s.anchor is not null and s.id <> filter_anchor.subscription
            limit 100
        ) same
    ), k.length desc, k.path
    limit 1;
end
$$;
