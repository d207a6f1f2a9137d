-- What happens to two orders, and what the push gateway is sent. psql runs this file; each statement is a transaction.
-- `-->` says what must come of a step, and that it is all: the requests, each with where it goes, the headers that are not on
-- every request, and the body, byte for byte (line breaks and indents here are not part of it). "answers 410" is what the
-- gateway says to that request, if not 200; "row" is what psql prints; "until" says when a step is over.
\set admin :USER

-- 1. Two devices follow one order, nobody the other; both orders go through all their states: one push to each device
\connect - :admin
select follow(device, '2dh3kOyQLCo9s2mG8yMu5KcZSM5', :'gateway') > 0 from unnest('{d1,d2}'::text[]) as device;
\connect - pizza_app
update orders set status = 'ACCEPTED_BY_STORE';
update orders set status = 'IN_KITCHEN';
update orders set status = 'READY_FOR_PICKUP';
update orders set status = 'PICKED_UP_BY_DRIVER';
update orders set status = 'OUT_FOR_DELIVERY';
update orders set status = 'DELIVERED';
update orders set status = 'COMPLETED';
--> row t
--> row t
--> until (select bool_and(s.status = 'gone') from outbox.subscription s)
--> gateway POST /push
-->   {"subscription":{"endpoint":"https://push.example.net/send/d1","keys":{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
-->       ,"auth":"BTBZMqHH6r4Tts7J_aSIgg"}}
-->     ,"notification":{"title":"Pizza delivery","body":"Your pizza is on the way!"},"ttl":3600,"urgency":"high"
-->     ,"topic":"2dh3kOyQLCo9s2mG8yMu5KcZSM5"}
--> gateway POST /push
-->   {"subscription":{"endpoint":"https://push.example.net/send/d2","keys":{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
-->       ,"auth":"BTBZMqHH6r4Tts7J_aSIgg"}}
-->     ,"notification":{"title":"Pizza delivery","body":"Your pizza is on the way!"},"ttl":3600,"urgency":"high"
-->     ,"topic":"2dh3kOyQLCo9s2mG8yMu5KcZSM5"}

-- 2. That was all they were to get: the subscriptions are over. Device d1 follows the next order, and is gone: one attempt, no other
\connect - :admin
select distinct status from outbox.subscription;
select follow('d1', '2dh3lPzRMDp0t3nH9zNv6LdATN6', :'gateway') > 0;
\connect - pizza_app
update orders set status = 'OUT_FOR_DELIVERY' where order_id = '2dh3lPzRMDp0t3nH9zNv6LdATN6';
--> row gone
--> row t
--> gateway POST /push answers 410
-->   {"subscription":{"endpoint":"https://push.example.net/send/d1","keys":{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
-->       ,"auth":"BTBZMqHH6r4Tts7J_aSIgg"}}
-->     ,"notification":{"title":"Pizza delivery","body":"Your pizza is on the way!"},"ttl":3600,"urgency":"high"
-->     ,"topic":"2dh3lPzRMDp0t3nH9zNv6LdATN6"}

-- 3. Device d2 follows it; the push service wants a second to breathe, and gets it
\connect - :admin
select distinct status from outbox.subscription;
select follow('d2', '2dh3lPzRMDp0t3nH9zNv6LdATN6', :'gateway') > 0;
\connect - pizza_app
update orders set status = 'READY_FOR_PICKUP' where order_id = '2dh3lPzRMDp0t3nH9zNv6LdATN6';
update orders set status = 'OUT_FOR_DELIVERY' where order_id = '2dh3lPzRMDp0t3nH9zNv6LdATN6';
--> row gone
--> row t
--> gateway POST /push answers 429 retry-after: 1
-->   webhook-id: <pushed to d2>
-->   {"subscription":{"endpoint":"https://push.example.net/send/d2","keys":{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
-->       ,"auth":"BTBZMqHH6r4Tts7J_aSIgg"}}
-->     ,"notification":{"title":"Pizza delivery","body":"Your pizza is on the way!"},"ttl":3600,"urgency":"high"
-->     ,"topic":"2dh3lPzRMDp0t3nH9zNv6LdATN6"}
--> gateway POST /push
-->   webhook-id: <pushed to d2>
-->   {"subscription":{"endpoint":"https://push.example.net/send/d2","keys":{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
-->       ,"auth":"BTBZMqHH6r4Tts7J_aSIgg"}}
-->     ,"notification":{"title":"Pizza delivery","body":"Your pizza is on the way!"},"ttl":3600,"urgency":"high"
-->     ,"topic":"2dh3lPzRMDp0t3nH9zNv6LdATN6"}

-- 4. The gateway is down for longer than a push is of use: it expires, and nobody hears of a pizza that was eaten long ago
\connect - :admin
with tried as (
    select a.started_at - lag(a.started_at) over (order by a.id) as pause from outbox.attempt a join outbox.subscription s on s.id = a.subscription
    where s.subscriber = 'd2' and a.class is not null)
select max(pause) >= interval '1 second' from tried;
select follow('d2', '2dh3kOyQLCo9s2mG8yMu5KcZSM5', :'gateway', ttl => '1 second') > 0;
\connect - pizza_app
update orders set status = 'OUT_FOR_DELIVERY' where order_id = '2dh3kOyQLCo9s2mG8yMu5KcZSM5';
--> row t
--> row t
--> gateway POST /push answers 503
-->   webhook-id: <never pushed>
-->   {"subscription":{"endpoint":"https://push.example.net/send/d2","keys":{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
-->       ,"auth":"BTBZMqHH6r4Tts7J_aSIgg"}}
-->     ,"notification":{"title":"Pizza delivery","body":"Your pizza is on the way!"},"ttl":3600,"urgency":"high"
-->     ,"topic":"2dh3kOyQLCo9s2mG8yMu5KcZSM5"}
--> gateway POST /push answers 503
-->   webhook-id: <never pushed>
-->   {"subscription":{"endpoint":"https://push.example.net/send/d2","keys":{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
-->       ,"auth":"BTBZMqHH6r4Tts7J_aSIgg"}}
-->     ,"notification":{"title":"Pizza delivery","body":"Your pizza is on the way!"},"ttl":3600,"urgency":"high"
-->     ,"topic":"2dh3kOyQLCo9s2mG8yMu5KcZSM5"}

-- 5. Two thousand devices follow orders of their own: what they wait for costs the others nothing, and nobody is told of another's
\connect - :admin
select outcome, error from outbox.attempt where outcome = 'expired';
select count(follow('d' || n, 'order ' || n, :'gateway')) from generate_series(1001, 3000) n;
\connect - pizza_app
insert into push_devices select 'd' || n, 'https://push.example.net/send/d' || n, 'BTBZMqHH6r4Tts7J_aSIgg',
    'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4' from generate_series(1001, 3000) n;
insert into orders (order_id, customer_id, status, total) select 'order ' || n, 'c', 'IN_KITCHEN', 1 from generate_series(1001, 3000) n;
update orders set status = 'OUT_FOR_DELIVERY' where order_id = 'order 1777';
--> row expired|it is of no use after 1s (ttl)
--> row 2000
--> gateway POST /push
-->   {"subscription":{"endpoint":"https://push.example.net/send/d1777","keys":{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
-->       ,"auth":"BTBZMqHH6r4Tts7J_aSIgg"}}
-->     ,"notification":{"title":"Pizza delivery","body":"Your pizza is on the way!"},"ttl":3600,"urgency":"high"
-->     ,"topic":"order 1777"}

-- 6. A statement that changes nothing
\connect - pizza_app
update orders set status = status;
--> nothing
