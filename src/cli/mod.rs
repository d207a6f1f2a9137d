//! The command line, one file per command. Every option of the relay has an environment variable, because sidecars are
//! configured by those.
#![allow(clippy::doc_markdown, reason = "these comments are the help text, printed as they stand")]

mod certificates;
mod check;
mod dev;
mod listen;
mod migrate;
mod post;
mod run;
mod signing_key;
mod status;
mod uninstall;

use clap::{Args, Parser, Subcommand};

pub use certificates::Certificates;
pub use check::Check;
pub use dev::Dev;
pub use listen::Listen;
pub use migrate::Migrate;
pub use post::Post;
pub use run::Run;
pub use signing_key::SigningKey;
pub use status::Status;
pub use uninstall::Uninstall;

/// Where to begin.
const FIRST_STEPS: &str = "\
First steps:
  outboxd dev                    shows all of it within a minute, in a database of its own
  outboxd migrate                installs it in yours; then, in psql:
      select outbox.watch('orders', 'Order');
      select outbox.subscribe('acme', 'Order.*', 'https://hooks.acme.example/');
  outboxd run                    delivers
  outboxd check                  says what is wrong, and what mends it";

/// Turns a Postgres database into a dependable source of webhooks.
///
/// Triggers in schema `outbox` turn committed changes of watched tables into events and deliveries; `outboxd run` POSTs
/// them to subscribers over mTLS and records every attempt. All else is SQL: outbox.watch(), outbox.subscribe(),
/// outbox.backlog.
///
/// Exit codes: 0 done, 1 it failed, 2 wrong usage or configuration, 3 not healthy (status --exit-code), 130 stopped at
/// once by a second signal.
#[derive(Debug, Parser)]
#[command(name = "outboxd", version, max_term_width = 100, after_help = FIRST_STEPS)]
pub struct Cli {
    /// How to log.
    #[command(flatten)]
    pub log: Log,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Where the database is.
#[derive(Debug, Clone, Default, Args)]
pub struct Database {
    /// Connection string, postgres://… or key=value; else DATABASE_URL, else PGHOST, PGUSER, … as for psql, and
    /// ~/.pgpass. sslmode up to verify-full with sslrootcert works as in libpq. `dev` takes a database from this option
    /// alone.
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,
}

/// What goes to standard error.
#[derive(Debug, Args)]
pub struct Log {
    /// What to log: error, warn, info, debug, or a filter such as outboxd=debug; default: info,refinery_core=warn, and
    /// warn for `dev`.
    #[arg(long, global = true, help_heading = "Logging", value_name = "FILTER", env = "OUTBOXD_LOG")]
    pub log: Option<String>,
    /// One JSON object per line instead of text.
    #[arg(long, global = true, help_heading = "Logging", env = "OUTBOXD_LOG_JSON")]
    pub log_json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows it working within a minute: a throw-away Postgres, a relay and a receiver, and each webhook as it arrives.
    ///
    /// Starts a Postgres from the programs it finds, installs schema outbox, subscribes a receiver of its own over mTLS, and
    /// prints what to paste into psql. Ctrl-C takes everything away again, and so does a crash. With --database-url it works
    /// in that database instead, where schema and watches stay. DATABASE_URL, PGHOST, PGUSER and the like are not used.
    Dev(Dev),
    /// Waits for the end of `dev` and cleans up behind it in an existing database.
    #[command(hide = true)]
    DevGuard,
    /// Installs or upgrades schema outbox; twice is once, and any number at a time are one.
    ///
    /// Needs a role that may create a schema in the database, nothing more. Where it may not create the group roles
    /// outbox_admin, outbox_relay, outbox_reader and outbox_builder, it prints the statements for somebody who may; all
    /// works without them when one role is all.
    Migrate(Migrate),
    /// Delivers: claims due deliveries, POSTs them, records every attempt. Run any number of it.
    ///
    /// SIGTERM and SIGINT stop claiming, let what is under way end, and exit 0; a second signal exits at once. SIGHUP reads
    /// certificates and secrets again, as a change of their files does.
    Run(Run),
    /// One screen: relays, what waits, what fails and why. Changes nothing; the rights of outbox_reader are enough.
    Status(Status),
    /// Looks for what is wrong or soon will be, from the database to certificates, and says how to mend it.
    ///
    /// Changes nothing. Run it as the relay runs, with the same settings. Exit 0 without problems (warnings are none), 1 with
    /// some. A database that is away is a problem; certificates are then checked all the same.
    Check(Check),
    /// Receives webhooks for a developer: verifies, shows them, and answers as told. Needs no database.
    ///
    /// Each webhook is a line on standard output: time, whether its signature is right, type, object, age, sender, what it
    /// was answered, and the beginning of its data. SIGTERM and SIGINT end it at once, with 0.
    Listen(Listen),
    /// Sends one signed POST, without a database, and says what came of it: is the endpoint there, does it take our
    /// certificate and our signature?
    ///
    /// It is sent as `run` sends, once. Exit code 0 when the answer is 2xx, 1 otherwise.
    Post(Post),
    /// Makes certificates for development, valid 30 days: for a relay and for `outboxd listen`, by a CA of their own.
    ///
    /// The CA's key is thrown away, so nobody can make more by it. What is there is not overwritten.
    Certificates(Certificates),
    /// Makes an ed25519 key to sign with, for subscribers that shall not be able to sign themselves.
    ///
    /// Prints two lines: whsk_…, for outbox.set_signing_secret() or the relay's secrets, and whpk_…, for the subscriber.
    SigningKey(SigningKey),
    /// Takes triggers and schema outbox away; watched tables stay as they were.
    Uninstall(Uninstall),
}
