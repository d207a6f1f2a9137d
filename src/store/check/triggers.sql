-- The triggers on outboxd's own table: without them an edited subscription is not checked, or signs nothing, or leaves no trace.
select json_build_object(
    'triggers', (
        select coalesce(json_object_agg(t.tgname, t.tgenabled in ('O', 'A')), '{}')
        from pg_trigger t where t.tgrelid = 'outbox.subscription'::regclass and not t.tgisinternal)
)::text
