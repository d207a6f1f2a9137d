//! `outboxd uninstall`.

use clap::Args;

/// Options of `uninstall`.
#[derive(Debug, Args)]
pub struct Uninstall {
    /// Also when deliveries are open: they are lost.
    #[arg(long)]
    pub force: bool,
}
