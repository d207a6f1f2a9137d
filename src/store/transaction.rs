//! One statement in a transaction of its own that brings its settings along.

use std::time::Duration;

use futures_util::future::join3;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::{Store, StoreError};

/// What a session commits with unless somebody has set something in it: role, database and server have a say.
const DURABILITY: &str = "select reset_val from pg_catalog.pg_settings where name = 'synchronous_commit'";

/// The beginning of every transaction, given how sessions here commit.
///
/// A claim must be on disk before its POST leaves: otherwise a crash of Postgres could leave a POST of something that
/// never was. So a default of `synchronous_commit = off` does not count here; what waits for more than the local disk
/// stays as it is. The time-outs make the server give up before we do: a statement whose client has gone away would go
/// on otherwise.
fn beginning(durability: &str) -> String {
    let durability = match durability {
        "remote_write" | "remote_apply" => durability,
        _ => "on",
    };
    format!(
        "begin isolation level read committed read write; set local synchronous_commit = {durability}; \
         set local statement_timeout = '30s'; set local lock_timeout = '2s'; \
         set local idle_in_transaction_session_timeout = '5s'"
    )
}

impl Store {
    /// Asks how sessions here commit; the answer holds for the life of the store.
    pub(super) async fn prepare(&mut self) -> Result<(), StoreError> {
        let none: &[(&(dyn ToSql + Sync), Type)] = &[];
        let rows = self
            .connection
            .client
            .query_typed(DURABILITY, none)
            .await
            .map_err(|source| StoreError::new("setting up the session", source))?;
        self.beginning = beginning(rows.first().and_then(|row| row.get(0)).unwrap_or("on"));
        Ok(())
    }

    /// Runs one statement in a transaction of its own, committed when this returns.
    ///
    /// Nothing belongs to the session, so that it may be another one each time, shared with others by a pooler: the
    /// settings end with the transaction, the statement has no name. All of it is one round trip, since futures that are
    /// polled together are sent together, in order; and at the first poll, so that a call that is given up leaves no
    /// transaction open. A statement that failed makes the commit a rollback.
    pub(super) async fn run(
        &self,
        doing: &'static str,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, StoreError> {
        self.run_after(&self.beginning, doing, sql, parameters).await
    }

    /// [`Self::run`] with another time-out.
    pub(super) async fn run_within(
        &self,
        limit: Duration,
        doing: &'static str,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, StoreError> {
        let limit = format!("; set local statement_timeout = {}", limit.as_millis());
        self.run_after(&(self.beginning.clone() + &limit), doing, sql, parameters).await
    }

    async fn run_after(
        &self,
        beginning: &str,
        doing: &'static str,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, StoreError> {
        let client = &self.connection.client;
        let (begun, rows, committed) = join3(
            client.batch_execute(beginning),
            client.query_typed(sql, parameters),
            client.batch_execute("commit"),
        )
        .await;
        // The first error is the cause of the others.
        begun
            .and(rows)
            .and_then(|rows| committed.map(|()| rows))
            .map_err(|source| StoreError::new(doing, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_claimed_is_durable_whatever_the_default() {
        for (found, set) in [
            ("off", "on"),
            ("local", "on"),
            ("on", "on"),
            ("remote_write", "remote_write"),
            ("remote_apply", "remote_apply"),
        ] {
            assert!(beginning(found).contains(&format!("synchronous_commit = {set};")), "{found}");
        }
    }
}
