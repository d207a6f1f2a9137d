//! What `outboxd dev` asks and says in a database. A statement that is shown is the one that runs.

use tokio_postgres::types::{ToSql, Type};

use super::{OpenError, Store, StoreError};
use crate::conninfo::Conninfo;
use crate::model::{OtherSubscription, SeenRelay, Table};

/// The key of the advisory lock of whoever develops in a database: "outboxd" and a one.
const LOCK: i64 = 0x6f75_7462_6f78_6401;

/// Something to try where nothing is watched.
pub const FIRST_STEPS: [&str; 3] = [
    "create table orders (id integer primary key, status text not null);",
    "select outbox.watch('orders', 'Order');",
    "insert into orders values (1, 'new');",
];

/// The same in a database that stays, where nothing is made that nobody asked for.
pub const FIRST_STEP: &str = "select outbox.watch('the_table', 'TheObject');";

/// Removes what a subscriber has subscribed to.
#[must_use]
pub fn removal(subscriber: &str) -> String {
    format!("delete from outbox.subscription where subscriber = {};", literal(subscriber))
}

/// Has all subscriptions wait.
pub const PAUSE_ALL: &str =
    "update outbox.subscription set status = 'paused' where status in ('active', 'failing');";

/// Every ordinary table of the user's that is not watched yet, and what the catalogue says against it.
const TABLES: &str = "\
select c.oid::regclass::text as sql, c.relname::text as name,
    case
        when exists (select from pg_depend d
                     where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
            then 'it belongs to an extension'
        when exists (select from pg_inherits i where i.inhrelid = c.oid)
            then format('it inherits from %s, whose watch is for its rows too', (
                select i.inhparent::regclass from pg_inherits i where i.inhrelid = c.oid order by i.inhseqno limit 1))
        when not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)
            then format('it has no primary key: select outbox.watch(%L, ''Name'', id => ''column or expression'') names the id',
                        c.oid::regclass)
        when not pg_has_role(c.relowner, 'usage') then format('only its owner, %s, may watch it', c.relowner::regrole)
    end as obstacle
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and c.relpersistence <> 't' and not c.relispartition
    and n.nspname not in ('information_schema', 'outbox') and n.nspname !~ '^pg_'
    and not exists (select from outbox.watch w where w.relation = c.oid)
order by n.nspname, c.relname";

/// Whose leftovers go.
#[derive(Debug, Clone, Copy)]
pub enum Leftovers<'a> {
    /// Those of one subscriber and relay of this name.
    Of(&'a str),
    /// Those of all whose names begin so.
    Beginning(&'a str),
}

/// A session for developing.
pub struct Workbench {
    store: Store,
}

impl Workbench {
    /// Opens a session.
    ///
    /// # Errors
    /// When none can be opened or set up.
    pub async fn open(info: &Conninfo) -> Result<Self, OpenError> {
        Ok(Self { store: Store::open(info, "dev").await? })
    }

    /// Waits until the session has ended, for whatever reason.
    pub async fn lost(&mut self) {
        self.store.connection.lost.wait().await;
    }

    /// Takes the lock of whoever develops in this database, for as long as the session lasts; false when somebody has it.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn hold(&self) -> Result<bool, StoreError> {
        let sql = "select pg_catalog.pg_try_advisory_lock($1)";
        let rows = self.store.run("looking for others who develop here", sql, &[(&LOCK, Type::INT8)]).await?;
        Ok(rows.first().is_some_and(|row| row.get(0)))
    }

    /// The server's release, as it says it.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn release(&self) -> Result<String, StoreError> {
        let sql = "select pg_catalog.current_setting('server_version')";
        let rows = self.store.run("asking the server its release", sql, &[]).await?;
        Ok(rows.first().map(|row| row.get(0)).unwrap_or_default())
    }

    /// Whether there is a schema outbox with tables in it.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn is_installed(&self) -> Result<bool, StoreError> {
        let sql = "select pg_catalog.to_regclass('outbox.relay') is not null \
                   and pg_catalog.to_regclass('outbox.subscription') is not null";
        let rows = self.store.run("looking for schema outbox", sql, &[]).await?;
        Ok(rows.first().is_some_and(|row| row.get(0)))
    }

    /// Relays seen within this many seconds that have not stopped, the latest first.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn relays(&self, seconds: f64) -> Result<Vec<SeenRelay>, StoreError> {
        let sql = "select name, host, seconds from ( \
                       select r.name, r.host, \
                           extract(epoch from clock_timestamp() - r.last_seen_at)::double precision as seconds \
                       from outbox.relay r where r.stopped_at is null) seen \
                   where seconds < $1 order by seconds";
        let rows = self.store.run("looking for relays", sql, &[(&seconds, Type::FLOAT8)]).await?;
        let seen =
            |row: &tokio_postgres::Row| SeenRelay { name: row.get(0), host: row.get(1), seconds: row.get(2) };
        Ok(rows.iter().map(seen).collect())
    }

    /// The subscriptions that a relay would deliver for, but those of this subscriber.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn others(&self, subscriber: &str) -> Result<Vec<OtherSubscription>, StoreError> {
        // By hand, since the function that does it may not be there yet.
        let sql = "select id, subscriber, pattern, \
                       coalesce(substring(url from '^(?:[^/]*//[^/?#]*|endpoint:[^/?]*)'), '') as endpoint \
                   from outbox.subscription where status in ('active', 'failing') and subscriber <> $1 order by id";
        let rows = self.store.run("looking for subscriptions", sql, &[(&subscriber, Type::TEXT)]).await?;
        let other = |row: &tokio_postgres::Row| OtherSubscription {
            id: row.get("id"),
            subscriber: row.get("subscriber"),
            pattern: row.get("pattern"),
            endpoint: row.get("endpoint"),
        };
        Ok(rows.iter().map(other).collect())
    }

    /// Subscribes to everything, also to what will be watched later. Gives the statement and the signing secret.
    ///
    /// # Errors
    /// When a statement fails.
    pub async fn subscribe(
        &self,
        subscriber: &str,
        url: &str,
        identity: Option<&str>,
    ) -> Result<(String, String), StoreError> {
        let identity = identity.map(|name| format!(", identity => {}", literal(name))).unwrap_or_default();
        let sql = format!(
            "select outbox.subscribe({}, '*', {}{identity}, backoff_base => '1 s', backoff_cap => '10 s');",
            literal(subscriber),
            literal(url)
        );
        let rows = self.store.run("subscribing", &sql, &[]).await?;
        let id: i64 = rows.first().map(|row| row.get(0)).unwrap_or_default();
        let rows = self
            .store
            .run("reading the signing secret", "select outbox.signing_secret($1)", &[(&id, Type::INT8)])
            .await?;
        Ok((sql, rows.first().map(|row| row.get(0)).unwrap_or_default()))
    }

    /// The name of a table alone, however it is written.
    ///
    /// # Errors
    /// When there is no such table.
    pub async fn name_of(&self, table: &str) -> Result<String, StoreError> {
        let sql = "select c.relname::text from pg_catalog.pg_class c where c.oid = $1::text::regclass";
        let rows = self.store.run("looking for the table", sql, &[(&table, Type::TEXT)]).await?;
        Ok(rows.first().map(|row| row.get(0)).unwrap_or_default())
    }

    /// Watches a table. Gives the statement.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub async fn watch(&self, table: &str, object: &str) -> Result<String, StoreError> {
        let sql = format!("select outbox.watch({}, {});", literal(table), literal(object));
        self.store.run("watching", &sql, &[]).await?;
        Ok(sql)
    }

    /// What is watched: objects and tables.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn watched(&self) -> Result<Vec<(String, String)>, StoreError> {
        let sql = "select w.object, w.relation::text from outbox.watch w order by 2, 1";
        let rows = self.store.run("looking for watches", sql, &[]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// The tables that are not watched yet.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn tables(&self) -> Result<Vec<Table>, StoreError> {
        let rows = self.store.run("looking for tables", TABLES, &[]).await?;
        let table = |row: &tokio_postgres::Row| Table {
            sql: row.get("sql"),
            name: row.get("name"),
            obstacle: row.get("obstacle"),
        };
        Ok(rows.iter().map(table).collect())
    }

    /// Removes all that those who developed here left: subscriptions, their deliveries, their relays. What was recorded
    /// stays. Gives the subscribers that still had a subscription, and how many open deliveries went.
    ///
    /// # Errors
    /// When a statement fails; then call it again.
    pub async fn clear(&self, whose: Leftovers<'_>) -> Result<(Vec<String>, u64), StoreError> {
        let (name, only) = match whose {
            Leftovers::Of(name) => (name, true),
            Leftovers::Beginning(prefix) => (prefix, false),
        };
        let names: &[(&(dyn ToSql + Sync), Type)] = &[(&name, Type::TEXT), (&only, Type::BOOL)];
        let doing = "removing what was left of development";
        // First, so that no delivery comes after.
        let gone = self.store.run(
            doing,
            "delete from outbox.subscription s \
             where starts_with(s.subscriber, $1) and (not $2 or s.subscriber = $1) and s.status <> 'gone' \
             returning s.subscriber",
            names,
        );
        let gone: Vec<String> = gone.await?.iter().map(|row| row.get(0)).collect();
        let deliveries = self.store.run(
            doing,
            "delete from outbox.delivery d using outbox.subscription s \
             where s.id = d.subscription and starts_with(s.subscriber, $1) and (not $2 or s.subscriber = $1) \
             returning d.id",
            names,
        );
        let deliveries = deliveries.await?.len() as u64;
        for sql in [
            "delete from outbox.dead_letter l using outbox.subscription s \
             where s.id = l.subscription and starts_with(s.subscriber, $1) and (not $2 or s.subscriber = $1)",
            "delete from outbox.duty d where starts_with(d.relay, $1) and (not $2 or d.relay = $1)",
            "delete from outbox.relay r where starts_with(r.name, $1) and (not $2 or r.name = $1)",
        ] {
            self.store.run(doing, sql, names).await?;
        }
        Ok((gone, deliveries))
    }
}

/// Text as SQL has it.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(literal("shop.\"it's\""), "'shop.\"it''s\"'");
    }
}
