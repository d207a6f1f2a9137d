-- Where POSTs go and with which identity. $1: how many at most; the ids are ranked, so that the same are looked at each time.
select json_build_object(
    'destinations', (
        select coalesce(json_agg(json_build_object('id', d.subscription, 'subscriber', d.subscriber, 'endpoint', d.endpoint,
            'identity', d.identity, 'active', d.status in ('active', 'failing')) order by d.subscription), '[]')
        from (select d.* from outbox.destination d order by d.subscription limit $1) d),
    'more', (select greatest(count(*) - $1, 0) from outbox.destination d)
)::text
