-- Subscriptions with trouble: failing, disabled, stalled, paused with work waiting, with dead letters, without a secret. $1: how many of
-- each, the worst first.
with buried as materialized (
    select l.subscription, count(*) as dead from outbox.dead_letter l group by l.subscription
), stalled as materialized (
    select b.subscription, b.subscriber, b.due, b.oldest_at
    from outbox.backlog b
    where b.status in ('active', 'failing') and b.due > 0 and b.in_flight = 0 and b.rate = 0
        and b.oldest_age > interval '1 minute'
        and not exists (
            select from outbox.subscription_health h where h.subscription = b.subscription and h.consecutive_failures > 0)
        -- Without relays nothing goes anywhere, which is told of them.
        and exists (
            select from outbox.relay r where r.stopped_at is null and r.last_seen_at > clock_timestamp() - interval '35 s')
)
select json_build_object(
    'active', (select count(*) from outbox.subscription s where s.status in ('active', 'failing')),
    'failing', (
        select coalesce(json_agg(json_build_object('id', f.id, 'subscriber', f.subscriber,
            'consecutive_failures', f.consecutive_failures, 'failing_since', f.failing_since, 'last_error', f.last_error,
            'held_why', f.held_why)), '[]')
        from (
            select s.id, s.subscriber, h.consecutive_failures, h.failing_since, h.last_error,
                -- As outbox.failing has it.
                case when h.held_until > clock_timestamp() and h.held_since >= s.endpoint_since then h.held_why end as held_why
            from outbox.subscription_health h join outbox.subscription s on s.id = h.subscription
            where h.consecutive_failures > 0 and s.status not in ('gone', 'disabled')
            order by h.consecutive_failures desc, s.id limit $1
        ) f),
    'failing_in_all', (
        select count(*) from outbox.subscription_health h join outbox.subscription s on s.id = h.subscription
        where h.consecutive_failures > 0 and s.status not in ('gone', 'disabled')),
    'disabled', (
        select coalesce(json_agg(json_build_object('id', d.id, 'subscriber', d.subscriber, 'while_off', d.while_off, 'open', d.open,
            'changed_by', d.changed_by, 'reason', d.reason)), '[]')
        from (
            select s.id, s.subscriber, s.while_off, o.open, c.changed_by, c.reason
            from outbox.subscription s
                cross join lateral (select count(*) as open from outbox.delivery d where d.subscription = s.id) o
                left join lateral (
                    select n.changed_by, n.reason from outbox.subscription_change n
                    where n.subscription = s.id order by n.id desc limit 1
                ) c on true
            where s.status = 'disabled'
            order by o.open desc, s.id limit $1
        ) d),
    'disabled_in_all', (select count(*) from outbox.subscription s where s.status = 'disabled'),
    'buried', (
        select coalesce(json_agg(json_build_object('id', b.subscription, 'subscriber', b.subscriber, 'dead', b.dead)), '[]')
        from (
            select b.subscription, s.subscriber, b.dead from buried b left join outbox.subscription s on s.id = b.subscription
            order by b.dead desc, b.subscription limit $1
        ) b),
    'buried_in_all', (select count(*) from buried),
    -- As outboxd status counts them.
    'stalled', (
        select coalesce(json_agg(json_build_object('id', s.subscription, 'subscriber', s.subscriber, 'due', s.due)), '[]')
        from (select s.* from stalled s order by s.oldest_at, s.subscription limit $1) s),
    'stalled_in_all', (select count(*) from stalled),
    'unsigned', (
        select coalesce(json_agg(json_build_object('id', u.subscription, 'subscriber', u.subscriber)), '[]')
        from (select k.subscription, k.subscriber from outbox.signing k where k.kind is null order by k.subscription limit $1) u),
    'unsigned_in_all', (select count(*) from outbox.signing k where k.kind is null),
    'held_back', (
        select coalesce(json_agg(json_build_object('id', h.id, 'subscriber', h.subscriber, 'status', h.status,
            'open', h.open)), '[]')
        from (
            select s.id, s.subscriber, s.status, o.open
            from outbox.subscription s
                cross join lateral (select count(*) as open from outbox.delivery d where d.subscription = s.id) o
            where s.status = 'paused' and o.open > 0
            order by o.open desc, s.id limit $1
        ) h)
)::text
