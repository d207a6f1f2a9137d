create or replace function outbox.end_deliveries(deliveries bigint[], outcome text, reasons text[]) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp set enable_nestloop = off
as $$
-- Ends deliveries otherwise than by an attempt: open ones and dead letters, each with its reason in the ledger. All endings by
-- hand come here, so that what hangs on an ending is done in one place. One that is being sent is left alone: what becomes of that POST is
-- not ours to say yet. Without nested loops, which pair 100,000 ids with as many reasons in minutes.
-- Arguments: deliveries; outcome, skipped or cancelled; reasons, one for each, or one for all.
-- Returns: those that have ended; the others are being sent, or had ended before.
-- Locks: dead letters and then deliveries, each in the order of ids, as outbox.reopen() does: what another session is retrying or
--   ending is waited for, and taken as that leaves it.
-- Touches: delete outbox.delivery, outbox.dead_letter; insert outbox.attempt.
declare
    _now   timestamptz;
    _ended bigint[];
begin
    perform from outbox.dead_letter l where l.delivery = any (end_deliveries.deliveries) order by l.delivery for update;
    perform from outbox.delivery d where d.id = any (end_deliveries.deliveries) order by d.id for update;
    _now := clock_timestamp();
    with named as materialized (
        select distinct on (n.id) n.id, coalesce(n.reason, end_deliveries.reasons[1]) as reason
        from unnest(end_deliveries.deliveries, end_deliveries.reasons) as n (id, reason)
        where n.id is not null
    ), open as (
        delete from outbox.delivery d
        where d.id = any (end_deliveries.deliveries) and (d.leased_by is null or d.due_at <= _now)
        returning d.id, d.attempt, d.subscription, d.event_slot, d.event_id
    ), dead as (
        delete from outbox.dead_letter l
        where l.delivery = any (end_deliveries.deliveries)
        returning l.delivery, l.attempt, l.subscription, l.event_slot, l.event_id
    ), ledger as (
        insert into outbox.attempt (slot, delivery, attempt, subscription, event_slot, event_id, started_at, outcome, error)
        select outbox.slot(_now), e.id, e.attempt, e.subscription, e.event_slot, e.event_id, _now, end_deliveries.outcome, n.reason
        from (select * from open union all select * from dead) e join named n on n.id = e.id
        returning delivery
    )
    select coalesce(array_agg(l.delivery), '{}') into _ended from ledger l;
    return _ended;
end
$$;
