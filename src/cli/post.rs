//! `outboxd post`.
#![allow(clippy::doc_markdown, reason = "these comments are the help text, printed as they stand")]

use std::path::PathBuf;

use clap::Args;

/// Options of `post`.
#[derive(Debug, Clone, Args)]
pub struct Post {
    /// Where to: an https or http URL.
    #[arg(long, value_name = "URL")]
    pub to: String,
    /// The body, as it is in this file; - reads standard input. Not given: a small event of type outbox.ping.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Folder of TLS identities, as for run.
    #[arg(long, value_name = "FOLDER", env = "OUTBOXD_IDENTITIES")]
    pub identities: Option<PathBuf>,
    /// Which of them to use.
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub identity: String,
    /// Connect to these addresses too, although they are not public, as for run: 127.0.0.0/8, 10.1.2.3:8443.
    #[arg(long, value_name = "CIDR[:PORT[-PORT]]", env = "OUTBOXD_ALLOW_ADDRESS", value_delimiter = ',')]
    pub allow_address: Vec<String>,
    /// Signing secret, whsec_…; without it nothing is signed. On a shared machine better in the environment, where other
    /// users do not see it.
    #[arg(long, value_name = "SECRET", env = "OUTBOXD_POST_SECRET", hide_env_values = true)]
    pub secret: Option<String>,
    /// A further request header; as often as you like.
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// Limit from connect to the end of the answer, in seconds, 1 to 60.
    #[arg(long, value_name = "S", default_value = "20")]
    pub deadline_s: String,
}
