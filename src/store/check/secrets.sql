-- Secrets of the relay that subscriptions name, what they send and what signs; names alone, the relay has the rest. $1: how many at
-- most.
select json_build_object(
    'named', (
        select coalesce(json_agg(json_build_object('name', n.name, 'id', n.subscription) order by n.name, n.subscription), '[]')
        from (
            select s.auth ->> 'secret' as name, s.id as subscription
            from outbox.subscription s where s.auth ->> 'secret' is not null and s.status <> 'gone'
            union
            select k.reference, k.subscription from outbox.signing k where k.kind = 'reference'
            order by 1, 2 limit $1
        ) n)
)::text
