//! `outboxd uninstall`.

use clap::Args;

use super::Database;

/// Options of `uninstall`.
#[derive(Debug, Args)]
pub struct Uninstall {
    /// Which database.
    #[command(flatten)]
    pub database: Database,
    /// Also when deliveries are open: they are lost.
    #[arg(long)]
    pub force: bool,
}
