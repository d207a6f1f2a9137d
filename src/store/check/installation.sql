-- Is this the database that delivers? The answer comes from a function, so it also shows that PL/pgSQL works. Who may not ask the
-- one function may ask the other.
select json_build_object('is_home', outbox.is_home(), 'doorbell_silence', outbox.doorbell_silence())::text
