-- Run first, once, by the owner of schema outbox: who owns the tables, who writes them, and that the owner may watch them.

-- Owns the tables and says in objects.sql which objects they are. It has no other right in schema outbox.
create role ctp login;
grant create on schema public to ctp;
select outbox.permit_watch('ctp');

-- The services orchcca, orchcu and orch. They write the domain's tables, and have never heard of outbox.
create role ctp_app login;

-- A transaction may set this request header: set local outbox.header.X_CorrelationId (names of settings have no hyphens).
update outbox.setting set context_headers = '{X-CorrelationId}';
