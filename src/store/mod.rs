//! The relay's SQL: one method per SQL function it calls. Knows no HTTP and no clock but the database's.
//!
//! Every statement is sent unnamed with its types (`query_typed`), in a transaction that carries its settings: nothing
//! depends on what a pooler may have left on another connection.

mod bell;
mod claim;
mod direct;
mod error;
mod examine;
mod housekeeping;
mod look;
mod measure;
mod settings;
mod settle;
mod transaction;
mod workbench;

pub use bell::{Bell, BellError};
pub use claim::{Busy, Wanted};
pub use direct::is_direct;
pub use error::{StoreError, Trouble};
pub use examine::{Topic, examine};
pub use housekeeping::{Purged, Turn};
pub use look::status;
pub use settle::{Detail, Settled, StatusChange};
pub use workbench::{FIRST_STEP, FIRST_STEPS, Leftovers, PAUSE_ALL, Workbench, removal};

use crate::conninfo::Conninfo;
use crate::database::{self, ConnectError, Connection};

/// The functions that a relay calls, for `outboxd check`: a test compares them with the statements here.
pub const RELAY_FUNCTIONS: [&str; 18] = [
    "cancel_gone",
    "claim",
    "count_troubled",
    "doorbell_silence",
    "expand",
    "keep_subscriptions",
    "leave_duty",
    "measure",
    "next_due",
    "purge_old",
    "report_certificates",
    "report_relay",
    "report_stop",
    "require_home",
    "settle",
    "subscription_settings",
    "take_duty",
    "turn_ring",
];

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

#[cfg(test)]
mod tests {
    use super::RELAY_FUNCTIONS;

    /// The list that rights are checked by, and what the files here call.
    #[test]
    fn every_function_that_is_called_is_listed() {
        let sources = [
            include_str!("bell.rs"),
            include_str!("claim.rs"),
            include_str!("housekeeping.rs"),
            include_str!("measure.rs"),
            include_str!("settings.rs"),
            include_str!("settle.rs"),
        ];
        let mut called: Vec<&str> = sources
            .iter()
            .flat_map(|source| source.lines().filter(|line| !line.trim_start().starts_with("//")))
            .flat_map(|line| line.split("outbox.").skip(1))
            .filter_map(|after| after.split_once('(').map(|(name, _)| name))
            .filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
            .chain(["require_home"])
            .collect();
        called.sort_unstable();
        called.dedup();
        assert_eq!(called, RELAY_FUNCTIONS);
    }
}
