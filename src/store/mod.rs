//! The relay's SQL: one method per SQL function it calls. Knows no HTTP and no clock but the database's.
//!
//! Every statement is sent unnamed with its types (`query_typed`), in a transaction that carries its settings: nothing
//! depends on what a pooler may have left on another connection.

mod bell;
mod claim;
mod direct;
mod error;
mod housekeeping;
mod measure;
mod settings;
mod settle;
mod transaction;

pub use bell::{Bell, BellError};
pub use claim::Wanted;
pub use direct::is_direct;
pub use error::{StoreError, Trouble};
pub use housekeeping::{Purged, Turn};
pub use settle::Detail;

use crate::conninfo::Conninfo;
use crate::database::{self, ConnectError, Connection};

/// A session for one of the relay's jobs.
pub struct Store {
    connection: Connection,
    /// Opens every transaction.
    beginning: String,
}

impl Store {
    /// Opens a session named after its job (`claim`, `settle`, `housekeeping`).
    ///
    /// # Errors
    /// When no session can be opened or set up.
    pub async fn open(info: &Conninfo, job: &str) -> Result<Self, OpenError> {
        let connection = database::connect(info, job).await?;
        let mut store = Self { connection, beginning: String::new() };
        store.prepare().await?;
        Ok(store)
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
