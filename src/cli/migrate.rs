//! `outboxd migrate`.

use clap::Args;

use super::Database;

/// Options of `migrate`.
#[derive(Debug, Args)]
pub struct Migrate {
    /// Which database.
    #[command(flatten)]
    pub database: Database,
    /// Write the SQL to standard output instead, as one psql script, and change nothing.
    #[arg(long, conflicts_with = "check")]
    pub print: bool,
    /// Say whether the database is up to date, change nothing; exit 1 when it is not.
    #[arg(long)]
    pub check: bool,
}
