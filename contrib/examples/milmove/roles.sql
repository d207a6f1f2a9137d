-- Run first, once, by the owner of schema outbox: who owns MilMove's tables, who writes them, and that the owner may watch them.

-- Owns the tables, their functions and what is said about them in objects.sql. It has no other right in schema outbox.
create role mymove login;
grant create on schema public to mymove;
select outbox.permit_watch('mymove');

-- The application. It reads and writes MilMove's own tables, and has never heard of outbox.
create role crud login;
