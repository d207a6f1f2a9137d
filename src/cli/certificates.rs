//! `outboxd certificates`.
#![allow(clippy::doc_markdown, reason = "these comments are the help text, printed as they stand")]

use std::path::PathBuf;

use clap::Args;

/// Options of `certificates`.
#[derive(Debug, Args)]
pub struct Certificates {
    /// Where they go: FOLDER/identities/default for `outboxd run --identities FOLDER/identities`, FOLDER/receiver for
    /// `outboxd listen --tls FOLDER/receiver`.
    pub folder: PathBuf,
    /// Another name or address by which the receiver is reached, besides localhost, 127.0.0.1 and ::1; as often as you
    /// like.
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
}
