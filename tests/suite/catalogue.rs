//! A database on paper by way of its catalogues, for servers that no `pg_dump` here is new enough for. Names instead
//! of OIDs throughout, so that two databases can be compared.

use crate::support::Database;

/// Every object that Postgres did not bring along, one or several lines each.
const OBJECTS: &str = "
set search_path = '';
with space as (
    select n.* from pg_catalog.pg_namespace n
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
), relation as (
    select c.*, format('%I.%I', n.nspname, c.relname) as name
    from pg_catalog.pg_class c join space n on n.oid = c.relnamespace
)
select line from (
    select 'schema ' || n.nspname || ' ' || n.nspowner::regrole || ' ' || coalesce(n.nspacl::text, '') from space n
    union all
    select concat_ws(' ', 'relation', c.name, c.relkind, c.relowner::regrole, c.relpersistence, c.relreplident,
        c.relacl, c.reloptions, pg_get_expr(c.relpartbound, c.oid), pg_get_partkeydef(c.oid),
        c.relrowsecurity, obj_description(c.oid, 'pg_class'), i.inhparent::regclass)
    from relation c left join pg_catalog.pg_inherits i on i.inhrelid = c.oid
    union all
    select concat_ws(' ', 'column', c.name, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
        a.attidentity, a.attgenerated, a.attacl, a.attoptions, pg_get_expr(d.adbin, d.adrelid))
    from relation c join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_catalog.pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    union all
    select concat_ws(' ', 'index', pg_get_indexdef(c.oid)) from relation c where c.relkind in ('i', 'I')
    union all
    select concat_ws(' ', 'view', c.name, pg_get_viewdef(c.oid)) from relation c where c.relkind in ('v', 'm')
    union all
    select concat_ws(' ', 'rule', pg_get_ruledef(r.oid))
    from relation c join pg_catalog.pg_rewrite r on r.ev_class = c.oid
    union all
    select concat_ws(' ', 'sequence', c.name, pg_sequence_parameters(c.oid)) from relation c where c.relkind = 'S'
    union all
    select concat_ws(' ', 'constraint', coalesce(c.name, t.typname), k.conname, pg_get_constraintdef(k.oid))
    from pg_catalog.pg_constraint k join space n on n.oid = k.connamespace
        left join relation c on c.oid = k.conrelid left join pg_catalog.pg_type t on t.oid = k.contypid
    union all
    select concat_ws(' ', 'trigger', c.name, t.tgenabled, pg_get_triggerdef(t.oid))
    from relation c join pg_catalog.pg_trigger t on t.tgrelid = c.oid and not t.tgisinternal
    union all
    select concat_ws(' ', 'function', p.proowner::regrole, p.proacl, pg_get_functiondef(p.oid))
    from pg_catalog.pg_proc p join space n on n.oid = p.pronamespace where p.prokind in ('f', 'p')
    union all
    select concat_ws(' ', 'type', n.nspname, t.typname, t.typtype, t.typowner::regrole, t.typacl)
    from pg_catalog.pg_type t join space n on n.oid = t.typnamespace
    union all
    select concat_ws(' ', 'extension', e.extname, e.extversion) from pg_catalog.pg_extension e
    union all
    select concat_ws(' ', 'publication', p.pubname) from pg_catalog.pg_publication p
) as found (line)
order by line collate \"C\"";

/// Every row of every table, and where every sequence stands.
const ROWS: &str = "
set search_path = '';
select format('select %L || %s::text from %s t order by 1', c.oid::regclass || ' ',
    case c.relkind when 'S' then 'row(last_value, is_called)' else 't' end, c.oid::regclass)
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('r', 'S', 'm')
order by c.oid::regclass::text collate \"C\" \\gexec";

/// Every object of the database.
pub(crate) fn objects(db: &Database) -> String {
    db.psql(OBJECTS)
}

/// Every object and every row of the database.
pub(crate) fn everything(db: &Database) -> String {
    format!("{}\n{}", objects(db), db.psql(ROWS))
}
