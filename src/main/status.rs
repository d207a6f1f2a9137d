//! `outboxd status`.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use outboxd::cli::{Database, Status};
use outboxd::conninfo::Conninfo;
use outboxd::schema::{SchemaError, SchemaState};
use outboxd::status::{DOCUMENT_ROWS, SCREEN_ROWS, judge, screen};
use outboxd::{database, schema, store};
use serde_json::Value;

use crate::RELEASE;
use crate::connection::conninfo;

/// With `--exit-code`: it was read, and it is not healthy.
const UNHEALTHY: u8 = 3;
/// Where there is no terminal, and no `COLUMNS` says otherwise.
const COLUMNS: usize = 80;

pub(crate) async fn status(at: &Database, options: &Status) -> Result<ExitCode> {
    let info = conninfo(at)?;
    let found = read(&info, if options.json { DOCUMENT_ROWS } else { SCREEN_ROWS }).await?;
    let text = if options.json {
        outboxd::screen::json(&found) + "\n"
    } else {
        screen(&found, (!options.wide).then(columns))
    };
    print(&text)?;
    Ok(match found["healthy"].as_bool() {
        Some(false) if options.exit_code => ExitCode::from(UNHEALTHY),
        _ => ExitCode::SUCCESS,
    })
}

async fn read(info: &Conninfo, rows: i64) -> Result<Value> {
    let connection = database::connect(info, "status").await?;
    let state = match schema::check(&connection.client, RELEASE).await {
        Err(SchemaError::MayNotRead { owner, .. }) => return Err(may_not(&info.user, &owner)),
        state => state?,
    };
    anyhow::ensure!(state.fit_to_run(), "{state}");
    let differs = (!matches!(state, SchemaState::Current)).then(|| state.to_string());
    match store::status(&connection.client, rows).await {
        Ok(found) => Ok(judge(found, RELEASE, differs.as_deref())),
        Err(problem) if problem.is_denied() => Err(may_not(&info.user, "its owner")),
        // Functions of another release may be why.
        Err(problem) => Err(match differs {
            Some(differs) => anyhow!("{problem}; {differs}"),
            None => problem.into(),
        }),
    }
}

fn may_not(role: &str, owner: &str) -> anyhow::Error {
    anyhow!(
        "role {role} may not look at schema outbox; as {owner} run: grant outbox_reader to {role};  (or, without group \
         roles, connect as the owner)"
    )
}

/// The width of the terminal.
pub(crate) fn columns() -> usize {
    let terminal = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
    let given = || std::env::var("COLUMNS").ok()?.parse().ok();
    terminal.or_else(given).filter(|columns| *columns >= 20).unwrap_or(COLUMNS)
}

/// Whoever reads may stop reading (`| head`).
pub(crate) fn print(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(problem) if problem.kind() != std::io::ErrorKind::BrokenPipe => Err(problem.into()),
        _ => Ok(()),
    }
}
