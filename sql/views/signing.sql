-- What signs the POSTs of each subscription, and until when; no secret. One row per secret that has not retired, and one with kind null
-- for a subscription that has none: its POSTs go out unsigned.
create or replace view outbox.signing as
select s.id as subscription, s.subscriber, s.status, k.kind, k.reference, k.created_at, k.retires_at
from outbox.subscription s
    left join outbox.signing_key k on k.subscription = s.id and (k.retires_at is null or k.retires_at > clock_timestamp())
where s.status <> 'gone';
