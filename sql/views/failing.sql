-- Subscriptions whose last attempt failed, that have dead letters or are disabled: since when, with which error, what hangs on it; and
-- since when it has the status that it has, by whom and why, as far as that ever changed.
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
    (select count(*) from outbox.delivery d where d.subscription = s.id) as open,
    (select min(d.due_at) from outbox.delivery d where d.subscription = s.id) as next_attempt_at,
    (select count(*) from outbox.dead_letter l where l.subscription = s.id) as dead_letters,
    h.severity,
    coalesce(h.dead_in_a_row, 0) as dead_in_a_row,
    c.changed_at as status_since,
    c.changed_by as status_by,
    c.reason as status_reason
from outbox.subscription s
    left join outbox.subscription_health h on h.subscription = s.id
    left join lateral (
        select i.changed_at, i.changed_by, i.reason from outbox.subscription_change i
        where i.subscription = s.id order by i.id desc limit 1
    ) c on true
where s.status <> 'gone'
    and (h.consecutive_failures > 0 or s.status = 'disabled' or exists (select from outbox.dead_letter l where l.subscription = s.id))
order by h.failing_since;
