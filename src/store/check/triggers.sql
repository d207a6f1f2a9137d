-- The triggers on outboxd's own tables: without them events, checks or traces are lost and nothing fails. From the catalogue, which
-- everybody may read.
select json_build_object(
    'triggers', (
        select coalesce(json_object_agg(t.tgname, t.tgenabled::text), '{}')
        from pg_trigger t
            join pg_class c on c.oid = t.tgrelid
            join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'outbox' and not t.tgisinternal and t.tgparentid = 0),
    'functions', (
        select coalesce(json_agg(p.proname), '[]')
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'outbox' and p.prorettype = 'trigger'::regtype)
)::text
