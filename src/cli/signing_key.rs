//! `outboxd signing-key`.
#![allow(clippy::doc_markdown, reason = "these comments are the help text, printed as they stand")]

use clap::Args;

/// Options of `signing-key`.
#[derive(Debug, Args)]
pub struct SigningKey {
    /// Read a whsk_… from standard input and print its public half, whpk_…, instead of making a key.
    #[arg(long)]
    pub public: bool,
}
