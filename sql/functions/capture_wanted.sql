create or replace function outbox.capture_wanted(watch outbox.watch) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- What the trigger function of a watch does first: it asks who wants what the statement has done. capture._to becomes the ids of the subscriptions
-- that want everything of it, with 0 when some want other changes of the object, and -1 when some want it or others on a condition.
-- One look at the index of patterns tells all as long as there are few; the patterns are constants for each operation, so that the plan
-- is made once. Only where there are more than a commit makes deliveries for does each of the three have a look of its own.
-- Arguments: watch.
-- Returns: plpgsql.
-- Touches: select outbox.watch.
declare
    -- Whatever pattern may match an event of the object.
    _patterns text[] := array(
        select distinct p
        from unnest(array[watch.object || '.Create', watch.object || '.Update', watch.object || '.Delete'] || watch.verb_types
                || array(select v from outbox.watch w cross join unnest(w.verb_types) as v where w.object = watch.object)) as t (type)
            cross join unnest(outbox.patterns(t.type)) as p
        order by p);
    _few text := $q$        capture._to := array(
            select case when s.special then -1 when s.pattern operator(pg_catalog.=) any (%L) then s.id else 0 end
            from outbox.subscription as s
            where s.pattern operator(pg_catalog.=) any (%L) and s.status operator(pg_catalog.<>) 'gone'
            limit 2 operator(pg_catalog.+) outbox.fan_out_max());
$q$;
begin
    return format($q$    if tg_op operator(pg_catalog.=) 'UPDATE' then
%1$s    elsif tg_op operator(pg_catalog.=) 'INSERT' then
%2$s    else
%3$s    end if;
    if pg_catalog.cardinality(capture._to) operator(pg_catalog.>=) (2 operator(pg_catalog.+) outbox.fan_out_max()) then
        capture._wanted := case when tg_op operator(pg_catalog.=) 'UPDATE' then %4$L when tg_op operator(pg_catalog.=) 'INSERT' then %5$L
            else %6$L end;
        capture._to := array((
            select s.id
            from outbox.subscription as s
            where s.pattern operator(pg_catalog.=) any (capture._wanted) and not s.special and s.status operator(pg_catalog.<>) 'gone'
            limit 1 operator(pg_catalog.+) outbox.fan_out_max()
        ) union all (
            select 0::pg_catalog.int8
            from outbox.subscription as s
            where s.pattern operator(pg_catalog.=) any (%7$L) and not (s.pattern operator(pg_catalog.=) any (capture._wanted))
                and not s.special and s.status operator(pg_catalog.<>) 'gone'
            limit 1
        ) union all (
            select -1::pg_catalog.int8
            from outbox.subscription as s
            where s.pattern operator(pg_catalog.=) any (%7$L) and s.special and s.status operator(pg_catalog.<>) 'gone'
            limit 1));
    end if;
$q$,
        format(_few, outbox.patterns(watch.object || '.Update'), _patterns),
        format(_few, outbox.patterns(watch.object || '.Create'), _patterns),
        format(_few, outbox.patterns(watch.object || '.Delete'), _patterns),
        outbox.patterns(watch.object || '.Update'), outbox.patterns(watch.object || '.Create'), outbox.patterns(watch.object || '.Delete'),
        _patterns);
end
$$;
