//! The demo: a throw-away Postgres, a subscriber behind mTLS that verifies every signature, the relay, and something to
//! do. Each workload checks that exactly the expected POSTs arrived, and says what is missing when they did not.
//! Run it through `./contrib/demo`, which installs and builds what it needs.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a demo shows what it does")]

#[path = "../../tests/support/mod.rs"]
mod support;

mod pgbench;
mod shop;
mod stage;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

/// Plays a workload on a throw-away Postgres and checks what arrives.
#[derive(Debug, Parser)]
#[command(name = "./contrib/demo")]
struct Options {
    /// What to play.
    #[arg(long, value_enum, default_value = "shop")]
    workload: Workload,
    /// Play it once and exit: 0 when everything arrived as it should.
    #[arg(long)]
    once: bool,
    /// The outboxd binary.
    #[arg(long, value_name = "PATH", hide = true)]
    outboxd: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Workload {
    /// A small shop, from psql: orders and lines, a rollback, a bulk update, a subscriber that fails and recovers.
    Shop,
    /// pgbench, which knows nothing of outboxd, writes its own tables for ten seconds; the relay is killed in the middle.
    Pgbench,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match options.workload {
        Workload::Shop => shop::play(&options.outboxd),
        Workload::Pgbench => pgbench::play(&options.outboxd),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(missing) => {
            eprintln!("\nNOT AS EXPECTED: {missing}");
            ExitCode::FAILURE
        }
    }
}
