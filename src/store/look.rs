//! Looking without touching: one statement in a read-only transaction, its answer one JSON document.

use serde_json::Value;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::StoreError;

/// One snapshot, nothing written, no lock that anybody waits for; names of tables come with their schema.
const BEGINNING: &str = "begin isolation level repeatable read read only; set local search_path = pg_catalog, pg_temp; \
    set local timezone = 'UTC'; set local statement_timeout = '10s'; set local lock_timeout = '1s'; \
    set local idle_in_transaction_session_timeout = '5s'";

/// What `outboxd status` shows; at most `rows` of each kind.
///
/// # Errors
/// When the statement fails; [`StoreError::is_denied`] when a right is lacking.
pub async fn status(client: &Client, rows: i64) -> Result<Value, StoreError> {
    look(client, "reading the status", include_str!("status.sql"), &[(&rows, Type::INT8)]).await
}

/// Runs one statement that returns one document as text. Sent together, so one round trip, and nothing stays open.
pub(super) async fn look(
    client: &Client,
    doing: &'static str,
    sql: &str,
    parameters: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Value, StoreError> {
    let (begun, rows, ended) = futures_util::future::join3(
        client.batch_execute(BEGINNING),
        client.query_typed(sql, parameters),
        client.batch_execute("rollback"),
    )
    .await;
    let rows =
        begun.and(rows).and_then(|rows| ended.map(|()| rows)).map_err(|e| StoreError::new(doing, e))?;
    let text: Option<&str> = rows.first().and_then(|row| row.get(0));
    // Postgres wrote it.
    Ok(text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default())
}
