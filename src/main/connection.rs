//! Which database is meant: options, environment and files, as for psql.

use anyhow::{Context, Result};
use outboxd::cli::Database;
use outboxd::conninfo::Conninfo;
use outboxd::{config, database, schema, store};

pub(crate) fn conninfo(at: &Database) -> Result<Conninfo, config::ConfigError> {
    resolve(at.database_url.as_deref())
}

pub(crate) fn resolve(url: Option<&str>) -> Result<Conninfo, config::ConfigError> {
    Conninfo::resolve(url, &|name| std::env::var(name).ok())
        .map_err(|found| config::ConfigError(found.problems))
}

/// Where no second connection is to be had, the first is taken for direct.
pub(crate) async fn require_direct(info: &Conninfo, connection: &database::Connection) -> Result<()> {
    let Ok(other) = database::connect(info, "probe").await else { return Ok(()) };
    if !store::is_direct(&connection.client, &other.client).await.context("looking for a pooler")? {
        return Err(schema::SchemaError::Pooled.into());
    }
    Ok(())
}
