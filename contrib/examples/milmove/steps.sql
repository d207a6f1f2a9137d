-- What MilMove does, and what its partners are sent. psql runs this file; each step is one transaction of the application's.
-- `-->` says what must come of a step, and that it is all: the requests, each with where it goes, the headers that are not on
-- every request, and the body, byte for byte (line breaks and indents here are not part of it). "answers 500" is what the receiver
-- says to that request, if not 200; "row" is what psql prints; "until" says when a step is over that leaves something to do.
-- <word> stands for something that differs from run to run; the same word is the same value wherever it stands.
\set admin :USER

-- 1. A payment request goes to GEX: the Prime is told, with the trace id of the request that did it
\connect - crud
begin;
select set_config('outbox.trace_id', 'c56a4180-65aa-42ec-a945-5fd21dec0538', true);
update payment_requests set status = 'SENT_TO_GEX', updated_at = '2025-06-27 10:00:01.25Z'
where id = 'a2c34dba-015f-4f96-a38b-0c0b9272e208';
commit;
--> prime POST /support/v1/webhook-notify
-->   outbox-trace-id: c56a4180-65aa-42ec-a945-5fd21dec0538
-->   {"eventKey":"PaymentRequest.Update"
-->     ,"moveTaskOrderID":"9c7b255c-2981-4bf8-839f-61c7458e2b4d"
-->     ,"objectID":"a2c34dba-015f-4f96-a38b-0c0b9272e208"
-->     ,"traceID":"c56a4180-65aa-42ec-a945-5fd21dec0538"
-->     ,"object":"{\"id\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\",\"isFinal\":false
-->       ,\"moveTaskOrderID\":\"9c7b255c-2981-4bf8-839f-61c7458e2b4d\",\"paymentRequestNumber\":\"1234-5678-1\"
-->       ,\"status\":\"SENT_TO_GEX\",\"paymentServiceItems\":[
-->         {\"id\":\"bcce0201-0000-4000-8000-0000000000d1\",\"paymentRequestID\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\"
-->           ,\"status\":\"REQUESTED\",\"priceCents\":123456}
-->         ,{\"id\":\"bcce0201-0000-4000-8000-0000000000d2\",\"paymentRequestID\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\"
-->           ,\"status\":\"REQUESTED\",\"priceCents\":321}]
-->       ,\"eTag\":\"MjAyNS0wNi0yN1QxMDowMDowMS4yNVo=\"}"
-->     ,"createdAt":"0001-01-01T00:00:00.000Z","updatedAt":"0001-01-01T00:00:00.000Z"}

-- 2. A transaction that is rolled back: nobody is told of what never was
\connect - crud
begin;
update payment_requests set status = 'PAID', updated_at = '2025-06-27 10:00:02Z'
where id = 'a2c34dba-015f-4f96-a38b-0c0b9272e208';
rollback;
--> nothing

-- 3. Both service items are approved, then the request is reviewed: one request, with the state at the commit
\connect - crud
begin;
update payment_service_items set status = 'APPROVED' where id = 'bcce0201-0000-4000-8000-0000000000d1';
update payment_service_items set status = 'APPROVED' where id = 'bcce0201-0000-4000-8000-0000000000d2';
update payment_requests set status = 'REVIEWED', updated_at = '2025-06-27 10:00:03.000125Z'
where id = 'a2c34dba-015f-4f96-a38b-0c0b9272e208';
commit;
--> prime POST /support/v1/webhook-notify
-->   {"eventKey":"PaymentRequest.Update"
-->     ,"moveTaskOrderID":"9c7b255c-2981-4bf8-839f-61c7458e2b4d"
-->     ,"objectID":"a2c34dba-015f-4f96-a38b-0c0b9272e208"
-->     ,"object":"{\"id\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\",\"isFinal\":false
-->       ,\"moveTaskOrderID\":\"9c7b255c-2981-4bf8-839f-61c7458e2b4d\",\"paymentRequestNumber\":\"1234-5678-1\"
-->       ,\"status\":\"REVIEWED\",\"paymentServiceItems\":[
-->         {\"id\":\"bcce0201-0000-4000-8000-0000000000d1\",\"paymentRequestID\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\"
-->           ,\"status\":\"APPROVED\",\"priceCents\":123456}
-->         ,{\"id\":\"bcce0201-0000-4000-8000-0000000000d2\",\"paymentRequestID\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\"
-->           ,\"status\":\"APPROVED\",\"priceCents\":321}]
-->       ,\"eTag\":\"MjAyNS0wNi0yN1QxMDowMDowMy4wMDAxMjVa\"}"
-->     ,"createdAt":"0001-01-01T00:00:00.000Z","updatedAt":"0001-01-01T00:00:00.000Z"}

-- 4. Only updated_at changes: that is no news
\connect - crud
update payment_requests set updated_at = '2025-06-27 10:00:04Z' where id = 'a2c34dba-015f-4f96-a38b-0c0b9272e208';
--> nothing

-- 5. An address changes where shipments A and B are picked up: both partners are told of A; B is not the Prime's, nor anybody's
\connect - crud
update addresses set street_address_1 = '12 Elm St' where id = '3f4a2b1c-0000-4000-8000-0000000000a1';
--> prime POST /support/v1/webhook-notify
-->   {"eventKey":"MTOShipment.Update"
-->     ,"moveTaskOrderID":"9c7b255c-2981-4bf8-839f-61c7458e2b4d"
-->     ,"objectID":"ce01a5b8-9b44-4511-8a8d-edb60f2a4aee"
-->     ,"object":"{\"id\":\"ce01a5b8-9b44-4511-8a8d-edb60f2a4aee\"
-->       ,\"moveTaskOrderID\":\"9c7b255c-2981-4bf8-839f-61c7458e2b4d\",\"status\":\"SUBMITTED\",\"shipmentType\":\"HHG\"
-->       ,\"pickupAddress\":{\"id\":\"3f4a2b1c-0000-4000-8000-0000000000a1\",\"city\":\"Austin\",\"state\":\"TX\"
-->         ,\"postalCode\":\"78701\",\"streetAddress1\":\"12 Elm St\"}
-->       ,\"destinationAddress\":{\"id\":\"3f4a2b1c-0000-4000-8000-0000000000a2\",\"city\":\"Des Moines\",\"state\":\"IA\"
-->         ,\"postalCode\":\"50309\",\"streetAddress1\":\"441 SW Rio Ave.\"}
-->       ,\"agents\":[{\"id\":\"2b8a4c60-0000-4000-8000-0000000000c1\",\"email\":\"grace@example.com\",\"lastName\":\"Griffin\"
-->         ,\"agentType\":\"RELEASING_AGENT\",\"firstName\":\"Grace\"}]
-->       ,\"eTag\":\"MjAyNS0wNi0wMVQwODowMDowMFo=\"}"
-->     ,"createdAt":"0001-01-01T00:00:00.000Z","updatedAt":"0001-01-01T00:00:00.000Z"}
--> audit POST /audit/shipments
-->   {"type":"MTOShipment.Update","timestamp":"<moment 5>","id":"<event 5>","sequence":<sequence 5>
-->     ,"object":"MTOShipment","object_id":"ce01a5b8-9b44-4511-8a8d-edb60f2a4aee"
-->     ,"data":{"id": "ce01a5b8-9b44-4511-8a8d-edb60f2a4aee", "eTag": "MjAyNS0wNi0wMVQwODowMDowMFo="
-->       , "agents": [{"id": "2b8a4c60-0000-4000-8000-0000000000c1", "email": "grace@example.com", "lastName": "Griffin"
-->         , "agentType": "RELEASING_AGENT", "firstName": "Grace"}]
-->       , "status": "SUBMITTED", "shipmentType": "HHG"
-->       , "pickupAddress": {"id": "3f4a2b1c-0000-4000-8000-0000000000a1", "city": "Austin", "state": "TX"
-->         , "postalCode": "78701", "streetAddress1": "12 Elm St"}
-->       , "moveTaskOrderID": "9c7b255c-2981-4bf8-839f-61c7458e2b4d"
-->       , "destinationAddress": {"id": "3f4a2b1c-0000-4000-8000-0000000000a2", "city": "Des Moines", "state": "IA"
-->         , "postalCode": "50309", "streetAddress1": "441 SW Rio Ave."}}}

-- 6. Shipment A is approved: that is Shipment.Approve, and not MTOShipment.Update
\connect - crud
update mto_shipments set status = 'APPROVED', updated_at = '2025-06-27 10:00:06.5Z'
where id = 'ce01a5b8-9b44-4511-8a8d-edb60f2a4aee';
--> prime POST /support/v1/webhook-notify
-->   {"eventKey":"Shipment.Approve"
-->     ,"moveTaskOrderID":"9c7b255c-2981-4bf8-839f-61c7458e2b4d"
-->     ,"objectID":"ce01a5b8-9b44-4511-8a8d-edb60f2a4aee"
-->     ,"object":"{\"id\":\"ce01a5b8-9b44-4511-8a8d-edb60f2a4aee\"
-->       ,\"moveTaskOrderID\":\"9c7b255c-2981-4bf8-839f-61c7458e2b4d\",\"status\":\"APPROVED\",\"shipmentType\":\"HHG\"
-->       ,\"pickupAddress\":{\"id\":\"3f4a2b1c-0000-4000-8000-0000000000a1\",\"city\":\"Austin\",\"state\":\"TX\"
-->         ,\"postalCode\":\"78701\",\"streetAddress1\":\"12 Elm St\"}
-->       ,\"destinationAddress\":{\"id\":\"3f4a2b1c-0000-4000-8000-0000000000a2\",\"city\":\"Des Moines\",\"state\":\"IA\"
-->         ,\"postalCode\":\"50309\",\"streetAddress1\":\"441 SW Rio Ave.\"}
-->       ,\"agents\":[{\"id\":\"2b8a4c60-0000-4000-8000-0000000000c1\",\"email\":\"grace@example.com\",\"lastName\":\"Griffin\"
-->         ,\"agentType\":\"RELEASING_AGENT\",\"firstName\":\"Grace\"}]
-->       ,\"eTag\":\"MjAyNS0wNi0yN1QxMDowMDowNi41Wg==\"}"
-->     ,"createdAt":"0001-01-01T00:00:00.000Z","updatedAt":"0001-01-01T00:00:00.000Z"}

-- 7. Shipment B, which an external vendor has, is approved; a request of move 2, which the Prime does not see, is reviewed
\connect - crud
begin;
update mto_shipments set status = 'APPROVED', updated_at = '2025-06-27 10:00:07Z'
where id = '475579d5-aaa4-4755-8c43-c510381ff9b5';
update payment_requests set status = 'REVIEWED', updated_at = '2025-06-27 10:00:07Z'
where id = 'cfd110d4-1f62-401c-a92c-39987a0b4229';
commit;
--> nothing

-- 8. The Prime itself cancels shipment A through its own API: it is not told of that, the audit partner is
\connect - crud
begin;
select set_config('outbox.source', 'prime', true);
update mto_shipments set status = 'CANCELED', updated_at = '2025-06-27 10:00:08Z'
where id = 'ce01a5b8-9b44-4511-8a8d-edb60f2a4aee';
commit;
--> audit POST /audit/shipments
-->   {"type":"MTOShipment.Update","timestamp":"<moment 8>","id":"<event 8>","sequence":<sequence 8>
-->     ,"object":"MTOShipment","object_id":"ce01a5b8-9b44-4511-8a8d-edb60f2a4aee"
-->     ,"data":{"id": "ce01a5b8-9b44-4511-8a8d-edb60f2a4aee", "eTag": "MjAyNS0wNi0yN1QxMDowMDowOFo="
-->       , "agents": [{"id": "2b8a4c60-0000-4000-8000-0000000000c1", "email": "grace@example.com", "lastName": "Griffin"
-->         , "agentType": "RELEASING_AGENT", "firstName": "Grace"}]
-->       , "status": "CANCELED", "shipmentType": "HHG"
-->       , "pickupAddress": {"id": "3f4a2b1c-0000-4000-8000-0000000000a1", "city": "Austin", "state": "TX"
-->         , "postalCode": "78701", "streetAddress1": "12 Elm St"}
-->       , "moveTaskOrderID": "9c7b255c-2981-4bf8-839f-61c7458e2b4d"
-->       , "destinationAddress": {"id": "3f4a2b1c-0000-4000-8000-0000000000a2", "city": "Des Moines", "state": "IA"
-->         , "postalCode": "50309", "streetAddress1": "441 SW Rio Ave."}}}

-- 9. Somebody subscribes to an event that nothing makes: an error at registration, not silence for ever
\connect - :admin
select outbox.subscribe('Prime McPrime Contractor', 'Shipment.CreateTermination', :'prime', identity => 'prime');
--> error OX001 Shipment.CreateTermination

-- 10. The Prime's receiver fails: three attempts at once, then it is severity 3, and waits for the next minute
\connect - crud
update payment_requests set status = 'SENT_TO_GEX', updated_at = '2025-06-27 10:00:10Z'
where id = 'a2c34dba-015f-4f96-a38b-0c0b9272e208';
--> until (select count(*) = 1 from outbox.delivery where attempt = 3 and leased_by is null)
--> prime POST /support/v1/webhook-notify answers 500
-->   webhook-id: <failed at the Prime>
-->   {"eventKey":"PaymentRequest.Update"
-->     ,"moveTaskOrderID":"9c7b255c-2981-4bf8-839f-61c7458e2b4d"
-->     ,"objectID":"a2c34dba-015f-4f96-a38b-0c0b9272e208"
-->     ,"object":"{\"id\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\",\"isFinal\":false
-->       ,\"moveTaskOrderID\":\"9c7b255c-2981-4bf8-839f-61c7458e2b4d\",\"paymentRequestNumber\":\"1234-5678-1\"
-->       ,\"status\":\"SENT_TO_GEX\",\"paymentServiceItems\":[
-->         {\"id\":\"bcce0201-0000-4000-8000-0000000000d1\",\"paymentRequestID\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\"
-->           ,\"status\":\"APPROVED\",\"priceCents\":123456}
-->         ,{\"id\":\"bcce0201-0000-4000-8000-0000000000d2\",\"paymentRequestID\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\"
-->           ,\"status\":\"APPROVED\",\"priceCents\":321}]
-->       ,\"eTag\":\"MjAyNS0wNi0yN1QxMDowMDoxMFo=\"}"
-->     ,"createdAt":"0001-01-01T00:00:00.000Z","updatedAt":"0001-01-01T00:00:00.000Z"}
--> prime POST /support/v1/webhook-notify answers 500
-->   webhook-id: <failed at the Prime>
-->   {"eventKey":"PaymentRequest.Update"
-->     ,"moveTaskOrderID":"9c7b255c-2981-4bf8-839f-61c7458e2b4d"
-->     ,"objectID":"a2c34dba-015f-4f96-a38b-0c0b9272e208"
-->     ,"object":"{\"id\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\",\"isFinal\":false
-->       ,\"moveTaskOrderID\":\"9c7b255c-2981-4bf8-839f-61c7458e2b4d\",\"paymentRequestNumber\":\"1234-5678-1\"
-->       ,\"status\":\"SENT_TO_GEX\",\"paymentServiceItems\":[
-->         {\"id\":\"bcce0201-0000-4000-8000-0000000000d1\",\"paymentRequestID\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\"
-->           ,\"status\":\"APPROVED\",\"priceCents\":123456}
-->         ,{\"id\":\"bcce0201-0000-4000-8000-0000000000d2\",\"paymentRequestID\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\"
-->           ,\"status\":\"APPROVED\",\"priceCents\":321}]
-->       ,\"eTag\":\"MjAyNS0wNi0yN1QxMDowMDoxMFo=\"}"
-->     ,"createdAt":"0001-01-01T00:00:00.000Z","updatedAt":"0001-01-01T00:00:00.000Z"}
--> prime POST /support/v1/webhook-notify answers 500
-->   webhook-id: <failed at the Prime>
-->   {"eventKey":"PaymentRequest.Update"
-->     ,"moveTaskOrderID":"9c7b255c-2981-4bf8-839f-61c7458e2b4d"
-->     ,"objectID":"a2c34dba-015f-4f96-a38b-0c0b9272e208"
-->     ,"object":"{\"id\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\",\"isFinal\":false
-->       ,\"moveTaskOrderID\":\"9c7b255c-2981-4bf8-839f-61c7458e2b4d\",\"paymentRequestNumber\":\"1234-5678-1\"
-->       ,\"status\":\"SENT_TO_GEX\",\"paymentServiceItems\":[
-->         {\"id\":\"bcce0201-0000-4000-8000-0000000000d1\",\"paymentRequestID\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\"
-->           ,\"status\":\"APPROVED\",\"priceCents\":123456}
-->         ,{\"id\":\"bcce0201-0000-4000-8000-0000000000d2\",\"paymentRequestID\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\"
-->           ,\"status\":\"APPROVED\",\"priceCents\":321}]
-->       ,\"eTag\":\"MjAyNS0wNi0yN1QxMDowMDoxMFo=\"}"
-->     ,"createdAt":"0001-01-01T00:00:00.000Z","updatedAt":"0001-01-01T00:00:00.000Z"}

-- 11. Half an hour later, by the clock of the database, it still fails: severity 2. Other subscriptions go on meanwhile
\connect - :admin
select s.status, h.severity from outbox.subscription s join outbox.subscription_health h on h.subscription = s.id
where s.pattern = 'PaymentRequest.Update';
update outbox.subscription_health set failing_since = failing_since - interval '30 minutes' where severity is not null;
update outbox.delivery set due_at = clock_timestamp();
select outbox.ring();
--> row failing|3
--> until (select count(*) = 1 from outbox.delivery where attempt = 4 and leased_by is null)
--> prime POST /support/v1/webhook-notify answers 500
-->   webhook-id: <failed at the Prime>
-->   {"eventKey":"PaymentRequest.Update"
-->     ,"moveTaskOrderID":"9c7b255c-2981-4bf8-839f-61c7458e2b4d"
-->     ,"objectID":"a2c34dba-015f-4f96-a38b-0c0b9272e208"
-->     ,"object":"{\"id\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\",\"isFinal\":false
-->       ,\"moveTaskOrderID\":\"9c7b255c-2981-4bf8-839f-61c7458e2b4d\",\"paymentRequestNumber\":\"1234-5678-1\"
-->       ,\"status\":\"SENT_TO_GEX\",\"paymentServiceItems\":[
-->         {\"id\":\"bcce0201-0000-4000-8000-0000000000d1\",\"paymentRequestID\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\"
-->           ,\"status\":\"APPROVED\",\"priceCents\":123456}
-->         ,{\"id\":\"bcce0201-0000-4000-8000-0000000000d2\",\"paymentRequestID\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\"
-->           ,\"status\":\"APPROVED\",\"priceCents\":321}]
-->       ,\"eTag\":\"MjAyNS0wNi0yN1QxMDowMDoxMFo=\"}"
-->     ,"createdAt":"0001-01-01T00:00:00.000Z","updatedAt":"0001-01-01T00:00:00.000Z"}

-- 12. Four hours later it is over: severity 1, a dead letter, and the subscription is off; what comes now is kept for it
\connect - :admin
select h.severity from outbox.subscription_health h where h.severity is not null;
update outbox.subscription_health set failing_since = failing_since - interval '4 hours' where severity is not null;
update outbox.delivery set due_at = clock_timestamp();
select outbox.ring();
--> row 2
--> until (select status = 'disabled' from outbox.subscription where pattern = 'PaymentRequest.Update')
--> prime POST /support/v1/webhook-notify answers 500
-->   webhook-id: <failed at the Prime>
-->   {"eventKey":"PaymentRequest.Update"
-->     ,"moveTaskOrderID":"9c7b255c-2981-4bf8-839f-61c7458e2b4d"
-->     ,"objectID":"a2c34dba-015f-4f96-a38b-0c0b9272e208"
-->     ,"object":"{\"id\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\",\"isFinal\":false
-->       ,\"moveTaskOrderID\":\"9c7b255c-2981-4bf8-839f-61c7458e2b4d\",\"paymentRequestNumber\":\"1234-5678-1\"
-->       ,\"status\":\"SENT_TO_GEX\",\"paymentServiceItems\":[
-->         {\"id\":\"bcce0201-0000-4000-8000-0000000000d1\",\"paymentRequestID\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\"
-->           ,\"status\":\"APPROVED\",\"priceCents\":123456}
-->         ,{\"id\":\"bcce0201-0000-4000-8000-0000000000d2\",\"paymentRequestID\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\"
-->           ,\"status\":\"APPROVED\",\"priceCents\":321}]
-->       ,\"eTag\":\"MjAyNS0wNi0yN1QxMDowMDoxMFo=\"}"
-->     ,"createdAt":"0001-01-01T00:00:00.000Z","updatedAt":"0001-01-01T00:00:00.000Z"}

-- 13. Meanwhile payment requests change and nobody is told; shipments are told as ever
\connect - crud
update payment_requests set status = 'PAID', updated_at = '2025-06-27 10:00:13Z' where id = 'a2c34dba-015f-4f96-a38b-0c0b9272e208';
\connect - :admin
select s.status, h.severity, (select count(*) from outbox.dead_letter), (select count(*) from outbox.delivery)
from outbox.subscription s join outbox.subscription_health h on h.subscription = s.id where s.pattern = 'PaymentRequest.Update';
select reason from outbox.subscription_change where to_status = 'disabled';
--> row disabled|1|1|1
--> row <why it is off>

-- 14. The Prime has mended it: switched on, it gets what was kept, and what was given up is sent again
\connect - :admin
select outbox.enable(subscriber => 'Prime McPrime Contractor', reason => 'the Prime has mended it');
select outbox.retry(delivery) is not null from outbox.dead_letter;
--> row 1
--> row t
--> prime POST /support/v1/webhook-notify
-->   webhook-id: <failed at the Prime>
-->   {"eventKey":"PaymentRequest.Update"
-->     ,"moveTaskOrderID":"9c7b255c-2981-4bf8-839f-61c7458e2b4d"
-->     ,"objectID":"a2c34dba-015f-4f96-a38b-0c0b9272e208"
-->     ,"object":"{\"id\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\",\"isFinal\":false
-->       ,\"moveTaskOrderID\":\"9c7b255c-2981-4bf8-839f-61c7458e2b4d\",\"paymentRequestNumber\":\"1234-5678-1\"
-->       ,\"status\":\"SENT_TO_GEX\",\"paymentServiceItems\":[
-->         {\"id\":\"bcce0201-0000-4000-8000-0000000000d1\",\"paymentRequestID\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\"
-->           ,\"status\":\"APPROVED\",\"priceCents\":123456}
-->         ,{\"id\":\"bcce0201-0000-4000-8000-0000000000d2\",\"paymentRequestID\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\"
-->           ,\"status\":\"APPROVED\",\"priceCents\":321}]
-->       ,\"eTag\":\"MjAyNS0wNi0yN1QxMDowMDoxMFo=\"}"
-->     ,"createdAt":"0001-01-01T00:00:00.000Z","updatedAt":"0001-01-01T00:00:00.000Z"}
--> prime POST /support/v1/webhook-notify
-->   {"eventKey":"PaymentRequest.Update"
-->     ,"moveTaskOrderID":"9c7b255c-2981-4bf8-839f-61c7458e2b4d"
-->     ,"objectID":"a2c34dba-015f-4f96-a38b-0c0b9272e208"
-->     ,"object":"{\"id\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\",\"isFinal\":false
-->       ,\"moveTaskOrderID\":\"9c7b255c-2981-4bf8-839f-61c7458e2b4d\",\"paymentRequestNumber\":\"1234-5678-1\"
-->       ,\"status\":\"PAID\",\"paymentServiceItems\":[
-->         {\"id\":\"bcce0201-0000-4000-8000-0000000000d1\",\"paymentRequestID\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\"
-->           ,\"status\":\"APPROVED\",\"priceCents\":123456}
-->         ,{\"id\":\"bcce0201-0000-4000-8000-0000000000d2\",\"paymentRequestID\":\"a2c34dba-015f-4f96-a38b-0c0b9272e208\"
-->           ,\"status\":\"APPROVED\",\"priceCents\":321}]
-->       ,\"eTag\":\"MjAyNS0wNi0yN1QxMDowMDoxM1o=\"}"
-->     ,"createdAt":"0001-01-01T00:00:00.000Z","updatedAt":"0001-01-01T00:00:00.000Z"}

-- 15. And all is as it was
\connect - :admin
select s.status, h.severity, h.consecutive_failures, h.dead_in_a_row
from outbox.subscription s join outbox.subscription_health h on h.subscription = s.id where s.pattern = 'PaymentRequest.Update';
--> row active||0|0
