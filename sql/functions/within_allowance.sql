create or replace function outbox.within_allowance(deliveries bigint[]) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- What a claim may hand out of what it has picked, where subscriptions have max_deliveries: two relays that pick at the same moment do
-- not see each other's leases. So one waits here for the other's commit, and counts in the statement after that.
-- Arguments: deliveries, locked by the caller.
-- Returns: those within what remains, the first due first; the others stay due.
-- Locks: rows of outbox.allowance, in the order of subscriptions. Whoever has them waits for nothing but the next of them.
-- Touches: insert outbox.allowance; select outbox.delivery, outbox.subscription; see outbox.remaining().
begin
    insert into outbox.allowance as a (subscription)
    select c.subscription
    from (
        select distinct d.subscription
        from outbox.delivery d join outbox.subscription s on s.id = d.subscription and s.max_deliveries is not null
        where d.id = any (within_allowance.deliveries)
    ) c
    order by c.subscription
    on conflict on constraint allowance_pkey do update set delivered = a.delivered;
    return array(
        select p.id
        from (
            select d.id, d.subscription, row_number() over (partition by d.subscription order by d.due_at, d.id) as nth
            from outbox.delivery d where d.id = any (within_allowance.deliveries)
        ) p
            left join (
                select a.subscription, outbox.remaining(s.id, s.max_deliveries) as remaining
                from outbox.allowance a join outbox.subscription s on s.id = a.subscription and s.max_deliveries is not null
                where a.subscription in (select d.subscription from outbox.delivery d where d.id = any (within_allowance.deliveries))
            ) r on r.subscription = p.subscription
        where r.remaining is null or p.nth <= r.remaining);
end
$$;
