-- What is still to be delivered, per subscription: how much, since when, and what stands in the way.
create or replace view outbox.backlog as
select d.subscription,
    s.subscriber,
    s.pattern,
    outbox.endpoint(s.url) as endpoint,
    s.status,
    count(*) as open,
    count(*) filter (where d.due_at <= clock_timestamp()) as due,
    count(*) filter (where d.leased_by is not null and d.due_at > clock_timestamp()) as in_flight,
    count(*) filter (where d.leased_by is null and d.due_at > clock_timestamp()) as waiting,
    max(d.attempt) as attempts_max,
    min(d.due_at) filter (where d.leased_by is null and d.due_at > clock_timestamp()) as next_attempt_at,
    min(e.occurred_at) as oldest_at,
    clock_timestamp() - min(e.occurred_at) as oldest_age
from outbox.delivery d
    left join outbox.subscription s on s.id = d.subscription
    left join outbox.event e on e.slot = d.event_slot and e.id = d.event_id
group by d.subscription, s.subscriber, s.pattern, s.url, s.status
order by min(e.occurred_at);
