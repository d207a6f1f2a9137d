create or replace function outbox.capture_row(watch outbox.watch, object outbox.object, by_expression boolean) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- What the trigger function of a watch does for a statement of one row, which is the first of its transaction: most are. The plan of a statement is short
-- work and its start is not, so these leave out whatever an earlier statement or a second row would take; each part of a plan takes up to a
-- microsecond just for being there. The id is drawn before, while the row's lock is held; an unchanged row wastes one.
-- capture._alone says afterwards whether this was all there is to do.
-- Arguments: watch, object; by_expression, whether id expression and conditions can be used.
-- Returns: plpgsql; nothing where the event type depends on the row, and where newer events take the place of older ones.
-- Touches: outbox.capture_changes() writes the queries.
declare
    _coalesces boolean := object.mode <> 'each';
    _insert    text := outbox.capture_insert(watch, true);
    _statement text := $q$            with change as (%1$s
            )%2$s;
$q$;
begin
    if object.mode = 'latest' or cardinality(watch.verb_types) > 0 then
        return '';
    end if;
    return format($q$    capture._alone := capture._rows operator(pg_catalog.=) 1 and (capture._special or pg_catalog.cardinality(capture._to) operator(pg_catalog.>) 0)
        and pg_catalog.cardinality(capture._to) operator(pg_catalog.<=) outbox.fan_out_max()%1$s;
    if capture._alone then
        capture._id := pg_catalog.nextval('outbox.event_id');
        if tg_op operator(pg_catalog.=) 'UPDATE' then
%2$s        elsif tg_op operator(pg_catalog.=) 'INSERT' then
%3$s        else
%4$s        end if;
        if found then
            if pg_catalog.cardinality(capture._to) operator(pg_catalog.>) 0 then
                insert into outbox.delivery (subscription, event_slot, event_id, due_at)
                select pg_catalog.unnest(capture._to), capture._slot, capture._id, capture._now;
                capture._wakes := true;
            end if;
%5$s        elsif tg_op operator(pg_catalog.=) 'UPDATE' then
            capture._alone := not %6$s;
        end if;
    end if;
$q$,
        case when _coalesces then ' and not (capture._again or capture._nested or capture._awaits)' end,
        format(_statement, outbox.capture_changes(watch, object, by_expression, 'update', true), _insert),
        format(_statement, outbox.capture_changes(watch, object, by_expression, 'insert', true), _insert),
        format(_statement, outbox.capture_changes(watch, object, by_expression, 'delete', true), _insert),
        case when _coalesces then format($q$            -- As outbox.capture_finish() has it.
            if capture._special or capture._partial then
                perform outbox.await_commit(capture._slot, array[capture._id]);
            end if;
            capture._hint := pg_catalog.set_config('outbox.written_%1$s',
                pg_catalog.concat(pg_catalog.pg_current_xact_id(), ':', least(capture._since, capture._id)), true);
$q$, watch.id) else $q$            if capture._special then
                capture._wakes := outbox.deliver_special(capture._slot, array[capture._id]) operator(pg_catalog.>) 0 or capture._wakes;
            end if;
$q$ end,
        outbox.capture_changes(watch, object, by_expression, 'is_moved'));
end
$$;
