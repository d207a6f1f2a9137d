//! The `outboxd` command: arguments, logging, signals, exit codes. With the files in `main/`, alone reads the environment,
//! prints or exits.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::exit, reason = "the edge of the program")]

#[path = "main/certificates.rs"]
mod certificates;
#[path = "main/check.rs"]
mod check;
#[path = "main/connection.rs"]
mod connection;
#[path = "main/dev.rs"]
mod dev;
#[path = "main/listen.rs"]
mod listen;
#[path = "main/migrate.rs"]
mod migrate;
#[path = "main/output.rs"]
mod output;
#[path = "main/post.rs"]
mod post;
#[path = "main/reload.rs"]
mod reload;
#[path = "main/run.rs"]
mod run;
#[path = "main/signals.rs"]
mod signals;
#[path = "main/signing_key.rs"]
mod signing_key;
#[path = "main/status.rs"]
mod status;
#[path = "main/systemd.rs"]
mod systemd;
#[path = "main/uninstall.rs"]
mod uninstall;

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use outboxd::cli::{Cli, Command};
use outboxd::{config, database};
use output::complain;
use tracing_subscriber::EnvFilter;

const RELEASE: &str = env!("CARGO_PKG_VERSION");
/// Wrong usage or configuration; clap uses it too.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(problem) = log_to_stderr(&cli) {
        complain(format_args!("outboxd: {}\n", in_full(&problem)));
        return ExitCode::from(USAGE);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(problem) => {
            complain(format_args!("outboxd: no runtime: {problem}\n"));
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(execute(cli)).unwrap_or_else(|problem| {
        complain(format_args!("outboxd: {}\n", in_full(&problem)));
        match problem.downcast_ref::<config::ConfigError>() {
            Some(_) => ExitCode::from(USAGE),
            None => ExitCode::FAILURE,
        }
    });
    // A name that is still being resolved must not hold up the exit.
    runtime.shutdown_background();
    code
}

async fn execute(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Migrate(options) => migrate::migrate(&options.database, &options).await,
        Command::Uninstall(options) => uninstall::uninstall(&options.database, options.force).await,
        Command::Status(options) => status::status(&options.database, &options).await,
        Command::Check(options) => check::check(&options.database, &options).await,
        Command::Post(options) => post::post(&options).await,
        Command::Run(options) => run::run(&options.database, &options).await,
        Command::Listen(options) => listen::listen(&options).await,
        Command::Certificates(options) => certificates::certificates(&options),
        Command::SigningKey(options) => signing_key::signing_key(&options),
        Command::Dev(options) => dev::dev(&options.database, &options).await,
        Command::DevGuard => dev::guard::stand().await,
    }
}

/// An error with its causes, save those that its own text has told already.
fn in_full(problem: &anyhow::Error) -> String {
    if problem.is::<database::ConnectError>() {
        return problem.to_string();
    }
    let mut text = String::new();
    for cause in problem.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn log_to_stderr(cli: &Cli) -> Result<()> {
    let options = &cli.log;
    let log = options.log.as_deref().unwrap_or(match cli.command {
        // What the relay does is not what the terminal of a developer is for.
        Command::Dev(_) => "warn,refinery_core=warn",
        _ => "info,refinery_core=warn",
    });
    let filter = EnvFilter::try_new(log)
        .with_context(|| format!("--log {log:?} is not a filter; take error, warn, info or debug"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Whoever read may be gone: telling that on the same stream would panic.
    let builder = builder.log_internal_errors(false);
    if options.log_json {
        builder.json().init();
    } else {
        builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).init();
    }
    Ok(())
}
