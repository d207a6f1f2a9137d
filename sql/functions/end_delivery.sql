create or replace function outbox.end_delivery(delivery bigint, outcome text, reason text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- The work of outbox.skip() and outbox.cancel().
-- Arguments: delivery; outcome, skipped or cancelled; reason.
-- Returns: the outcome, or 'under way'.
-- Raises: OX008, OX032, as told there.
-- Touches: see outbox.end_deliveries().
declare
    _words text := outbox.by_hand(end_delivery.outcome, end_delivery.reason, true);
begin
    if outbox.end_deliveries(array[end_delivery.delivery], end_delivery.outcome, array[_words]) <> '{}' then
        return end_delivery.outcome;
    elsif exists (select from outbox.delivery d where d.id = end_delivery.delivery) then
        return 'under way';
    end if;
    raise exception 'delivery % is neither open nor a dead letter', coalesce(end_delivery.delivery::text, 'NULL')
        using errcode = 'OX008',
            hint = 'Open ones are in outbox.delivery, dead ones in outbox.dead_letter; what became of others, in outbox.delivery_history.';
end
$$;
