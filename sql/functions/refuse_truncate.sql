create or replace function outbox.refuse_truncate() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Trigger on outbox.subscription, before TRUNCATE: it would leave open deliveries that nobody owns and no tombstones.
-- Raises: OX012, with the statement to use instead.
-- Touches: nothing.
begin
    raise exception 'outbox.% cannot be truncated', tg_table_name
        using errcode = 'OX012', hint = format('delete from outbox.%I; cancels open deliveries properly.', tg_table_name);
end
$$;
