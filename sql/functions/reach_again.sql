create or replace function outbox.reach_again(xid xid8) returns void
language plpgsql
as $$
-- Asks once more which objects the changed rows of members lead to. While they were being changed, another transaction may have linked an
-- object to them: it rendered that without the change, which it could not see, and we did not see the link. So those whose changes lead
-- `through` to objects commit alone, and all others that touch such objects side by side: whoever is second sees the first, the link
-- here or the change there.
-- A function that fails now, because the table was altered meanwhile, has found what it could when the rows changed.
-- Part of outbox.seal(), with its rights and settings.
-- Arguments: xid, the transaction.
-- Locks: one advisory lock per object with members `through`, by name, until the transaction ends: exclusive or shared.
-- Touches: delete outbox.changed; insert outbox.touched; select outbox.watch.
declare
    _changed outbox.changed[];
    _object  record;
    _rows    outbox.changed;
begin
    with taken as (
        delete from outbox.changed c where c.xid = reach_again.xid returning c.*
    )
    select array_agg(c::outbox.changed order by c.n) into _changed from taken c;
    for _object in
        select w.object, bool_or(w.id = any (array(select c.watch from unnest(_changed) c))) as alone
        from outbox.watch w
        where w.through is not null
            and (w.object in (select t.object from outbox.touched t where t.xid = reach_again.xid)
                or w.id = any (array(select c.watch from unnest(_changed) c)))
        group by w.object
        order by w.object
    loop
        if _object.alone then
            perform pg_advisory_xact_lock(hashtextextended('outbox.object ' || _object.object, 0));
        else
            perform pg_advisory_xact_lock_shared(hashtextextended('outbox.object ' || _object.object, 0));
        end if;
    end loop;
    if _changed is null then
        return;
    end if;
    foreach _rows in array _changed loop
        begin
            insert into outbox.touched (xid, object, object_id, source, trace_id, traceparent, headers)
            select distinct reach_again.xid, w.object, r.id, _rows.source, _rows.trace_id, _rows.traceparent, _rows.headers
            from outbox.watch w cross join lateral outbox.reach(_rows.watch, _rows.rows) as r (id)
            where w.id = _rows.watch and r.id is not null and octet_length(r.id) <= 1000
            on conflict do nothing;
        exception when others then
            if left(sqlstate, 2) in ('40', '53', '57', '58', 'XX') then
                raise;
            end if;
        end;
    end loop;
end
$$;
