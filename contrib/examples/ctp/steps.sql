-- What the services do, and what the downstream systems are sent. psql runs this file; each step is one transaction.
-- `-->` says what must come of a step, and that it is all: the requests, each with where it goes, the headers that are not on
-- every request, and the body, byte for byte (line breaks and indents here are not part of it). "answers 503" is what the
-- receiver says to that request, if not 200. <word> stands for something that differs from run to run; the same word is the same
-- value wherever it stands.
\set admin :USER

-- 1. An account is created: Customer Central and Servco are told, with the correlation id of the request that did it
\connect - ctp_app
begin;
set local outbox.header.X_CorrelationId = '12345678-1234-1234-1234-123456789012';
insert into customer_account values ('some123guid12345678someguid2d0a2', 'Ada', 'Lovelace', 'ada@example.com');
commit;
--> CUSTOMER_CENTRAL_SYNC_URI POST /customer-central
-->   x-correlationid: 12345678-1234-1234-1234-123456789012
-->   {"guid":"some123guid12345678someguid2d0a2","firstName":"Ada","lastName":"Lovelace","email":"ada@example.com"
-->     ,"correlationId":"12345678-1234-1234-1234-123456789012"}
--> SERVCO_SYNC_URI POST /servco
-->   x-correlationid: 12345678-1234-1234-1234-123456789012
-->   {"eventType":"CustomerCreate","guid":"some123guid12345678someguid2d0a2"
-->     ,"headers":{"X-CorrelationId":"12345678-1234-1234-1234-123456789012"}}

-- 2. The account is updated: TC Safety is told as well
\connect - ctp_app
begin;
set local outbox.header.X_CorrelationId = '12345678-1234-1234-1234-000000000002';
update customer_account set email = 'ada@lovelace.example', updated_at = now() where guid = 'some123guid12345678someguid2d0a2';
commit;
--> CUSTOMER_CENTRAL_SYNC_URI POST /customer-central
-->   x-correlationid: 12345678-1234-1234-1234-000000000002
-->   {"guid":"some123guid12345678someguid2d0a2","firstName":"Ada","lastName":"Lovelace","email":"ada@lovelace.example"
-->     ,"correlationId":"12345678-1234-1234-1234-000000000002"}
--> SERVCO_SYNC_URI POST /servco
-->   x-correlationid: 12345678-1234-1234-1234-000000000002
-->   {"eventType":"CustomerUpdate","guid":"some123guid12345678someguid2d0a2"
-->     ,"headers":{"X-CorrelationId":"12345678-1234-1234-1234-000000000002"}}
--> TC_SAFETY_SYNC_URI POST /tc-safety
-->   x-correlationid: 12345678-1234-1234-1234-000000000002
-->   {"eventType":"CustomerUpdate","guid":"some123guid12345678someguid2d0a2"
-->     ,"headers":{"X-CorrelationId":"12345678-1234-1234-1234-000000000002"}}

-- 3. A vehicle is subscribed: Servco and TC are told
\connect - ctp_app
begin;
set local outbox.header.X_CorrelationId = '12345678-1234-1234-1234-123456789012';
insert into vehicle_subscription values ('some123guid12345678someguid2d0a2', 'SOMETESTVIN000627', 'TRIAL');
commit;
--> SERVCO_SYNC_URI POST /servco
-->   x-correlationid: 12345678-1234-1234-1234-123456789012
-->   {"eventType":"Subscription_Event","guid":"some123guid12345678someguid2d0a2","vin":"SOMETESTVIN000627"
-->     ,"headers":{"X-CorrelationId":"12345678-1234-1234-1234-123456789012"}}
--> TC_SYNC_URI POST /tc
-->   x-correlationid: 12345678-1234-1234-1234-123456789012
-->   {"eventType":"Subscription_Event","guid":"some123guid12345678someguid2d0a2","vin":"SOMETESTVIN000627"
-->     ,"headers":{"X-CorrelationId":"12345678-1234-1234-1234-123456789012"}}

-- 4. The vehicle's subscription is updated, by somebody at psql who sets no correlation id: Servco and TC are told
\connect - ctp_app
update vehicle_subscription set status = 'ACTIVE'
where guid = 'some123guid12345678someguid2d0a2' and vin = 'SOMETESTVIN000627';
--> SERVCO_SYNC_URI POST /servco
-->   {"eventType":"Subscription_Event","guid":"some123guid12345678someguid2d0a2","vin":"SOMETESTVIN000627","headers":{}}
--> TC_SYNC_URI POST /tc
-->   {"eventType":"Subscription_Event","guid":"some123guid12345678someguid2d0a2","vin":"SOMETESTVIN000627","headers":{}}

-- 5. TC is down: it is tried again until its attempts are used up; Servco gets its one request as ever
\connect - ctp_app
begin;
set local outbox.header.X_CorrelationId = '12345678-1234-1234-1234-000000000005';
update vehicle_subscription set status = 'PAUSED'
where guid = 'some123guid12345678someguid2d0a2' and vin = 'SOMETESTVIN000627';
commit;
--> SERVCO_SYNC_URI POST /servco
-->   x-correlationid: 12345678-1234-1234-1234-000000000005
-->   {"eventType":"Subscription_Event","guid":"some123guid12345678someguid2d0a2","vin":"SOMETESTVIN000627"
-->     ,"headers":{"X-CorrelationId":"12345678-1234-1234-1234-000000000005"}}
--> TC_SYNC_URI POST /tc answers 503
-->   webhook-id: <missed by TC>
-->   x-correlationid: 12345678-1234-1234-1234-000000000005
-->   {"eventType":"Subscription_Event","guid":"some123guid12345678someguid2d0a2","vin":"SOMETESTVIN000627"
-->     ,"headers":{"X-CorrelationId":"12345678-1234-1234-1234-000000000005"}}
--> TC_SYNC_URI POST /tc answers 503
-->   webhook-id: <missed by TC>
-->   x-correlationid: 12345678-1234-1234-1234-000000000005
-->   {"eventType":"Subscription_Event","guid":"some123guid12345678someguid2d0a2","vin":"SOMETESTVIN000627"
-->     ,"headers":{"X-CorrelationId":"12345678-1234-1234-1234-000000000005"}}
--> TC_SYNC_URI POST /tc answers 503
-->   webhook-id: <missed by TC>
-->   x-correlationid: 12345678-1234-1234-1234-000000000005
-->   {"eventType":"Subscription_Event","guid":"some123guid12345678someguid2d0a2","vin":"SOMETESTVIN000627"
-->     ,"headers":{"X-CorrelationId":"12345678-1234-1234-1234-000000000005"}}

-- 6. TC is repaired: what it missed is among the dead letters, and is sent once more, with the id it had
\connect - :admin
select s.subscriber, e.type, d.attempt, outbox.retry(d.delivery)
from outbox.dead_letter d
    join outbox.subscription s on s.id = d.subscription
    join outbox.event e on e.id = d.event_id and e.slot in (d.event_slot, d.event_slot + 8);
--> row TC|VehicleSubscription.Update|3|<missed by TC>
--> TC_SYNC_URI POST /tc
-->   webhook-id: <missed by TC>
-->   x-correlationid: 12345678-1234-1234-1234-000000000005
-->   {"eventType":"Subscription_Event","guid":"some123guid12345678someguid2d0a2","vin":"SOMETESTVIN000627"
-->     ,"headers":{"X-CorrelationId":"12345678-1234-1234-1234-000000000005"}}

-- 7. Account and subscription change in one transaction: two events, five requests
\connect - ctp_app
begin;
set local outbox.header.X_CorrelationId = '12345678-1234-1234-1234-000000000007';
update customer_account set last_name = 'King', updated_at = now() where guid = 'some123guid12345678someguid2d0a2';
update vehicle_subscription set status = 'ACTIVE'
where guid = 'some123guid12345678someguid2d0a2' and vin = 'SOMETESTVIN000627';
commit;
--> CUSTOMER_CENTRAL_SYNC_URI POST /customer-central
-->   x-correlationid: 12345678-1234-1234-1234-000000000007
-->   {"guid":"some123guid12345678someguid2d0a2","firstName":"Ada","lastName":"King","email":"ada@lovelace.example"
-->     ,"correlationId":"12345678-1234-1234-1234-000000000007"}
--> SERVCO_SYNC_URI POST /servco
-->   x-correlationid: 12345678-1234-1234-1234-000000000007
-->   {"eventType":"CustomerUpdate","guid":"some123guid12345678someguid2d0a2"
-->     ,"headers":{"X-CorrelationId":"12345678-1234-1234-1234-000000000007"}}
--> TC_SAFETY_SYNC_URI POST /tc-safety
-->   x-correlationid: 12345678-1234-1234-1234-000000000007
-->   {"eventType":"CustomerUpdate","guid":"some123guid12345678someguid2d0a2"
-->     ,"headers":{"X-CorrelationId":"12345678-1234-1234-1234-000000000007"}}
--> SERVCO_SYNC_URI POST /servco
-->   x-correlationid: 12345678-1234-1234-1234-000000000007
-->   {"eventType":"Subscription_Event","guid":"some123guid12345678someguid2d0a2","vin":"SOMETESTVIN000627"
-->     ,"headers":{"X-CorrelationId":"12345678-1234-1234-1234-000000000007"}}
--> TC_SYNC_URI POST /tc
-->   x-correlationid: 12345678-1234-1234-1234-000000000007
-->   {"eventType":"Subscription_Event","guid":"some123guid12345678someguid2d0a2","vin":"SOMETESTVIN000627"
-->     ,"headers":{"X-CorrelationId":"12345678-1234-1234-1234-000000000007"}}

-- 8. A fifth target is one INSERT away; no code, no restart: the next change reaches it
\connect - :admin
insert into outbox.subscription (subscriber, pattern, url, envelope)
values ('Roadside', 'VehicleSubscription.*', :'ROADSIDE_SYNC_URI', 'public.combined');
\connect - ctp_app
update vehicle_subscription set status = 'CANCELLED'
where guid = 'some123guid12345678someguid2d0a2' and vin = 'SOMETESTVIN000627';
--> SERVCO_SYNC_URI POST /servco
-->   {"eventType":"Subscription_Event","guid":"some123guid12345678someguid2d0a2","vin":"SOMETESTVIN000627","headers":{}}
--> TC_SYNC_URI POST /tc
-->   {"eventType":"Subscription_Event","guid":"some123guid12345678someguid2d0a2","vin":"SOMETESTVIN000627","headers":{}}
--> ROADSIDE_SYNC_URI POST /roadside
-->   {"eventType":"Subscription_Event","guid":"some123guid12345678someguid2d0a2","vin":"SOMETESTVIN000627","headers":{}}
