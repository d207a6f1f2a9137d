-- What there is before anybody hears of outboxd.
\connect - ctp

create table customer_account (
    guid       text primary key,
    first_name text        not null,
    last_name  text        not null,
    email      text        not null,
    updated_at timestamptz not null default now()
);

create table vehicle_subscription (
    guid   text not null references customer_account,
    vin    text not null,
    status text not null,
    primary key (guid, vin)
);

grant select, insert, update, delete on customer_account, vehicle_subscription to ctp_app;
