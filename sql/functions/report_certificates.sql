create or replace function outbox.report_certificates(relay text, certificates jsonb) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    -- Shows in outbox.certificate what a relay has in use and has seen; what it does not name any more goes, and so does what relays
    -- have reported that are not in outbox.relay any more.
    -- Arguments: relay; certificates, an array of objects with use, name, fingerprint, subject, not_before and not_after, the
    --   two in seconds since 1970.
    -- Touches: delete and upsert outbox.certificate; select outbox.relay.
    delete from outbox.certificate c
    where c.relay <> report_certificates.relay and not exists (select from outbox.relay r where r.name = c.relay)
        or c.relay = report_certificates.relay and not exists (
            select from jsonb_array_elements(report_certificates.certificates) e
            where (e ->> 'use', e ->> 'name', e ->> 'fingerprint') = (c.use, c.name, c.fingerprint));
    insert into outbox.certificate as c (relay, use, name, fingerprint, subject, not_before, not_after)
    select distinct on (e.use, e.name, e.fingerprint)
        report_certificates.relay, e.use, e.name, e.fingerprint, e.subject, to_timestamp(e.not_before), to_timestamp(e.not_after)
    from jsonb_to_recordset(report_certificates.certificates) as e (
        use text, name text, fingerprint text, subject text, not_before double precision, not_after double precision)
    order by e.use, e.name, e.fingerprint
    on conflict on constraint certificate_pkey do update set seen_at = clock_timestamp()
$$;
