//! The command line. Every option has an environment variable, because sidecars are configured by those.
#![allow(clippy::doc_markdown, reason = "these comments are the help text, printed as they stand")]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Turns a Postgres database into a dependable source of webhooks.
///
/// Triggers in schema `outbox` turn committed changes of watched tables into events and deliveries; `outboxd run` POSTs
/// them to subscribers over mTLS and records every attempt. All else is SQL: outbox.watch(), outbox.subscribe(),
/// outbox.backlog.
///
/// Exit codes: 0 done, 1 it failed, 2 wrong usage or configuration, 130 stopped at once by a second signal.
#[derive(Debug, Parser)]
#[command(name = "outboxd", version, max_term_width = 100)]
pub struct Cli {
    /// Which database.
    #[command(flatten)]
    pub database: Database,
    /// How to log.
    #[command(flatten)]
    pub log: Log,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Where the database is.
#[derive(Debug, Args)]
pub struct Database {
    /// Connection string, postgres://… or key=value; else DATABASE_URL, else PGHOST, PGUSER, … as for psql, and
    /// ~/.pgpass. sslmode up to verify-full with sslrootcert works as in libpq.
    #[arg(long, global = true, value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
}

/// What goes to standard error.
#[derive(Debug, Args)]
pub struct Log {
    /// What to log: error, warn, info, debug, or a filter such as outboxd=debug.
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        env = "OUTBOXD_LOG",
        default_value = "info,refinery_core=warn"
    )]
    pub log: String,
    /// One JSON object per line instead of text.
    #[arg(long, global = true, env = "OUTBOXD_LOG_JSON")]
    pub log_json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Installs or upgrades schema outbox; twice is once, and any number at a time are one.
    ///
    /// Needs a role that may create a schema in the database, nothing more. Where it may not create the group roles
    /// outbox_admin, outbox_relay and outbox_reader, it prints the statements for somebody who may; all works without
    /// them when one role is all.
    Migrate(Migrate),
    /// Takes triggers and schema outbox away; watched tables stay as they were.
    Uninstall(Uninstall),
    /// Delivers: claims due deliveries, POSTs them, records every attempt. Run any number of it.
    ///
    /// SIGTERM and SIGINT stop claiming, let what is under way end, and exit 0; a second signal exits at once. SIGHUP reads
    /// the certificates again.
    Run(Run),
}

/// Options of `migrate`.
#[derive(Debug, Args)]
pub struct Migrate {
    /// Write the SQL to standard output instead, as one psql script, and change nothing.
    #[arg(long, conflicts_with = "check")]
    pub print: bool,
    /// Say whether the database is up to date, change nothing; exit 1 when it is not.
    #[arg(long)]
    pub check: bool,
}

/// Options of `uninstall`.
#[derive(Debug, Args)]
pub struct Uninstall {
    /// Also when deliveries are open: they are lost.
    #[arg(long)]
    pub force: bool,
}

/// Options of `run`.
#[derive(Debug, Clone, Args)]
pub struct Run {
    /// Deliver what is due, empty what retention says, print how much was delivered, and exit.
    #[arg(long)]
    pub once: bool,
    /// Folder with one folder per TLS identity: NAME/tls.crt and NAME/tls.key (PEM, PKCS#8) to show, NAME/ca.crt to
    /// trust. Subscriptions name theirs; those that name none use the one called default.
    #[arg(long, value_name = "FOLDER", env = "OUTBOXD_IDENTITIES")]
    pub identities: Option<PathBuf>,
    /// Name of this relay in the tables; default: host name and process id.
    #[arg(long, value_name = "NAME", env = "OUTBOXD_NAME")]
    pub name: Option<String>,
    /// Where to listen for commits, when --database-url leads through a transaction pooler, which loses
    /// notifications: a direct connection to the same database.
    #[arg(long, value_name = "URL", env = "OUTBOXD_LISTEN_URL", hide_env_values = true)]
    pub listen_url: Option<String>,
    /// Do not listen: look for work every 10 to 500 milliseconds instead. Nothing then depends on the session.
    #[arg(long, env = "OUTBOXD_NO_LISTEN", conflicts_with = "listen_url")]
    pub no_listen: bool,
    /// Longest pause between two looks for work, in milliseconds, 10 to 60000; commits ring, so this is for what
    /// nobody rings for.
    #[arg(long, value_name = "MS", env = "OUTBOXD_POLL_MS", default_value = "5000")]
    pub poll_ms: String,
    /// POSTs at a time in all, 1 to 10000; each subscription has a limit of its own besides.
    #[arg(long, value_name = "N", env = "OUTBOXD_IN_FLIGHT_MAX", default_value = "256")]
    pub in_flight_max: String,
    /// How long POSTs under way may go on after the first signal, in seconds, 0 to 3600.
    #[arg(long, value_name = "S", env = "OUTBOXD_GRACE_S", default_value = "25")]
    pub grace_s: String,
    /// Answer /livez, /readyz and /metrics over HTTP: a port, which is then one of 127.0.0.1, or an address and a port
    /// such as 0.0.0.0:9464. Not given: nothing listens.
    #[arg(long, value_name = "ADDRESS", env = "OUTBOXD_OPS_LISTEN")]
    pub ops_listen: Option<String>,
}
