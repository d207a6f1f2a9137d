-- Subscriptions whose last attempt failed, that are held (held_why: breaker, retry-after) or that have dead letters: since when,
-- with which error, and what hangs on it.
create or replace view outbox.failing as
select s.id as subscription,
    s.subscriber,
    s.pattern,
    outbox.endpoint(s.url) as endpoint,
    s.status,
    coalesce(h.consecutive_failures, 0) as consecutive_failures,
    h.failing_since,
    h.last_success_at,
    h.last_class,
    h.last_status,
    h.last_error_class,
    h.last_error,
    case when h.held_until > clock_timestamp() and h.held_since >= s.endpoint_since then h.held_until end as held_until,
    case when h.held_until > clock_timestamp() and h.held_since >= s.endpoint_since then h.held_why end as held_why,
    h.breaker_opened,
    (select count(*) from outbox.delivery d where d.subscription = s.id) as open,
    (select min(d.due_at) from outbox.delivery d where d.subscription = s.id) as next_attempt_at,
    (select count(*) from outbox.dead_letter l where l.subscription = s.id) as dead_letters
from outbox.subscription s left join outbox.subscription_health h on h.subscription = s.id
where s.status <> 'gone'
    and (h.consecutive_failures > 0 or h.held_until > clock_timestamp() and h.held_since >= s.endpoint_since
        or exists (select from outbox.dead_letter l where l.subscription = s.id))
order by h.failing_since;
