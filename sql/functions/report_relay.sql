create or replace function outbox.report_relay(name text, host text, pid integer, release text, doorbell text) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    -- Shows a relay in outbox.relay, when it starts and now and then after. Nothing is decided by it.
    -- Arguments: name, host, pid, release of the relay; doorbell, what it has of it: kept, heard, or none and why.
    -- Touches: upsert outbox.relay; deletes relays not seen for 8 days.
    delete from outbox.relay r where r.last_seen_at < clock_timestamp() - interval '8 days';
    insert into outbox.relay as r (name, host, pid, release, doorbell)
    values (report_relay.name, report_relay.host, report_relay.pid, report_relay.release, report_relay.doorbell)
    on conflict on constraint relay_pkey do update set
        last_seen_at = clock_timestamp(),
        started_at = case when r.pid = excluded.pid and r.host = excluded.host then r.started_at else clock_timestamp() end,
        host = excluded.host, pid = excluded.pid, release = excluded.release,
        doorbell = excluded.doorbell, stopped_at = null
$$;
