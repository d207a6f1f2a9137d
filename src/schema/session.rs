//! What every writing command does around its work: who may, under which lock, with which settings.

use std::time::Duration;

use tokio_postgres::Client;

use super::error::SchemaError;

/// The key of the advisory lock that installers of one database share: "outboxd" and a zero byte.
///
/// Postgres keeps advisory locks per database, so two databases of one cluster do not wait for each other.
pub const INSTALL_LOCK: i64 = 0x6f75_7462_6f78_6400;

/// Waiting for another installer may take as long as that one needs. A role or a database can have timeouts
/// of its own that would cut the wait, or the work, short.
pub(super) const PATIENT: &str = "set lock_timeout = 0; set statement_timeout = 0;";

/// The settings all our DDL runs under, applied again before each migration, so that whatever one of them
/// sets does not reach the next.
///
/// An empty `search_path` turns an unqualified name into an error here rather than into an object in the
/// wrong schema. The lock timeout makes us fail instead of queueing in front of the users' writers: everyone
/// who comes after a waiting ALTER TABLE waits too. The rest undoes settings of a role or database that
/// change what DDL means. Installed by psql, the files must be read in the encoding they are written in.
pub(super) const SETTINGS: &str = "\
reset all;
set client_encoding = 'UTF8';
set search_path = '';
set lock_timeout = '5s';
set statement_timeout = 0;
set idle_in_transaction_session_timeout = 0;
set check_function_bodies = on;
set standard_conforming_strings = on;
set default_tablespace = '';
set default_table_access_method = 'heap';";

/// Opens [`INSTALL_LOCK`]. The caller pairs it with [`leave`], on errors too; dropping the connection also
/// frees the lock.
///
/// # Errors
/// [`SchemaError::Query`] when the connection breaks or the wait is cancelled.
pub(super) async fn enter(client: &Client) -> Result<(), SchemaError> {
    let failed = SchemaError::during("taking the installation lock");
    client.batch_execute(PATIENT).await.map_err(&failed)?;
    let free = client
        .query_one(&format!("select pg_catalog.pg_try_advisory_lock({INSTALL_LOCK})"), &[])
        .await
        .map_err(&failed)?;
    if !free.get::<_, bool>(0) {
        tracing::info!("another session is installing or removing the schema in this database; waiting");
        let wait = format!("select pg_catalog.pg_advisory_lock({INSTALL_LOCK})");
        client.query(&wait, &[]).await.map_err(&failed)?;
    }
    client.batch_execute(SETTINGS).await.map_err(SchemaError::during("preparing the session"))
}

/// Gives the lock back and the settings of the connection too.
///
/// Errors are of no use to the caller: it has its result, and a connection on which this fails is gone,
/// its lock with it.
pub(super) async fn leave(client: &Client) {
    let free = format!("select pg_catalog.pg_advisory_unlock({INSTALL_LOCK}); reset all;");
    if let Err(error) = client.batch_execute(&free).await {
        tracing::debug!(%error, "the installation lock goes with its connection");
    }
}

/// Bounded patience with pauses that grow, for work that was refused a lock.
pub(super) struct Tries {
    made: u32,
    pause: Duration,
}

impl Tries {
    const MAX: u32 = 5;

    /// The first pause; each later one is twice as long, 7.5 s in all.
    const PAUSE: Duration = Duration::from_millis(500);

    pub(super) fn new() -> Self {
        Self { made: 1, pause: Self::PAUSE }
    }

    /// Pauses and says true while `error` may pass and tries are left. Otherwise gives the error to report.
    pub(super) async fn again(&mut self, error: SchemaError, doing: &str) -> Result<(), SchemaError> {
        let last = self.made == Self::MAX;
        if last && error.is_busy() {
            let (doing, tries, source) = (doing.to_owned(), self.made, Box::new(error));
            return Err(SchemaError::Busy { doing, tries, source });
        }
        if last || !error.is_transient() {
            return Err(error);
        }
        tracing::info!(try_made = self.made, "lost a race while {doing}; trying again");
        tokio::time::sleep(self.pause).await;
        self.made += 1;
        self.pause *= 2;
        Ok(())
    }
}

/// What cannot change while we work.
struct Server {
    version_num: i32,
    version: String,
    encoding: String,
    standby: bool,
    plpgsql: bool,
}

/// What the server says about itself, this role and the schema, read before anything is changed.
pub(super) struct Facts {
    server: Server,
    database: String,
    role: String,
    may_create: bool,
    /// Who owns the schema; none while it does not exist.
    owner: Option<String>,
    owned_by_us: bool,
    /// refinery's table is the mark by which a schema is ours. It is the first thing made in it.
    marked: bool,
    /// Something in the schema, if it is not empty.
    example: Option<String>,
}

/// Names come quoted where needed, since each ends up inside a statement for the reader to run.
const FACTS: &str = "\
select pg_catalog.current_setting('server_version_num')::int4,
       pg_catalog.current_setting('server_version'),
       pg_catalog.pg_encoding_to_char(d.encoding)::text,
       pg_catalog.pg_is_in_recovery(),
       exists (select from pg_catalog.pg_language where lanname = 'plpgsql'),
       pg_catalog.quote_ident(d.datname),
       pg_catalog.quote_ident(current_user),
       pg_catalog.has_database_privilege(d.oid, 'create'),
       pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(n.nspowner)),
       coalesce(pg_catalog.pg_has_role(n.nspowner, 'usage'), false),
       exists (select from pg_catalog.pg_class c
               where c.relnamespace = n.oid and c.relname = 'refinery_schema_history'),
       (select pg_catalog.pg_describe_object(p.classid, p.objid, p.objsubid)
        from pg_catalog.pg_depend p
        where p.refclassid = 'pg_catalog.pg_namespace'::regclass and p.refobjid = n.oid
        order by p.classid, p.objid limit 1)
from pg_catalog.pg_database d
left join pg_catalog.pg_namespace n on n.nspname = 'outbox'
where d.datname = current_database()";

impl Facts {
    pub(super) async fn read(client: &Client) -> Result<Self, SchemaError> {
        let row = client
            .query_one(FACTS, &[])
            .await
            .map_err(SchemaError::during("asking the server what it is"))?;
        let server = Server {
            version_num: row.get(0),
            version: row.get(1),
            encoding: row.get(2),
            standby: row.get(3),
            plpgsql: row.get(4),
        };
        Ok(Self {
            server,
            database: row.get(5),
            role: row.get(6),
            may_create: row.get(7),
            owner: row.get(8),
            owned_by_us: row.get(9),
            marked: row.get(10),
            example: row.get(11),
        })
    }

    pub(super) fn schema_exists(&self) -> bool {
        self.owner.is_some()
    }

    /// Whether there is something of ours to remove.
    pub(super) fn installed(&self) -> bool {
        self.marked
    }

    /// Refuses a server that can never do, or not now.
    pub(super) fn check_server(&self) -> Result<(), SchemaError> {
        if self.server.version_num < 150_000 {
            return Err(SchemaError::OldServer { version: self.server.version.clone() });
        }
        if ["SQL_ASCII", "MULE_INTERNAL"].contains(&self.server.encoding.as_str()) {
            let (database, encoding) = (self.database.clone(), self.server.encoding.clone());
            return Err(SchemaError::Encoding { database, encoding });
        }
        if self.server.standby {
            return Err(SchemaError::Standby);
        }
        if !self.server.plpgsql {
            return Err(SchemaError::NoPlpgsql { database: self.database.clone() });
        }
        Ok(())
    }

    /// Refuses a role that may not install, and a schema that only happens to have our name.
    pub(super) fn check_schema(&self) -> Result<(), SchemaError> {
        let role = self.role.clone();
        match (&self.owner, &self.example) {
            (None, _) if self.may_create => Ok(()),
            (None, _) => Err(SchemaError::MayNotCreate { role, database: self.database.clone() }),
            (Some(_), Some(example)) if !self.marked => {
                Err(SchemaError::SomeoneElses { example: example.clone() })
            }
            (Some(owner), _) if !self.owned_by_us => {
                Err(SchemaError::NotOwner { role, owner: owner.clone() })
            }
            (Some(_), _) => Ok(()),
        }
    }
}
