create or replace function outbox.capture_finish(watch outbox.watch, object outbox.object) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
-- What follows when a statement's events are written (capture._ids): they become one with earlier ones of the same transaction, and those
-- deliveries are made that were not made inline.
-- A transaction-local setting says that the transaction has written events of this watch before, and since which id. It is a hint: a role
-- that resets it gets an event more, one that forges it has us look in vain. What must not be passed over is in outbox.awaiting.
-- Arguments: watch, object.
-- Returns: plpgsql.
-- Touches: nothing.
begin
    if object.mode = 'each' then
        return $q$if capture._ids is not null then
            if not capture._inline then
                capture._wakes := outbox.deliver(capture._slot, capture._ids) operator(pg_catalog.>) 0 or capture._wakes;
            elsif capture._special then
                capture._wakes := outbox.deliver_special(capture._slot, capture._ids) operator(pg_catalog.>) 0 or capture._wakes;
            end if;
        end if;$q$;
    end if;
    return format($q$if capture._ids is not null then
            if not capture._inline then
                capture._wakes := outbox.merge_events(%1$s, capture._slot, capture._ids, capture._since, capture._partial, capture._nested)
                    or capture._wakes;
            elsif capture._special or capture._partial or pg_catalog.cardinality(capture._to) operator(pg_catalog.=) 0 then
                perform outbox.await_commit(capture._slot, capture._ids);
            end if;
            if not capture._again or capture._nested then
                capture._since := least(capture._since, capture._ids[1]);
                perform pg_catalog.set_config('outbox.written_%1$s', pg_catalog.concat(pg_catalog.pg_current_xact_id(), ':', capture._since,
                    case when capture._nested then ':nested' end), true);
                capture._again := true;
            end if;
        end if;$q$, watch.id);
end
$$;
