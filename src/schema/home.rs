//! Whether the connected database is the one that delivers.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};

use super::error::SchemaError;

/// What `outbox.require_home()` raises for a copy.
const COPY: &str = "OX020";

/// Refuses a database that was copied from another one, and with it open deliveries that are the other one's to send.
///
/// Claims refuse it too, at any time; asked at the start, it ends a relay that nobody wants there. One statement, so it
/// works through any pooler. A release without the function is no copy, and who may not ask cannot claim either.
///
/// # Errors
/// [`SchemaError::Copy`] says what to do; [`SchemaError::Query`].
pub async fn require_home(client: &Client) -> Result<(), SchemaError> {
    let none: &[(&(dyn ToSql + Sync), Type)] = &[];
    let Err(problem) = client.query_typed("select 1 from outbox.require_home()", none).await else {
        return Ok(());
    };
    match problem.as_db_error() {
        Some(refused) if refused.code().code() == COPY => {
            let hint = refused.hint().unwrap_or_default();
            Err(SchemaError::Copy(format!("{}. {hint}", refused.message())))
        }
        Some(other)
            if [SqlState::UNDEFINED_FUNCTION, SqlState::INSUFFICIENT_PRIVILEGE].contains(other.code()) =>
        {
            Ok(())
        }
        _ => Err(SchemaError::during("asking whether this database delivers")(problem)),
    }
}
