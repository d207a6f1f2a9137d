-- Run by the owner of schema outbox: what the push gateway is sent, and how a device is bound to an order.

-- The gateway's contract: where to push, what to show, for how long it is of use. The device is the subscriber.
create function push(event outbox.event, subscription bigint) returns json
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select json_strip_nulls(json_build_object(
        'subscription', json_build_object('endpoint', d.endpoint, 'keys', json_build_object('p256dh', d.p256dh, 'auth', d.auth)),
        'notification', json_build_object('title', 'Pizza delivery', 'body', 'Your pizza is on the way!'),
        'ttl', 3600,
        'urgency', 'high',
        'topic', left(event.data ->> 'orderId', 32)))
    from outbox.subscription s join public.push_devices d on d.subscription_id = s.subscriber
    where s.id = push.subscription
$$;

-- One order, one device, one push: told when the order is on its way, within ten minutes or never. 404 and 410 are what push
-- services say of a device that is gone.
create function follow(device text, order_id text, gateway text, ttl interval default '10 minutes') returns bigint
language sql
set search_path = pg_catalog, pg_temp
as $$
    insert into outbox.subscription (subscriber, pattern, url, object_id, filter, envelope, max_deliveries, ttl, gone_codes, delays)
    values (follow.device, 'Order.Update', follow.gateway, follow.order_id,
        jsonb_build_object('orderId', follow.order_id, 'status', 'OUT_FOR_DELIVERY'), 'public.push', 1, follow.ttl, '{404,410}', '{100 ms,30 s}')
    returning id
$$;
