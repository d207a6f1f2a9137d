create or replace function outbox.seal() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set jit = off set enable_seqscan = off
as $$
-- Deferred trigger on outbox.sealing: what a transaction has touched becomes events when it commits, once.
--
-- Objects with a builder are rendered here, because only now is all there that belongs to them. Two writers on two members of one
-- object share no lock, so each would render without what the other is about to commit, and subscribers would end with a state
-- that never was. Therefore the rows of outbox.object_head are locked first, all that were touched, in one order; the next statement
-- has a snapshot of its own, which sees everybody who had the lock before. The event's id and number are drawn under it.
-- Under REPEATABLE READ there is no newer snapshot: whoever comes second gets 40001 and tries again, as with any row.
--
-- Also makes the deliveries that were left to it (outbox.await_commit()).
--
-- What a value looks like must not depend on the session. Those settings are put on where it differs, as in captures: a SET clause takes 5 us of every commit.
--
-- Under SET CONSTRAINTS ALL IMMEDIATE it runs at the end of each statement, and so does it for what the user's own deferred
-- triggers change after it: a further event then, and nothing is lost.
-- Raises: whatever a builder or gate raises, where the object says abort.
-- Locks: outbox.object_head, the touched objects, FOR UPDATE in sorted order.
-- Touches: delete outbox.sealing, outbox.touched, outbox.awaiting, outbox.changed; insert or update outbox.object_head; insert outbox.event,
--   outbox.delivery.
declare
    _touched outbox.touched[];
    _heads   outbox.object_head[];
    _await   record;
    _name    text;
    _before  bigint;
    _wakes   boolean := false;
    _kept    text[];
begin
    delete from outbox.sealing s where s.xid = new.xid;
    if not found then
        return null;
    end if;
    if current_setting('TimeZone') <> all ('{UTC,Etc/UTC,GMT}') or current_setting('DateStyle') !~~ 'ISO%'
        or current_setting('IntervalStyle') <> 'postgres' or current_setting('bytea_output') <> 'hex'
        or current_setting('extra_float_digits') <> all ('{1,2,3}')
    then
        _kept := array[current_setting('TimeZone'), current_setting('DateStyle'), current_setting('IntervalStyle'), current_setting('bytea_output'),
            current_setting('extra_float_digits')];
        perform set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true), set_config('IntervalStyle', 'postgres', true),
            set_config('bytea_output', 'hex', true), set_config('extra_float_digits', '1', true);
    end if;
    -- Nothing to be done is the rule, and to see that much cheaper than to do it.
    if exists (select from outbox.watch w where w.through is not null) or exists (select from outbox.changed c where c.xid = new.xid) then
        perform outbox.reach_again(new.xid);
    end if;
    with taken as (
        delete from outbox.touched t where t.xid = new.xid returning t.*
    )
    select array_agg(t::outbox.touched) into _touched
    from taken t
    -- Came and went: nothing.
    where not (t.first_op = 'I' and t.last_op = 'D') or t.first_op is null or t.last_op is null;
    if cardinality(_touched) = 1 then
        _wakes := outbox.seal_one(_touched[1]);
    elsif _touched is not null then
        _heads := outbox.lock_heads(_touched);
        for _name in select distinct t.object from unnest(_touched) t order by t.object loop
            _wakes := outbox.render_object(_name, _touched, _heads) or _wakes;
        end loop;
    end if;
    if exists (select from outbox.awaiting a where a.xid = new.xid) then
        for _await in
            with taken as (
                delete from outbox.awaiting a where a.xid = new.xid and a.unmerged returning a.*
            )
            select e.watch, t.event_slot, array_agg(t.event_id order by t.event_id) as ids,
                current_setting('outbox.written_' || e.watch, true) as hint
            from taken t join outbox.event e on e.slot = t.event_slot and e.id = t.event_id
            group by 1, 2
            order by 1, min(t.event_id)
        loop
            _wakes := outbox.merge_events(_await.watch, _await.event_slot, _await.ids,
                case when _await.hint like new.xid || ':%' then substring(_await.hint, ':([0-9]{1,18})')::bigint end, false, false, true) or _wakes;
        end loop;
        _before := (select s.last_value from outbox.delivery_id_seq s);
        for _await in
            with taken as (
                delete from outbox.awaiting a where a.xid = new.xid returning a.*
            )
            select t.event_slot, coalesce(o.mode = 'latest', false) as everything, array_agg(t.event_id order by t.event_id) as ids
            from taken t
                join outbox.event e on e.slot = t.event_slot and e.id = t.event_id
                left join outbox.object o on o.name = e.object
            group by 1, 2
        loop
            _wakes := outbox.deliver_matching(_await.event_slot, _await.ids, _await.everything) > 0 or _wakes;
            -- Written only because later changes might have made something of it that somebody wants.
            delete from outbox.event e
            where e.slot = _await.event_slot and e.id = any (_await.ids)
                and not coalesce((select o.history from outbox.object o where o.name = e.object), true)
                and not exists (
                    select from outbox.subscription s
                    where s.pattern = any (outbox.patterns(e.type)) and not s.special and s.status <> 'gone')
                and not exists (select from outbox.delivery d where d.id > _before and d.event_id = e.id)
                and not exists (select from outbox.fan_out f where f.event_id = e.id)
                and not exists (select from outbox.attempt a where a.event_id = e.id);
        end loop;
    end if;
    if _wakes and (select d.last_value from outbox.doorbell d) = 1 then
        perform outbox.ring();
    end if;
    if _kept is not null then
        perform set_config('TimeZone', _kept[1], true), set_config('DateStyle', _kept[2], true), set_config('IntervalStyle', _kept[3], true),
            set_config('bytea_output', _kept[4], true), set_config('extra_float_digits', _kept[5], true);
    end if;
    return null;
end
$$;
