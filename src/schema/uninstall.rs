//! Takes everything away again, and nothing of the user's with it.

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, GenericClient, Transaction};

use super::error::{ForeignTable, SchemaError};
use super::roles;
use super::session::{self, Facts, SETTINGS, Tries};

/// What [`uninstall`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Uninstalled {
    /// False when there was nothing of ours in the database.
    pub schema_dropped: bool,
    /// The user's tables that carried our triggers, qualified and quoted where needed.
    pub tables_freed: Vec<String>,
    /// How many triggers were on them.
    pub triggers_dropped: usize,
    /// Open deliveries that were dropped with the schema; above 0 only with `force`.
    pub deliveries_dropped: i64,
    /// What is left to do by hand: sentences, with SQL on lines of its own.
    pub notices: Vec<String>,
}

/// Removes our triggers from the user's tables, then schema `outbox` with all it holds.
///
/// Everything that can be refused is refused before anything changes. Then each table is freed in a
/// transaction of its own, so that the user's writers never wait for more than one short lock. If it stops
/// on the way (a table stayed locked) some tables are free and the schema is whole; run it again.
/// `force` drops deliveries that are still open. Stop the relays first.
///
/// The connection must be as for [`migrate`](super::migrate()).
///
/// # Errors
/// [`SchemaError::OpenDeliveries`], [`SchemaError::Dependents`], [`SchemaError::ForeignTables`],
/// [`SchemaError::NotOwner`], [`SchemaError::SomeoneElses`], [`SchemaError::Busy`],
/// [`SchemaError::Standby`] and [`SchemaError::Query`].
pub async fn uninstall(client: &mut Client, force: bool) -> Result<Uninstalled, SchemaError> {
    Facts::read(client).await?.check_server()?;
    session::enter(client).await?;
    let result = uninstall_alone(client, force).await;
    session::leave(client).await;
    result
}

/// The work, with the lock held.
async fn uninstall_alone(client: &mut Client, force: bool) -> Result<Uninstalled, SchemaError> {
    let facts = Facts::read(client).await?;
    if !facts.schema_exists() {
        return Ok(Uninstalled::default());
    }
    facts.check_schema()?;
    if !facts.installed() {
        // An empty schema, made by a DBA for an installer that never came.
        return Ok(Uninstalled::default());
    }
    if !force {
        refuse_open(client).await?;
    }
    refuse_dependents(client, Triggers::Ours).await?;
    let tables = watched(client).await?;
    refuse_foreign(&tables)?;

    let mut done = Uninstalled { schema_dropped: true, ..Uninstalled::default() };
    for table in tables {
        free(client, &table).await?;
        done.triggers_dropped += table.triggers.len();
        done.tables_freed.push(table.name);
    }
    done.deliveries_dropped = drop_schema(client, force).await?;
    done.notices.extend(farewell(&roles::present(client).await?));
    Ok(done)
}

/// The roles stay: other databases of the cluster may use them, and only their own installer can know.
fn farewell(roles: &[&str]) -> Option<String> {
    (!roles.is_empty()).then(|| {
        format!(
            "the group roles stay, since they belong to the whole cluster; when no other database uses \
             outboxd:\n  drop role {};",
            roles.join(", ")
        )
    })
}

/// Open deliveries; 0 when the table is not there, as after a first migration that failed.
async fn open_deliveries(client: &impl GenericClient) -> Result<i64, SchemaError> {
    let failed = SchemaError::during("counting open deliveries");
    let exists = "select pg_catalog.to_regclass('outbox.delivery') is not null";
    if !client.query_one(exists, &[]).await.map_err(&failed)?.get::<_, bool>(0) {
        return Ok(0);
    }
    let count = client.query_one("select count(*) from outbox.delivery", &[]).await;
    Ok(count.map_err(&failed)?.get(0))
}

async fn refuse_open(client: &impl GenericClient) -> Result<(), SchemaError> {
    match open_deliveries(client).await? {
        0 => Ok(()),
        count => Err(SchemaError::OpenDeliveries { count }),
    }
}

/// Whether our triggers on the user's tables count as dependents.
#[derive(Clone, Copy, PartialEq)]
enum Triggers {
    /// They are ours and will be dropped one by one.
    Ours,
    /// They should be gone by now; a new one means that somebody watched a table a moment ago.
    Dependents,
}

/// Everything that `drop schema … cascade` would drop although it is not in the schema.
///
/// `own` is the schema, what is in it, and whatever is a part of those (automatic, internal and partition
/// dependencies: indexes, rules, defaults, toast tables, row types). Foreign is what depends on one of
/// these in the normal way without being one; and what has become a part of ours but lives in another
/// schema, such as a partition that a user attached. A view depends through its rule, so it is described
/// instead of the rule; a table that has become a part is named without its indexes, constraints
/// and row type.
const DEPENDENTS: &str = "\
with recursive own (classid, objid) as (
    select 'pg_catalog.pg_namespace'::regclass::oid, n.oid
    from pg_catalog.pg_namespace n where n.nspname = 'outbox'
    union
    select d.classid, d.objid
    from own join pg_catalog.pg_depend d on d.refclassid = own.classid and d.refobjid = own.objid
    where d.deptype in ('a', 'i', 'P', 'S')
       or (d.deptype = 'n' and own.classid = 'pg_catalog.pg_namespace'::regclass)
), found (classid, objid, objsubid) as (
    select d.classid, d.objid, d.objsubid
    from own join pg_catalog.pg_depend d on d.refclassid = own.classid and d.refobjid = own.objid
    where d.deptype in ('n', 'e') and (d.classid, d.objid) not in (select classid, objid from own)
    union
    select own.classid, own.objid, 0
    from own, pg_catalog.pg_identify_object(own.classid, own.objid, 0) as identity
    where identity.schema not in ('outbox', 'pg_toast')
      and identity.type not in ('index', 'table constraint', 'type', 'composite type')
)
select distinct case
           when r.oid is not null
           then pg_catalog.pg_describe_object('pg_catalog.pg_class'::regclass, r.ev_class, 0)
           else pg_catalog.pg_describe_object(found.classid, found.objid, found.objsubid)
       end
from found
left join pg_catalog.pg_rewrite r
    on found.classid = 'pg_catalog.pg_rewrite'::regclass and r.oid = found.objid
where not ($1 and found.classid = 'pg_catalog.pg_trigger'::regclass and exists (
    select from pg_catalog.pg_trigger t join pg_catalog.pg_proc p on p.oid = t.tgfoid
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where t.oid = found.objid and n.nspname = 'outbox'))
order by 1";

async fn refuse_dependents(client: &impl GenericClient, triggers: Triggers) -> Result<(), SchemaError> {
    let rows = client
        .query(DEPENDENTS, &[&(triggers == Triggers::Ours)])
        .await
        .map_err(SchemaError::during("looking for objects that depend on schema outbox"))?;
    let objects: Vec<String> = rows.iter().filter_map(|row| row.get(0)).collect();
    if objects.is_empty() { Ok(()) } else { Err(SchemaError::Dependents { objects }) }
}

/// A table of the user's with triggers of ours. All names are quoted where needed.
struct Watched {
    name: String,
    owner: String,
    may_drop: bool,
    triggers: Vec<String>,
}

/// Found through the trigger's function, not by name or by our own catalogue, so that none is forgotten.
/// Copies on partitions are left out: they go with the one on the parent, and only so.
const WATCHED: &str = "\
select pg_catalog.format('%I.%I', rn.nspname, r.relname),
       pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(r.relowner)),
       pg_catalog.pg_has_role(r.relowner, 'usage'),
       pg_catalog.array_agg(pg_catalog.quote_ident(t.tgname) order by t.tgname)
from pg_catalog.pg_trigger t
join pg_catalog.pg_proc p on p.oid = t.tgfoid
join pg_catalog.pg_namespace pn on pn.oid = p.pronamespace and pn.nspname = 'outbox'
join pg_catalog.pg_class r on r.oid = t.tgrelid
join pg_catalog.pg_namespace rn on rn.oid = r.relnamespace and rn.nspname <> 'outbox'
where not t.tgisinternal and t.tgparentid = 0
group by rn.nspname, r.relname, r.relowner
order by rn.nspname, r.relname";

async fn watched(client: &Client) -> Result<Vec<Watched>, SchemaError> {
    let rows = client
        .query(WATCHED, &[])
        .await
        .map_err(SchemaError::during("looking for tables with our triggers"))?;
    let table = |row: &tokio_postgres::Row| Watched {
        name: row.get(0),
        owner: row.get(1),
        may_drop: row.get(2),
        triggers: row.get(3),
    };
    Ok(rows.iter().map(table).collect())
}

/// All of them at once, so that the owners can be asked once.
fn refuse_foreign(tables: &[Watched]) -> Result<(), SchemaError> {
    let foreign: Vec<ForeignTable> = tables
        .iter()
        .filter(|table| !table.may_drop)
        .map(|table| ForeignTable { table: table.name.clone(), owner: table.owner.clone() })
        .collect();
    if foreign.is_empty() { Ok(()) } else { Err(SchemaError::ForeignTables { tables: foreign }) }
}

/// Drops our triggers on one table, in one short transaction.
async fn free(client: &mut Client, table: &Watched) -> Result<(), SchemaError> {
    let name = &table.name;
    let mut sql = "set local lock_timeout = '2s';".to_owned();
    for trigger in &table.triggers {
        // `if exists`: its owner may have unwatched it since we looked.
        sql.extend(["drop trigger if exists ", trigger, " on ", name, ";"]);
    }
    let doing = format!("dropping the triggers on {name}");
    let mut tries = Tries::new();
    loop {
        match attempt(client, &sql).await {
            Ok(()) => return Ok(()),
            // The table is gone, and its triggers with it.
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => return Ok(()),
            Err(error) => tries.again(error, &doing).await?,
        }
    }
}

async fn attempt(client: &mut Client, sql: &str) -> Result<(), SchemaError> {
    let failed = SchemaError::during("dropping triggers");
    let transaction = client.transaction().await.map_err(&failed)?;
    transaction.batch_execute(sql).await.map_err(&failed)?;
    transaction.commit().await.map_err(&failed)
}

/// Drops the schema; gives the number of open deliveries that went with it.
async fn drop_schema(client: &mut Client, force: bool) -> Result<i64, SchemaError> {
    let mut tries = Tries::new();
    loop {
        match try_drop_schema(client, force).await {
            Err(error) if error.is_transient() => {
                tries.again(error, "dropping schema outbox").await?;
            }
            result => return result,
        }
    }
}

async fn try_drop_schema(client: &mut Client, force: bool) -> Result<i64, SchemaError> {
    let failed = SchemaError::during("dropping schema outbox");
    client.batch_execute(SETTINGS).await.map_err(&failed)?;
    let transaction = client.transaction().await.map_err(&failed)?;
    transaction.batch_execute("set local lock_timeout = '2s'").await.map_err(&failed)?;
    lock_tables(&transaction).await?;
    // Looked at again behind the locks: since then a delivery, a view or a trigger may have come.
    let open = open_deliveries(&transaction).await?;
    if open > 0 && !force {
        return Err(SchemaError::OpenDeliveries { count: open });
    }
    refuse_dependents(&transaction, Triggers::Dependents).await?;
    transaction.batch_execute("drop schema outbox cascade").await.map_err(&failed)?;
    transaction.commit().await.map_err(&failed)?;
    Ok(open)
}

/// Keeps others from writing to our tables and from building upon them until the schema is gone.
async fn lock_tables(transaction: &Transaction<'_>) -> Result<(), SchemaError> {
    let failed = SchemaError::during("locking the tables of schema outbox");
    let list = "select string_agg(pg_catalog.format('outbox.%I', c.relname), ', ' order by c.oid) \
                from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
                where n.nspname = 'outbox' and c.relkind in ('r', 'p')";
    let tables: Option<String> = transaction.query_one(list, &[]).await.map_err(&failed)?.get(0);
    let Some(tables) = tables else { return Ok(()) };
    let lock = format!("lock table {tables} in access exclusive mode");
    transaction.batch_execute(&lock).await.map_err(&failed)
}
