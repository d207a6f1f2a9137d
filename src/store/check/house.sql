-- What keeps old rows: leaves of the ring that cannot be emptied, transactions that hold back vacuum or the doorbell.
-- $1: how many.
select json_build_object(
    'leaves', (
        select coalesce(json_agg(json_build_object('leaf', t.leaf, 'obstacle', t.obstacle,
            'age_s', extract(epoch from clock_timestamp() - t.since)) order by t.leaf), '[]')
        from outbox.turn t where t.obstacle is not null and t.since < clock_timestamp() - interval '1 hour'),
    'holders', (
        select coalesce(json_agg(json_build_object('kind', x.kind, 'who', x.who, 'holds', x.holds, 'remedy', x.remedy,
            'age_s', extract(epoch from clock_timestamp() - x.since), 'transactions', x.transactions)), '[]')
        from (
            select x.* from outbox.oldest_xmin x
            -- A slot has no age: what counts is how far behind it is.
            where x.since < clock_timestamp() - interval '1 hour' or x.since is null and x.transactions > 1000000
            limit $1
        ) x)
)::text
