//! Whether a connection stays with one server process, as work under a session's lock must.

use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::error::SchemaError;

/// A pooler that serves others at the same moment may show one picture that looks direct.
const LOOKS: u32 = 3;

/// Refuses a pooler in transaction or statement mode between us and the server: installing and removing hold a lock
/// that belongs to one session, and set what others would inherit.
///
/// Such a pooler gives the process that one connection has just used to the next that asks, or takes turns; either shows
/// when `other`, opened by the same settings, asks between two questions of `client`.
///
/// # Errors
/// [`SchemaError::Pooled`], [`SchemaError::Query`].
pub async fn require_direct(client: &Client, other: &Client) -> Result<(), SchemaError> {
    for _ in 0..LOOKS {
        let first = process(client).await?;
        let others = process(other).await?;
        if others == first || process(client).await? != first {
            return Err(SchemaError::Pooled);
        }
    }
    Ok(())
}

/// The server process that runs a statement now.
async fn process(client: &Client) -> Result<i32, SchemaError> {
    let none: &[(&(dyn ToSql + Sync), Type)] = &[];
    let rows = client.query_typed("select pg_catalog.pg_backend_pid()", none).await;
    let rows = rows.map_err(SchemaError::during("looking for a pooler"))?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}
