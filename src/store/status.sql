-- What `outboxd status` shows, as one JSON document: the keys are those of --json. $1: how many rows of each list at most.
-- One statement, so one snapshot; nothing but views and tables that a member of outbox_reader may read.
with backlog as materialized (
    select b.* from outbox.backlog b
), buried as materialized (
    select l.subscription, count(*) as dead from outbox.dead_letter l group by l.subscription
), listed as materialized (
    -- By id first, so that idle subscriptions cost nothing however many there are.
    select b.subscription as id from backlog b
    union
    select h.subscription from outbox.subscription_health h where h.consecutive_failures > 0
    union
    select d.subscription from buried d
    union
    select s.id from outbox.subscription s where s.status = 'disabled'
), told as materialized (
    select i.id, coalesce(d.subscriber, b.subscriber) as subscriber, coalesce(d.pattern, b.pattern) as pattern,
        coalesce(d.endpoint, b.endpoint) as endpoint, coalesce(d.status, b.status) as status,
        coalesce(b.open, 0) as open, coalesce(b.due, 0) as due, coalesce(b.in_flight, 0) as in_flight,
        coalesce(b.waiting, 0) as waiting, b.next_attempt_at, b.oldest_at, extract(epoch from b.oldest_age) as oldest_age_s,
        coalesce(b.rate, 0) as rate_per_minute, extract(epoch from b.eta) as eta_s,
        coalesce(h.consecutive_failures, 0) as consecutive_failures, h.failing_since, h.last_success_at,
        h.last_status, h.last_error_class, h.last_error, coalesce(l.dead, 0) as dead_letters,
        h.severity, coalesce(h.dead_in_a_row, 0) as dead_in_a_row, c.changed_at as status_since, c.changed_by as status_by,
        c.reason as status_reason, extract(epoch from clock_timestamp() - c.changed_at) as status_age_s
    from listed i
        left join backlog b on b.subscription = i.id
        left join outbox.destination d on d.subscription = i.id
        left join outbox.subscription_health h on h.subscription = i.id and h.consecutive_failures > 0
        left join buried l on l.subscription = i.id
        left join lateral (
            select n.changed_at, n.changed_by, n.reason from outbox.subscription_change n
            where n.subscription = i.id order by n.id desc limit 1
        ) c on true
    where b.subscription is not null or d.subscription is not null
), ranked as (
    select t.*, row_number() over (order by t.status = 'disabled' desc, t.consecutive_failures > 0 desc, t.oldest_age_s desc nulls last,
        t.dead_letters desc, t.id) as rank
    from told t
), seen as materialized (
    select r.*, extract(epoch from clock_timestamp() - r.last_seen_at) as seen_s_ago,
        extract(epoch from clock_timestamp() - r.stopped_at) as stopped_s_ago,
        -- It reports every 10 s.
        r.stopped_at is null and r.last_seen_at > clock_timestamp() - interval '35 s' as alive
    from outbox.relay r
), broken as materialized (
    select w.relation::text as relation, w.object, w.reason, w.remedy from outbox.broken_watch w
), old as materialized (
    select x.who, x.since, x.holds, x.remedy, extract(epoch from clock_timestamp() - x.since) as age_s
    from outbox.oldest_xmin x where x.since < clock_timestamp() - interval '1 hour'
)
select json_build_object(
    'at', clock_timestamp(),
    'database', current_database(),
    'server_version', current_setting('server_version'),
    'schema_release', (select h.release from outbox.definition_history h order by h.id desc limit 1),
    'is_home', outbox.is_home(),
    'doorbell_silence', outbox.doorbell_silence(),
    'relays', (
        select coalesce(json_agg(json_build_object('name', r.name, 'host', r.host, 'pid', r.pid, 'release', r.release,
            'doorbell', r.doorbell, 'started_at', r.started_at, 'last_seen_at', r.last_seen_at,
            'seen_s_ago', r.seen_s_ago, 'stopped_at', r.stopped_at, 'stopped_s_ago', r.stopped_s_ago, 'alive', r.alive) order by r.last_seen_at desc, r.name), '[]')
        from (select s.* from seen s order by s.last_seen_at desc, s.name limit $1) r),
    'relays_alive', (select count(*) from seen s where s.alive),
    'relays_more', (select greatest(count(*) - $1, 0) from seen),
    'housekeeper', (select d.relay from outbox.duty d where d.name = 'housekeeping' and d.held_until > clock_timestamp()),
    'subscriptions', (
        select coalesce(json_agg(json_build_object('id', t.id, 'subscriber', t.subscriber, 'pattern', t.pattern,
            'endpoint', t.endpoint, 'status', t.status, 'open', t.open, 'due', t.due, 'in_flight', t.in_flight,
            'waiting', t.waiting, 'next_attempt_at', t.next_attempt_at, 'oldest_at', t.oldest_at,
            'oldest_age_s', t.oldest_age_s, 'rate_per_minute', t.rate_per_minute, 'eta_s', t.eta_s,
            'consecutive_failures', t.consecutive_failures, 'failing_since', t.failing_since,
            'last_success_at', t.last_success_at, 'last_status', t.last_status, 'last_error_class', t.last_error_class,
            'last_error', t.last_error, 'dead_letters', t.dead_letters, 'severity', t.severity, 'dead_in_a_row', t.dead_in_a_row,
            'status_since', t.status_since, 'status_by', t.status_by, 'status_reason', t.status_reason,
            'status_age_s', t.status_age_s) order by t.rank), '[]')
        from ranked t where t.rank <= $1),
    'subscriptions_more', (select greatest(count(*) - $1, 0) from told),
    'subscriptions_by_status', (
        select coalesce(json_object_agg(s.status, s.n order by s.status), '{}')
        from (select s.status, count(*) as n from outbox.subscription s where s.status <> 'gone' group by s.status) s),
    'totals', (
        select json_build_object('open', coalesce(sum(t.open), 0), 'due', coalesce(sum(t.due), 0),
            'in_flight', coalesce(sum(t.in_flight), 0), 'waiting', coalesce(sum(t.waiting), 0),
            'dead_letters', coalesce(sum(t.dead_letters), 0), 'failing', count(*) filter (where t.consecutive_failures > 0 and t.status <> 'disabled'),
            'disabled', count(*) filter (where t.status = 'disabled'),
            'stalled', count(*) filter (where t.status in ('active', 'failing') and t.due > 0 and t.in_flight = 0
                and t.rate_per_minute = 0 and t.consecutive_failures = 0 and t.oldest_age_s > 60),
            'fanning_out', (select count(*) from outbox.fan_out),
            'held_back', coalesce(sum(t.open) filter (where t.status in ('paused', 'disabled')), 0),
            'oldest_age_s', max(t.oldest_age_s), 'rate_per_minute', coalesce(sum(t.rate_per_minute), 0),
            'eta_s', 60 * sum(t.open) filter (where t.status in ('active', 'failing'))
                / nullif(sum(t.rate_per_minute) filter (where t.status in ('active', 'failing')), 0))
        from told t),
    'broken_watches', (
        select coalesce(json_agg(json_build_object('relation', b.relation, 'object', b.object, 'reason', b.reason,
            'remedy', b.remedy)), '[]')
        from (select b.* from broken b limit $1) b),
    'broken_watches_more', (select greatest(count(*) - $1, 0) from broken),
    'leaves_not_emptied', (
        select coalesce(json_agg(json_build_object('leaf', t.leaf, 'since', t.since, 'obstacle', t.obstacle)
            order by t.leaf), '[]')
        from outbox.turn t where t.obstacle is not null and t.since < clock_timestamp() - interval '1 hour'),
    'old_transactions', (
        select coalesce(json_agg(json_build_object('who', o.who, 'since', o.since, 'age_s', o.age_s, 'holds', o.holds,
            'remedy', o.remedy) order by o.since), '[]')
        from (select o.* from old o order by o.since limit $1) o)
)::text
