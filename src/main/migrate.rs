//! `outboxd migrate`.

use std::process::ExitCode;

use anyhow::Result;
use outboxd::cli::{Database, Migrate};
use outboxd::database;
use outboxd::schema::{self, SchemaState};

use crate::RELEASE;
use crate::connection::{conninfo, require_direct};
use crate::output::say;

pub(crate) async fn migrate(at: &Database, options: &Migrate) -> Result<ExitCode> {
    if options.print {
        say(format_args!("{}", schema::print(RELEASE)?))?;
        return Ok(ExitCode::SUCCESS);
    }
    let info = conninfo(at)?;
    let mut connection = database::connect(&info, "migrate").await?;
    if options.check {
        let state = schema::check(&connection.client, RELEASE).await?;
        say(format_args!("{state}\n"))?;
        return Ok(if matches!(state, SchemaState::Current) { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    require_direct(&info, &connection).await?;
    let done = schema::migrate(&mut connection.client, RELEASE).await?;
    for migration in &done.migrations_applied {
        say(format_args!("applied {migration}\n"))?;
    }
    match (done.migrations_applied.is_empty(), done.definitions_applied) {
        (true, false) => say(format_args!("{}: up to date with {RELEASE}\n", info.describe()))?,
        (_, true) => {
            say(format_args!("{}: functions, views and grants are those of {RELEASE}\n", info.describe()))?;
        }
        (false, false) => {}
    }
    for notice in &done.notices {
        say(format_args!("{notice}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}
