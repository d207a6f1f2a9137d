//! `outboxd status`.

use clap::Args;

use super::Database;

/// Options of `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// Which database.
    #[command(flatten)]
    pub database: Database,
    /// Print one JSON document instead: all that the screen shows and more, at most 1000 subscriptions, times as ISO 8601,
    /// durations in seconds (keys that end in _s). Keys may be added by a release, none is taken away.
    #[arg(long)]
    pub json: bool,
    /// Do not cut lines to the width of the terminal (80 columns where there is none).
    #[arg(long, conflicts_with = "json")]
    pub wide: bool,
    /// Exit 3 when it is not healthy. Otherwise trouble exits 0 too, and only what cannot be read exits 1.
    #[arg(long)]
    pub exit_code: bool,
}
