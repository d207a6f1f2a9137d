//! `outboxd uninstall`.

use std::process::ExitCode;

use anyhow::Result;
use outboxd::cli::Database;
use outboxd::{database, schema};

use crate::connection::{conninfo, require_direct};
use crate::output::say;

pub(crate) async fn uninstall(at: &Database, force: bool) -> Result<ExitCode> {
    let info = conninfo(at)?;
    let mut connection = database::connect(&info, "uninstall").await?;
    require_direct(&info, &connection).await?;
    let done = schema::uninstall(&mut connection.client, force).await?;
    for table in &done.tables_freed {
        say(format_args!("{table} is no longer watched\n"))?;
    }
    if done.deliveries_dropped > 0 {
        let (dropped, were) = match done.deliveries_dropped {
            1 => ("1 open delivery".to_owned(), "was"),
            many => (format!("{many} open deliveries"), "were"),
        };
        say(format_args!("{dropped} {were} dropped\n"))?;
    }
    say(format_args!(
        "{}: {}\n",
        info.describe(),
        if done.schema_dropped { "schema outbox is gone" } else { "there is no schema outbox" }
    ))?;
    for notice in &done.notices {
        say(format_args!("{notice}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}
