//! The relay's SQL: one method per SQL function it calls. Knows no HTTP and no clock but the database's.
//!
//! Every statement is sent unnamed with its types (`query_typed`), so that nothing depends on a prepared statement that a
//! pooler may have left on another connection.

mod claim;
mod error;
mod housekeeping;
mod measure;
mod settings;
mod settle;

pub use claim::Wanted;
pub use error::{StoreError, Trouble};
pub use settle::Detail;

use crate::conninfo::Conninfo;
use crate::database::{self, ConnectError, Connection};

/// A session for one of the relay's jobs.
pub struct Store {
    connection: Connection,
}

impl Store {
    /// Opens a session named after its job (`claim`, `settle`, `housekeeping`).
    ///
    /// A claim must be on disk before its POST leaves: otherwise a crash of Postgres could leave a POST of something that
    /// never was. So a role or database default of `synchronous_commit = off` does not count here. The time-outs make
    /// the server give up before we do: a statement whose client has gone away would go on otherwise.
    ///
    /// # Errors
    /// When no session can be opened or set up.
    pub async fn open(info: &Conninfo, job: &str) -> Result<Self, OpenError> {
        let connection = database::connect(info, job).await?;
        connection
            .client
            .batch_execute(
                "set statement_timeout = '30s'; set lock_timeout = '2s'; \
                 set idle_in_transaction_session_timeout = '5s'; \
                 set default_transaction_isolation = 'read committed'; \
                 set default_transaction_read_only = off; \
                 select set_config('synchronous_commit', 'on', false) \
                 where current_setting('synchronous_commit') in ('off', 'local')",
            )
            .await
            .map_err(|source| StoreError::new("setting up the session", source))?;
        Ok(Self { connection })
    }

    /// Whether the session is known to have ended.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.connection.lost.is_lost()
    }
}

/// A session that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be opened.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It cannot be set up.
    #[error(transparent)]
    Setup(#[from] StoreError),
}
