-- Where the POSTs of each subscription go, and with which certificate: what `outboxd check` tries. No URL whose query may hold a
-- token, no headers, no secrets.
create or replace view outbox.destination as
select s.id as subscription, s.subscriber, s.pattern, outbox.endpoint(s.url) as endpoint, s.identity, s.status
from outbox.subscription s
where s.status <> 'gone';
