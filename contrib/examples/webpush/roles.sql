-- Run first, once, by the owner of schema outbox: who owns the tables and who writes them.

-- Owns the tables and says in objects.sql what an order is. It has no other right in schema outbox.
create role pizza login;
grant create on schema public to pizza;
select outbox.permit_watch('pizza');

-- The shop. It writes orders, and has never heard of outbox.
create role pizza_app login;
