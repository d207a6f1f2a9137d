-- Who keeps old row versions of this database from being cleaned up (vacuum), or the doorbell from being armed (doorbell), the
-- oldest first. Vacuum looks at sessions and prepared transactions of its own database, at every replication slot and standby;
-- the doorbell at transactions that have written, in whichever database of the cluster. No statements are shown: who may read
-- those has pg_stat_activity. since is null for sessions of others unless one is a member of pg_read_all_stats.
create or replace view outbox.oldest_xmin as
select h.kind, h.who, h.since, h.transactions, h.holds, h.remedy
from (
    select 'session' as kind,
        format('pid %s of %s in %s%s', a.pid, a.usename, a.datname, ', ' || nullif(a.application_name, ''))
            || coalesce(', ' || a.state, '') as who,
        a.xact_start as since,
        case when a.datname = current_database() then greatest(age(a.backend_xmin), age(a.backend_xid))
            else age(a.backend_xid) end as transactions,
        concat_ws(', ', case when a.datname = current_database() then 'vacuum' end,
            case when a.backend_xid is not null then 'doorbell' end) as holds,
        format('end its transaction, or: select pg_terminate_backend(%s)', a.pid) as remedy
    from pg_catalog.pg_stat_activity a
    where a.pid <> pg_backend_pid() and a.usesysid is not null and a.leader_pid is null
        and (a.backend_xid is not null or a.backend_xmin is not null and a.datname = current_database())
    union all
    select 'prepared transaction', format('%s of %s in %s', p.gid, p.owner, p.database), p.prepared, age(p.transaction),
        case when p.database = current_database() then 'vacuum, doorbell' else 'doorbell' end,
        format('in database %I: commit prepared %L, or rollback prepared %L', p.database, p.gid, p.gid)
    from pg_catalog.pg_prepared_xacts p
    union all
    select 'replication slot',
        r.slot_name || case when r.active_pid is null then ', unused' else format(', used by pid %s', r.active_pid) end,
        null::timestamptz as since, greatest(age(r.xmin), age(r.catalog_xmin)),
        case when r.xmin is null then 'vacuum of system catalogs' else 'vacuum' end,
        format('let its consumer catch up, or, when nobody needs it: select pg_drop_replication_slot(%L)', r.slot_name)
    from pg_catalog.pg_replication_slots r
    where r.xmin is not null or r.catalog_xmin is not null
    union all
    select 'standby', format('%s at %s', s.application_name, coalesce(host(s.client_addr), 'a local socket')), s.backend_start,
        age(s.backend_xmin), 'vacuum', 'end the long query there, or set hot_standby_feedback = off there'
    from pg_catalog.pg_stat_replication s
    where s.backend_xmin is not null
) h
order by h.transactions desc, h.since;
