-- Which certificate runs out next: those that live relays show and trust, and those that subscribers have shown them.
create or replace view outbox.expiring as
select c.not_after,
    round((extract(epoch from c.not_after - clock_timestamp()) / 86400)::numeric, 1) as days_left,
    c.use,
    c.name,
    c.subject,
    c.fingerprint,
    array_agg(c.relay order by c.relay) as relays,
    max(c.seen_at) as seen_at
from outbox.certificate c
    join outbox.relay r on r.name = c.relay and r.stopped_at is null and r.last_seen_at > clock_timestamp() - interval '1 day'
group by c.use, c.name, c.fingerprint, c.subject, c.not_after
order by c.not_after;
