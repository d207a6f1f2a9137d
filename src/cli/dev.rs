//! `outboxd dev`.
#![allow(clippy::doc_markdown, reason = "these comments are the help text, printed as they stand")]

use std::path::PathBuf;

use clap::Args;

use super::Database;

/// Options of `dev`.
#[derive(Debug, Clone, Args)]
pub struct Dev {
    /// Which database.
    #[command(flatten)]
    pub database: Database,
    /// Run this file first, a schema or a dump of your own: SQL by psql, a custom-format dump by pg_restore. May be given
    /// several times.
    #[arg(long, value_name = "FILE")]
    pub load: Vec<PathBuf>,
    /// Watch this table; its events are named after OBJECT, or else after the table (orders: Order). May be given several
    /// times.
    #[arg(long, value_name = "TABLE[=OBJECT]")]
    pub watch: Vec<String>,
    /// Watch every table that can be watched, and say which cannot and why.
    #[arg(long)]
    pub watch_all: bool,
    /// Port of the throw-away Postgres on 127.0.0.1; default: a free one.
    #[arg(long, value_name = "PORT")]
    pub port: Option<String>,
    /// What the receiver answers, in turn, the last one for ever: a status, close, reset, hang or drip, each with *N
    /// (times) and @DELAY if need be: 503*2,200@1500ms. Default: 200, and 401 where a signature is wrong.
    #[arg(long, value_name = "LIST")]
    pub answer: Option<String>,
    /// How much of each webhook is shown: line, head (with headers) or body (all of it).
    #[arg(long, value_name = "HOW", default_value = "line")]
    pub show: String,
    /// With --database-url: go on although other subscriptions are active. Their deliveries are then POSTed from here, for
    /// good, without their client certificates.
    #[arg(long)]
    pub deliver_all: bool,
}
