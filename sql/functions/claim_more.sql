create or replace function outbox.claim_more(ids bigint[], posts bigint[], now timestamptz) returns table (
    id bigint, enveloped boolean, latest boolean
)
language sql
set search_path = pg_catalog, pg_temp
as $$
    -- Further due deliveries of subscriptions that take several events in one POST, for what a claim has picked. 2,000 at most: a
    -- claim comes back while there is work, and what it takes is under a lease. None of them has an order (outbox.check_batch).
    -- Arguments:
    --   ids    deliveries picked already, locked by the caller
    --   posts  the subscription of each of them that takes batches, once for each POST
    --   now    when the claim began
    -- Returns: one row per delivery; enveloped, whether an envelope makes its body; latest, whether a newer one takes its place.
    -- Locks: the rows it returns, FOR UPDATE SKIP LOCKED.
    -- Touches: select outbox.delivery, outbox.subscription.
    select d.id, s.enveloped, d.object_key is not null
    from (select p.subscription, count(*) as posts from unnest(claim_more.posts) as p (subscription) group by p.subscription) n
        cross join lateral (
            select s.batch_max, s.envelope is not null as enveloped from outbox.subscription s
            where s.id = n.subscription limit 1
        ) s
        cross join lateral (
            select d.id, d.object_key from outbox.delivery d
            where d.subscription = n.subscription and d.due_at <= claim_more.now and d.id <> all (claim_more.ids)
            order by d.due_at, d.id
            limit least(n.posts * (s.batch_max - 1), 2000)
            for update skip locked
        ) d
    limit 2000
$$;
