-- Run first, once, by the owner of schema outbox: who owns the table, who writes it, who publishes, and what they may.

-- Owns the table and says in objects.sql what it is. It has no other right in schema outbox.
create role ads login;
grant create on schema public to ads;
select outbox.permit_watch('ads');

-- The pipeline that finds citations. It writes the table, and has never heard of outbox.
create role ads_pipeline login;

-- Providers of events that no table stands for; formerly whoever held WEBHOOK_TRIGGER_TOKEN.
create role ads_provider login;
grant usage on schema outbox to ads_provider;
grant execute on function outbox.emit to ads_provider;
