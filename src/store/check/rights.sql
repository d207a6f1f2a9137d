-- What the role of this session may do, asked of the catalogues and not by trying. $1: the functions that a relay calls.
with us as (
    select n.oid as schema, n.nspowner as owner from pg_namespace n where n.nspname = 'outbox'
), called as (
    select p.oid, p.oid::regprocedure::text as name, has_function_privilege(p.oid, 'execute') as granted
    from us join pg_proc p on p.pronamespace = us.schema and p.proname = any ($1)
)
select json_build_object(
    'role', quote_ident(current_user),
    'owner', quote_ident(pg_get_userbyid(us.owner)),
    -- Whoever may use the owner's rights may migrate.
    'may_migrate', pg_has_role(us.owner, 'usage'),
    'may_use', has_schema_privilege(us.schema, 'usage'),
    'groups', (
        select coalesce(json_object_agg(r.rolname, pg_has_role(r.oid, 'usage') order by r.rolname), '{}')
        from pg_roles r where r.rolname in ('outbox_admin', 'outbox_reader', 'outbox_relay')),
    'refused', (select coalesce(json_agg(c.name order by c.name), '[]') from called c where not c.granted),
    'absent', (
        select coalesce(json_agg(a.name order by a.name), '[]')
        from unnest($1) as a (name) where not exists (
            select from pg_proc p where p.pronamespace = us.schema and p.proname = a.name)),
    -- One that was dropped is told as such.
    'may_ring', coalesce((
        select has_sequence_privilege(s.oid, 'select') and has_sequence_privilege(s.oid, 'update')
        from pg_class s where s.relnamespace = us.schema and s.relname = 'doorbell' and s.relkind = 'S'), true),
    'may_look', coalesce((
        select bool_and(has_table_privilege(c.oid, 'select'))
        from pg_class c
        where c.relnamespace = us.schema and c.relname in ('backlog', 'broken_watch', 'dead_letter', 'relay', 'turn')), false)
)::text
from us
