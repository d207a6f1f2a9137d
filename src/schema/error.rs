//! What can go wrong while installing, checking or removing, each with what to do about it.

use std::fmt;

use tokio_postgres::error::{DbError, SqlState};

/// A table that carries our trigger but that the connected role may not alter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignTable {
    /// Schema-qualified and quoted where needed.
    pub table: String,
    /// Quoted where needed.
    pub owner: String,
}

/// Why a migration, a check or an uninstall did not happen.
///
/// Each message is a full sentence for an operator. Where Postgres said something, that is the
/// [`source`](std::error::Error::source), so print the whole chain.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The server is older than the oldest release we are tested on.
    #[error("PostgreSQL {version} is too old: outboxd needs 15 or newer; upgrade the server")]
    OldServer {
        /// As the server names itself.
        version: String,
    },
    /// The database stores bytes without knowing what they mean, so they cannot be sent as UTF-8.
    #[error(
        "database {database} has encoding {encoding}, whose text cannot be converted to UTF-8 reliably; \
         move it to one made with `createdb -E UTF8 -T template0`"
    )]
    Encoding {
        /// Name of the database.
        database: String,
        /// Its encoding as Postgres names it.
        encoding: String,
    },
    /// The server is replaying another one's changes and cannot be written to.
    #[error(
        "this server is a standby (pg_is_in_recovery); connect to the primary, for example with \
         target_session_attrs=read-write"
    )]
    Standby,
    /// Statements of one connection run in different sessions.
    #[error(
        "this connection goes through a pooler in transaction mode, but installing and removing need one session from \
         beginning to end; connect to the server itself (relays may go through the pooler)"
    )]
    Pooled,
    /// Open deliveries of another database were copied into this one.
    #[error("{0}")]
    Copy(String),
    /// Every trigger function is PL/pgSQL.
    #[error(
        "database {database} has no PL/pgSQL; as its owner or a superuser run: create extension plpgsql;"
    )]
    NoPlpgsql {
        /// Name of the database.
        database: String,
    },
    /// The schema does not exist yet and this role may not create it. Names are quoted where needed.
    #[error(
        "role {role} may not create a schema in database {database}; as its owner or a superuser run: \
         grant create on database {database} to {role};  or: create schema outbox authorization {role};"
    )]
    MayNotCreate {
        /// The connected role.
        role: String,
        /// The connected database.
        database: String,
    },
    /// The schema belongs to a role whose rights the connected one does not have.
    #[error(
        "schema outbox belongs to {owner}, not to {role}; connect as {owner} (or: grant {owner} to {role};)"
    )]
    NotOwner {
        /// The connected role.
        role: String,
        /// Who owns the schema.
        owner: String,
    },
    /// There is a schema of our name with something in it, and without our history table.
    #[error(
        "schema outbox exists but outboxd did not make it (it holds {example}); rename or drop it if it is \
         no longer needed: alter schema outbox rename to outbox_old;"
    )]
    SomeoneElses {
        /// One thing that is in it.
        example: String,
    },
    /// The connected role may not read what was applied. `check` asks no more than this.
    #[error("role {role} may not read which release is installed; as {owner} run: {grant}")]
    MayNotRead {
        /// The connected role.
        role: String,
        /// Who owns the schema.
        owner: String,
        /// The statement that helps.
        grant: String,
    },
    /// A migration that was already applied has another text or name in this binary.
    #[error(
        "migration {migration} was edited after it was applied to this database; restore the released file \
         and put the change into a new migration; do not edit outbox.refinery_schema_history"
    )]
    Edited {
        /// The file name as applied, without `.sql`.
        migration: String,
    },
    /// A later migration is recorded, this one is not.
    #[error(
        "migration {migration} was never applied to this database although later ones were; restore its row \
         in outbox.refinery_schema_history from a backup, or renumber the file to be the last if it is new"
    )]
    Skipped {
        /// The file name, without `.sql`.
        migration: String,
    },
    /// The database has a migration that this binary does not know.
    #[error(
        "the database is newer than this binary: it has migration {migration}, which {ours} does not know; \
         install outboxd {needed}"
    )]
    NewerDatabase {
        /// The unknown migration.
        migration: String,
        /// The release of this binary.
        ours: String,
        /// Which release to install, in words, because an unfinished upgrade leaves no release on record.
        needed: String,
    },
    /// Same tables, but the functions were put there by a later release.
    #[error(
        "the functions in this database come from outboxd {installed}; applying those of {ours} would undo \
         them, and two deployments would take turns; migrate with outboxd {installed} or newer"
    )]
    NewerDefinitions {
        /// The release on record.
        installed: String,
        /// The release of this binary.
        ours: String,
    },
    /// A migration failed. It was rolled back; those before it stay.
    #[error("migration {migration} failed and was rolled back, earlier ones stay applied")]
    Migration {
        /// The file name, without `.sql`.
        migration: String,
        /// What Postgres said.
        source: Box<DbError>,
    },
    /// A definition failed. All of them were rolled back together.
    #[error("sql/{path} failed, so no definition was changed")]
    Definition {
        /// Path below `sql/`.
        path: String,
        /// What Postgres said.
        source: tokio_postgres::Error,
    },
    /// Others held the locks for as long as we were willing to wait.
    #[error(
        "gave up waiting for locks while {doing}, {tries} times; a long transaction is in the way: find it \
         with `select pid, usename, state, xact_start, query from pg_stat_activity where xact_start is not \
         null order by xact_start`, let it finish or end it, and run this again"
    )]
    Busy {
        /// What was being done.
        doing: String,
        /// How often it was tried.
        tries: u32,
        /// The last refusal.
        source: Box<SchemaError>,
    },
    /// Removing now would drop the duty to deliver.
    #[error(
        "{} still open and would be lost; let a relay finish, or give --force. No table was dropped",
        if *count == 1 { "1 delivery is".to_owned() } else { format!("{count} deliveries are") }
    )]
    OpenDeliveries {
        /// Rows in `outbox.delivery`.
        count: i64,
    },
    /// `drop schema … cascade` would take objects of the user's with it.
    #[error(
        "these objects outside schema outbox depend on it and would be dropped too: {}; drop or change them \
         first", .objects.join(", ")
    )]
    Dependents {
        /// As Postgres describes them.
        objects: Vec<String>,
    },
    /// Only a table's owner may drop a trigger on it.
    #[error(
        "tables of other owners carry outboxd's triggers; let each owner run its lines, then this again:{}",
        Lines(.tables)
    )]
    ForeignTables {
        /// Which, and whose.
        tables: Vec<ForeignTable>,
    },
    /// A file name in the manifest is not one refinery accepts. A unit test keeps this from a release.
    #[error("the list of migrations in this binary is wrong")]
    Manifest(#[source] refinery::Error),
    /// refinery failed for a reason other than those above.
    #[error("the migrations could not be run")]
    Refinery(#[source] refinery::Error),
    /// A query of ours failed, for instance because the connection broke.
    #[error("failed while {doing}")]
    Query {
        /// What was being done.
        doing: &'static str,
        /// What Postgres, or the connection, said.
        source: tokio_postgres::Error,
    },
}

impl SchemaError {
    /// For `map_err`: wraps an error of the client with what was being done.
    pub(super) fn during(doing: &'static str) -> impl Fn(tokio_postgres::Error) -> Self {
        move |source| Self::Query { doing, source }
    }

    /// The SQLSTATE, if it was the server that refused.
    #[must_use]
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Migration { source, .. } => Some(source.code()),
            Self::Definition { source, .. } | Self::Query { source, .. } => source.code(),
            Self::Busy { source, .. } => source.code(),
            _ => None,
        }
    }

    /// Others hold locks that we need, or took them in the opposite order.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.code(), Some(&SqlState::LOCK_NOT_AVAILABLE | &SqlState::T_R_DEADLOCK_DETECTED))
    }

    /// Whether the same thing may well succeed a moment later: we lost a wait or a race, not an argument.
    ///
    /// Besides locks these are the two errors of catalogue rows that the whole cluster shares (roles, their
    /// memberships and comments), where a second database may be migrating at the same time.
    pub(super) fn is_transient(&self) -> bool {
        let raced = matches!(
            self.code(),
            // The latter is "tuple concurrently updated".
            Some(&SqlState::UNIQUE_VIOLATION | &SqlState::INTERNAL_ERROR)
        );
        self.is_busy() || raced
    }
}

/// One line of SQL per table, each below the sentence it belongs to.
struct Lines<'a>(&'a [ForeignTable]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ForeignTable { table, owner } in self.0 {
            let literal = table.replace('\'', "''");
            write!(f, "\n  select outbox.unwatch('{literal}');  -- as {owner}, who owns {table}")?;
        }
        Ok(())
    }
}
