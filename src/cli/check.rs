//! `outboxd check`.
#![allow(clippy::doc_markdown, reason = "these comments are the help text, printed as they stand")]

use std::path::PathBuf;

use clap::Args;

use super::Database;

/// Options of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Which database.
    #[command(flatten)]
    pub database: Database,
    /// Folder of TLS identities, as for run: certificates, keys, their dates, and whether subscriptions name others.
    #[arg(long, value_name = "FOLDER", env = "OUTBOXD_IDENTITIES")]
    pub identities: Option<PathBuf>,
    /// File of named endpoints, as for run: whether every endpoint:NAME that subscriptions have is known here.
    #[arg(long, value_name = "FILE", env = "OUTBOXD_ENDPOINTS")]
    pub endpoints: Option<PathBuf>,
    /// Folder of secrets, as for run: whether each can be sent, nobody else may read it, and subscriptions name others.
    #[arg(long, value_name = "FOLDER", env = "OUTBOXD_SECRETS")]
    pub secrets: Option<PathBuf>,
    /// Connect to every active endpoint with its identity, TLS included, and hang up: nothing is POSTed. 5 s each, 8 at a
    /// time.
    #[arg(long)]
    pub handshake: bool,
    /// Connect to these addresses too with --handshake, although they are not public, as for run: 127.0.0.0/8, 10.1.2.3:8443.
    #[arg(long, value_name = "CIDR[:PORT[-PORT]]", env = "OUTBOXD_ALLOW_ADDRESS", value_delimiter = ',')]
    pub allow_address: Vec<String>,
    /// Print one JSON document: release, database, ok, problems, warnings, and findings, each with level (ok, warning,
    /// problem), subject, what, why, remedy.
    #[arg(long)]
    pub json: bool,
}
