-- What MilMove has before it hears of outboxd: tables and columns by the names they have there, and some data.
-- Nothing below knows of schema outbox.
\connect - mymove

create type mto_shipment_status as enum ('DRAFT', 'SUBMITTED', 'APPROVED', 'REJECTED', 'CANCELLATION_REQUESTED', 'CANCELED',
    'DIVERSION_REQUESTED', 'APPROVALS_REQUESTED', 'TERMINATED_FOR_CAUSE');
create type payment_request_status as enum ('PENDING', 'REVIEWED', 'REVIEWED_AND_ALL_SERVICE_ITEMS_REJECTED', 'SENT_TO_GEX',
    'TPPS_RECEIVED', 'PAID', 'EDI_ERROR', 'DEPRECATED');
create type payment_service_item_status as enum ('REQUESTED', 'APPROVED', 'DENIED', 'SENT_TO_GEX', 'PAID', 'EDI_ERROR');

create table contractors (
    id              uuid primary key,
    name            text not null,
    type            text not null,
    contract_number text not null
);

create table moves (
    id                    uuid primary key,
    locator               text        not null unique,
    show                  boolean     not null default true,
    available_to_prime_at timestamptz,
    reference_id          text,
    updated_at            timestamptz not null default now()
);

create table addresses (
    id               uuid primary key,
    street_address_1 text not null,
    city             text not null,
    state            text not null,
    postal_code      text not null
);

create table mto_shipments (
    id                     uuid primary key,
    move_id                uuid                not null references moves,
    status                 mto_shipment_status not null default 'DRAFT',
    shipment_type          text                not null default 'HHG',
    uses_external_vendor   boolean             not null default false,
    pickup_address_id      uuid references addresses,
    destination_address_id uuid references addresses,
    updated_at             timestamptz         not null default now()
);
create index on mto_shipments (pickup_address_id);
create index on mto_shipments (destination_address_id);

create table mto_agents (
    id              uuid primary key,
    mto_shipment_id uuid not null references mto_shipments,
    agent_type      text not null,
    first_name      text,
    last_name       text,
    email           text
);
create index on mto_agents (mto_shipment_id);

create table payment_requests (
    id                     uuid primary key,
    move_id                uuid                   not null references moves,
    status                 payment_request_status not null default 'PENDING',
    is_final               boolean                not null default false,
    payment_request_number text                   not null unique,
    rejection_reason       text,
    updated_at             timestamptz            not null default now()
);

create table payment_service_items (
    id                 uuid primary key,
    payment_request_id uuid                        not null references payment_requests,
    status             payment_service_item_status not null default 'REQUESTED',
    price_cents        integer
);
create index on payment_service_items (payment_request_id);

grant select, insert, update, delete on contractors, moves, addresses, mto_shipments, mto_agents, payment_requests,
    payment_service_items to crud;

insert into contractors values ('5db13bb4-6d29-4bdb-bc81-262f4513ecf6', 'Prime McPrime Contractor', 'Prime', 'HTC111-11-1-1111');

-- Move 1 is available to the Prime, move 2 is not (yet).
insert into moves (id, locator, available_to_prime_at, reference_id, updated_at) values
    ('9c7b255c-2981-4bf8-839f-61c7458e2b4d', 'RDY4PR', '2025-06-01 08:00Z', '1111-2222', '2025-06-01 08:00Z'),
    ('99783f4d-ee83-4fc9-8e0c-d32496bef32b', 'NOTYET', null,                '3333-4444', '2025-06-01 08:00Z');

insert into addresses values
    ('3f4a2b1c-0000-4000-8000-0000000000a1', '7 Q St',          'Austin',      'TX', '78701'),
    ('3f4a2b1c-0000-4000-8000-0000000000a2', '441 SW Rio Ave.', 'Des Moines',  'IA', '50309');

-- Shipments A and B of move 1 are picked up at the same place, but B is in the hands of an external vendor.
insert into mto_shipments (id, move_id, status, uses_external_vendor, pickup_address_id, destination_address_id, updated_at)
values
    ('ce01a5b8-9b44-4511-8a8d-edb60f2a4aee', '9c7b255c-2981-4bf8-839f-61c7458e2b4d', 'SUBMITTED', false,
        '3f4a2b1c-0000-4000-8000-0000000000a1', '3f4a2b1c-0000-4000-8000-0000000000a2', '2025-06-01 08:00Z'),
    ('475579d5-aaa4-4755-8c43-c510381ff9b5', '9c7b255c-2981-4bf8-839f-61c7458e2b4d', 'SUBMITTED', true,
        '3f4a2b1c-0000-4000-8000-0000000000a1', null, '2025-06-01 08:00Z');

insert into mto_agents values ('2b8a4c60-0000-4000-8000-0000000000c1', 'ce01a5b8-9b44-4511-8a8d-edb60f2a4aee',
    'RELEASING_AGENT', 'Grace', 'Griffin', 'grace@example.com');

insert into payment_requests (id, move_id, payment_request_number, updated_at) values
    ('a2c34dba-015f-4f96-a38b-0c0b9272e208', '9c7b255c-2981-4bf8-839f-61c7458e2b4d', '1234-5678-1', '2025-06-01 08:00Z'),
    ('cfd110d4-1f62-401c-a92c-39987a0b4229', '99783f4d-ee83-4fc9-8e0c-d32496bef32b', '3333-4444-1', '2025-06-01 08:00Z');

insert into payment_service_items (id, payment_request_id, price_cents) values
    ('bcce0201-0000-4000-8000-0000000000d1', 'a2c34dba-015f-4f96-a38b-0c0b9272e208', 123456),
    ('bcce0201-0000-4000-8000-0000000000d2', 'a2c34dba-015f-4f96-a38b-0c0b9272e208', 321),
    ('bcce0201-0000-4000-8000-0000000000d3', 'cfd110d4-1f62-401c-a92c-39987a0b4229', 999);
