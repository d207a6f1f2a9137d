create or replace function outbox.report_stop(name text, host text, pid integer) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    -- Shows in outbox.relay that a relay ends in order, so that nobody takes it for alive until it would have been missed.
    -- Arguments: name, host, pid of the relay; of another process of that name, which may have begun already, nothing is said.
    -- Touches: update outbox.relay.
    update outbox.relay r set stopped_at = clock_timestamp()
    where r.name = report_stop.name and r.host = report_stop.host and r.pid = report_stop.pid
$$;
