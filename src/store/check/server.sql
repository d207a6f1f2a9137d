-- The server, and what this session is on it. Catalogues alone, which everybody may read, in any database.
select json_build_object(
    'version', current_setting('server_version'),
    'version_num', current_setting('server_version_num')::integer,
    'is_standby', pg_is_in_recovery(),
    'database', quote_ident(current_database()),
    'encoding', pg_encoding_to_char(d.encoding),
    'role', quote_ident(current_user),
    'tls', (select s.version from pg_stat_ssl s where s.pid = pg_backend_pid() and s.ssl),
    -- Null on a Unix socket.
    'address', inet_server_addr(),
    'clock_s', extract(epoch from clock_timestamp()),
    'has_plpgsql', exists (select from pg_language l where l.lanname = 'plpgsql'),
    'connections_max', current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer,
    -- Everybody may read this sum; pg_stat_activity shows strangers no kind.
    'connections', (select sum(s.numbackends) from pg_stat_database s),
    'role_limit', (
        select case when r.rolconnlimit >= 0 and not r.rolsuper then r.rolconnlimit end
        from pg_roles r where r.rolname = current_user),
    'role_connections', (select count(*) from pg_stat_activity a where a.usename = current_user),
    'notify_queue', pg_notification_queue_usage(),
    'max_prepared_transactions', current_setting('max_prepared_transactions')::integer,
    -- What makes sessions write without events, or without waking anybody, and who is given it: by whatever session, so not from
    -- pg_settings. `ours`: it is given to this session too.
    'given', (
        select coalesce(json_agg(json_build_object('name', g.name, 'value', g.value, 'given_to', g.given_to, 'ours', g.ours)
            order by g.name, g.given_to), '[]')
        from (
            select split_part(c.setting, '=', 1) as name, lower(split_part(c.setting, '=', 2)) as value,
                concat_ws(' in ',
                    case when s.setrole <> 0 or s.setdatabase = 0 then 'role ' || coalesce(quote_ident(r.rolname), 'all') end,
                    case when s.setdatabase <> 0 then 'database ' || quote_ident(d.datname) end) as given_to,
                s.setrole = 0 or r.rolname = session_user as ours
            from pg_db_role_setting s cross join unnest(s.setconfig) as c (setting) left join pg_roles r on r.oid = s.setrole
            where s.setdatabase in (0, d.oid)
        ) g
        where (g.name, g.value) in (('session_replication_role', 'replica'), ('outbox.capture', 'off'), ('outbox.doorbell', 'off'))),
    -- What a role or database was given and a relay does not override. In milliseconds; 0 is none.
    'settings', (
        select coalesce(json_agg(json_build_object('name', s.name, 'value', s.reset_val, 'ms', s.ms,
            -- Who gave it decides what takes it away again.
            'given_to', case s.source when 'user' then 'role ' || quote_ident(current_user)
                when 'database' then 'database ' || quote_ident(current_database()) end,
            'source', s.source) order by s.name), '[]')
        from (
            select p.name, p.reset_val, p.source,
                case when p.unit = 'ms' then p.reset_val::bigint end as ms
            from pg_settings p
            where p.name in ('idle_session_timeout', 'transaction_timeout', 'default_transaction_read_only')
                and p.reset_val not in ('0', 'off')
        ) s)
)::text
from pg_database d where d.datname = current_database()
