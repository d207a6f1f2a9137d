-- What there is before anybody hears of outboxd.
\connect - pizza

create table orders (
    order_id    text primary key,
    customer_id text        not null,
    currency    text        not null default 'USD',
    status      text        not null,
    total       numeric     not null,
    num_items   int         not null default 1,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now()
);

-- What a browser gives for its push subscription; the id is the base64 of the SHA-256 of the endpoint.
create table push_devices (
    subscription_id text primary key,
    endpoint        text not null,
    auth            text not null,
    p256dh          text not null
);

insert into orders (order_id, customer_id, status, total) values
    ('2dh3kOyQLCo9s2mG8yMu5KcZSM5', 'c1', 'SUBMITTED', 24.50),
    ('2dh3lPzRMDp0t3nH9zNv6LdATN6', 'c2', 'SUBMITTED', 12.00);
insert into push_devices values
    ('d1', 'https://push.example.net/send/d1', 'BTBZMqHH6r4Tts7J_aSIgg',
        'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4'),
    ('d2', 'https://push.example.net/send/d2', 'BTBZMqHH6r4Tts7J_aSIgg',
        'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4');

grant select, insert, update, delete on orders, push_devices to pizza_app;
