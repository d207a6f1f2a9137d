//! Whether a connection stays with one server process, as work under a session's lock, and LISTEN, must.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error};

/// A pooler that serves others at the same moment may show one picture that looks direct.
const LOOKS: u32 = 3;

/// False when there is a pooler in transaction or statement mode between us and the server.
///
/// Such a pooler gives the process that one connection has just used to the next that asks, or takes turns; either shows
/// when `other`, a second connection, asks between two questions of `client`.
///
/// # Errors
/// When one of them cannot be asked.
pub async fn is_direct(client: &Client, other: &Client) -> Result<bool, Error> {
    for _ in 0..LOOKS {
        let first = process(client).await?;
        let others = process(other).await?;
        if others == first || process(client).await? != first {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The server process that runs a statement now.
async fn process(client: &Client) -> Result<i32, Error> {
    let none: &[(&(dyn ToSql + Sync), Type)] = &[];
    let rows = client.query_typed("select pg_catalog.pg_backend_pid()", none).await?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}
