//! The `outboxd` command: arguments, logging, signals, exit codes. With the files in `main/`, alone reads the environment,
//! prints or exits.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::exit, reason = "the edge of the program")]

#[path = "main/signals.rs"]
mod signals;
#[path = "main/systemd.rs"]
mod systemd;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use outboxd::cli::{Cli, Command, Database, Log, Migrate, Run};
use outboxd::conninfo::Conninfo;
use outboxd::health::Health;
use outboxd::ops::{Facts, Listener};
use outboxd::schema::SchemaState;
use outboxd::{config, database, relay, schema, shutdown, store};
use systemd::Systemd;
use tokio::sync::Notify;
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;

const RELEASE: &str = env!("CARGO_PKG_VERSION");
/// Wrong usage or configuration; clap uses it too.
const USAGE: u8 = 2;
/// Between two looks at a schema that refuses what the relay asks of it.
const SCHEMA_PAUSE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(problem) = log_to_stderr(&cli.log) {
        eprintln!("outboxd: {problem:#}");
        return ExitCode::from(USAGE);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(problem) => {
            eprintln!("outboxd: no runtime: {problem}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(execute(cli)).unwrap_or_else(|problem| {
        eprintln!("outboxd: {}", in_full(&problem));
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
        Command::Migrate(options) => migrate(&cli.database, &options).await,
        Command::Uninstall(options) => uninstall(&cli.database, options.force).await,
        Command::Run(options) => run(&cli.database, &options).await,
    }
}

async fn migrate(at: &Database, options: &Migrate) -> Result<ExitCode> {
    if options.print {
        print!("{}", schema::print(RELEASE)?);
        return Ok(ExitCode::SUCCESS);
    }
    let info = conninfo(at)?;
    let mut connection = database::connect(&info, "migrate").await?;
    if options.check {
        let state = schema::check(&connection.client, RELEASE).await?;
        println!("{state}");
        return Ok(if matches!(state, SchemaState::Current) { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    require_direct(&info, &connection).await?;
    let done = schema::migrate(&mut connection.client, RELEASE).await?;
    for migration in &done.migrations_applied {
        println!("applied {migration}");
    }
    match (done.migrations_applied.is_empty(), done.definitions_applied) {
        (true, false) => println!("{}: up to date with {RELEASE}", info.describe()),
        (_, true) => println!("{}: functions, views and grants are those of {RELEASE}", info.describe()),
        (false, false) => {}
    }
    for notice in &done.notices {
        println!("{notice}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Where no second connection is to be had, the first is taken for direct.
async fn require_direct(info: &Conninfo, connection: &database::Connection) -> Result<()> {
    let Ok(other) = database::connect(info, "probe").await else { return Ok(()) };
    if !store::is_direct(&connection.client, &other.client).await.context("looking for a pooler")? {
        return Err(schema::SchemaError::Pooled.into());
    }
    Ok(())
}

async fn uninstall(at: &Database, force: bool) -> Result<ExitCode> {
    let info = conninfo(at)?;
    let mut connection = database::connect(&info, "uninstall").await?;
    require_direct(&info, &connection).await?;
    let done = schema::uninstall(&mut connection.client, force).await?;
    for table in &done.tables_freed {
        println!("{table} is no longer watched");
    }
    if done.deliveries_dropped > 0 {
        println!("{} open deliveries were dropped", done.deliveries_dropped);
    }
    println!(
        "{}: {}",
        info.describe(),
        if done.schema_dropped { "schema outbox is gone" } else { "there is no schema outbox" }
    );
    for notice in &done.notices {
        println!("{notice}");
    }
    Ok(ExitCode::SUCCESS)
}

async fn run(at: &Database, options: &Run) -> Result<ExitCode> {
    let database = conninfo(at).map_err(|problem| problem.0);
    let listen = options.listen_url.as_deref().map(|url| resolve(Some(url)).map_err(|problem| problem.0));
    let settings = config::relay(options, database, listen, &host_name())?;
    let listener = config::ops_listen(options)?.map(Listener::bind).transpose()?;
    let (once, metrics, health) = (settings.once, settings.metrics.clone(), settings.health.clone());
    let (stopper, mut stop) = shutdown::channel();
    let (systemd, reload) = (Systemd::new(), Arc::new(Notify::new()));
    signals::heed(stopper, health.clone(), systemd.clone(), Arc::clone(&reload))?;
    let identities = settings.identities.clone();
    tokio::spawn(signals::reload(reload, options.clone(), identities, metrics.clone(), systemd.clone()));
    tokio::spawn(systemd.clone().attend(health.clone()));
    if let Some(listener) = listener {
        listener.start(Facts { metrics, health: health.clone() })?;
    }
    tokio::select! {
        fit = fit_schema(&settings.database, once, &health) => fit?,
        () = stop.wait() => {
            systemd.flush().await;
            return Ok(ExitCode::SUCCESS);
        }
    }
    tokio::spawn(watch_schema(settings.database.clone(), health));
    info!(relay = settings.name, database = settings.database.describe(), release = RELEASE, "running");
    // On a worker thread: the main one only waits.
    let counts = tokio::spawn(relay::run(settings, stop)).await.context("the relay failed")??;
    if once {
        println!(
            "delivered {}, will retry {}, dead {}, cancelled {}",
            counts.delivered, counts.retrying, counts.dead, counts.cancelled
        );
    }
    systemd.flush().await;
    Ok(ExitCode::SUCCESS)
}

/// A relay never changes the schema: it says what does not fit and leaves. A database that is only away is waited for.
async fn fit_schema(info: &Conninfo, once: bool, health: &Health) -> Result<()> {
    let connection = loop {
        match database::connect(info, "check").await {
            Ok(connection) => break connection,
            Err(problem) if problem.is_transient() && !once => {
                warn!("{problem}; trying again");
                health.failed("start", &problem.to_string(), false);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(problem) => return Err(problem.into()),
        }
    };
    health.worked("start");
    let state = schema::check(&connection.client, RELEASE).await?;
    anyhow::ensure!(state.fit_to_run(), "{state}");
    if !matches!(state, SchemaState::Current) {
        warn!("{state}");
    }
    Ok(schema::require_home(&connection.client).await?)
}

/// Finds out whether it is the schema when the database refuses what the relay asks of it; until it does not any more.
async fn watch_schema(info: Conninfo, health: Health) {
    loop {
        tokio::time::sleep(SCHEMA_PAUSE).await;
        if !health.is_refused() {
            health.schema(None);
        } else if let Ok(connection) = database::connect(&info, "check").await {
            match schema::check(&connection.client, RELEASE).await {
                Ok(state) if state.fit_to_run() => health.schema(None),
                Ok(state) => health.schema(Some(&state.to_string())),
                Err(problem) => health.schema(Some(&problem.to_string())),
            }
        }
    }
}

fn conninfo(at: &Database) -> Result<Conninfo, config::ConfigError> {
    resolve(at.database_url.as_deref())
}

fn resolve(url: Option<&str>) -> Result<Conninfo, config::ConfigError> {
    Conninfo::resolve(url, &|name| std::env::var(name).ok())
        .map_err(|found| config::ConfigError(found.problems))
}

fn host_name() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    read.map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_else(|| "unknown".to_owned())
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

fn log_to_stderr(options: &Log) -> Result<()> {
    let filter = EnvFilter::try_new(&options.log).with_context(|| {
        format!("--log {:?} is not a filter; take error, warn, info or debug", options.log)
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if options.log_json {
        builder.json().init();
    } else {
        builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).init();
    }
    Ok(())
}
