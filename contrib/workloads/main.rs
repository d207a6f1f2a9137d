//! The demo: a throw-away Postgres, a subscriber behind mTLS that verifies every signature, the relay, and something to
//! do. Each workload checks that exactly the expected POSTs arrived, and says what is missing when they did not.
//! Run it through `./contrib/demo`, which installs and builds what it needs.
#![allow(clippy::doc_markdown, reason = "the options' comments are the help text, printed as they stand")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a demo shows what it does")]

#[path = "../../tests/support/mod.rs"]
mod support;

mod event;
mod guard;
mod live;
mod pgbench;
mod rental;
mod scenario;
mod shop;
mod stage;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use scenario::Scenario;
use stage::{DEMO, Stage};

/// Plays a workload on a throw-away Postgres, checks what arrives, and stays open to play with.
///
/// Then every statement that changes something is shown, with the POSTs it becomes: verified, with type, object, age,
/// attempt, what the subscriber answered, and webhook-id. Join in with the psql line that is printed.
///
/// Keys, each with Enter: s stops the subscriber and starts it again; k kills the relay with -9 and starts another;
/// h makes the subscriber slow and fast again; ? explains; q ends. Ctrl-C, SIGTERM and a closed terminal end it too.
/// Input that ends does not. Whatever ends it, server, relay and files are gone afterwards.
///
/// Exit code: 0 when everything arrived as it should, 1 when not. NO_COLOR turns colours off.
#[derive(Debug, Parser)]
#[command(name = "./contrib/demo", max_term_width = 100)]
struct Options {
    /// What to play.
    #[arg(long, value_enum, default_value = "shop")]
    workload: Workload,
    /// Plays one of the examples under contrib/examples, step by step, and checks each request byte for byte.
    #[arg(long, value_enum, conflicts_with = "workload")]
    scenario: Option<Example>,
    /// Play it once and exit: 0 when everything arrived as it should.
    #[arg(long)]
    once: bool,
    /// How many transactions the rental shops write.
    #[arg(long, value_name = "N", default_value = "2000")]
    transactions: usize,
    /// Which transactions they are.
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// SQL that breaks something in the rental shops, to see that it is noticed.
    #[arg(long, value_name = "SQL", hide = true)]
    sabotage: Option<String>,
    /// The outboxd binary.
    #[arg(long, value_name = "PATH", hide = true)]
    outboxd: PathBuf,
    /// Other steps than the scenario's own.
    #[arg(long, value_name = "PATH", hide = true, requires = "scenario")]
    steps: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Workload {
    /// A small shop, from psql: orders and lines, a rollback, a bulk update, a subscriber that fails and recovers.
    Shop,
    /// pgbench, which knows nothing of outboxd, writes its own tables for ten seconds; the relay is killed in the middle.
    Pgbench,
    /// Rental shops: fifteen tables, three objects made of several of them, six writers at once, every event checked.
    Rental,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Example {
    /// Notifications of a moving service to its contractor and an auditor, each behind a client certificate of its own.
    Milmove,
    /// Changes of customers and vehicles, dispatched to five downstream systems, one of which fails.
    Ctp,
    /// Citations, told to archives and journals: wildcards, an own envelope, deduplication, one that fails and is switched off.
    Ads,
    /// Pushes to browsers through a gateway: subscriptions of one order, gone devices, pushes that come too late.
    Webpush,
}

impl Example {
    fn scenario(self) -> &'static Scenario {
        match self {
            Self::Milmove => &scenario::MILMOVE,
            Self::Ctp => &scenario::CTP,
            Self::Ads => &scenario::ADS,
            Self::Webpush => &scenario::WEBPUSH,
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    match play(&options) {
        Ok(()) => {
            if !options.once {
                // Nobody may be there any more to read it.
                drop(writeln!(std::io::stdout(), "ended; server, relay and files are gone"));
            }
            ExitCode::SUCCESS
        }
        Err(missing) => {
            eprintln!("\nNOT AS EXPECTED: {missing}");
            ExitCode::FAILURE
        }
    }
}

fn play(options: &Options) -> Result<(), String> {
    let scenario = options.scenario.map(Example::scenario);
    let places = scenario.map_or(DEMO, |scenario| scenario.places);
    let stage = Stage::set(&options.outboxd, !options.once, places)?;
    let lines = match (scenario, options.workload) {
        (Some(scenario), _) => {
            let read = |path| std::fs::read_to_string(path).map_err(|error| error.to_string());
            let steps = options.steps.as_ref().map(read).transpose()?;
            scenario::play(&stage, scenario, steps.as_deref())?
        }
        (None, Workload::Shop) => shop::play(&stage)?,
        (None, Workload::Pgbench) => pgbench::play(&stage)?,
        (None, Workload::Rental) => {
            let Options { transactions, seed, sabotage, .. } = options;
            let play = rental::Play { transactions: *transactions, seed: *seed, sabotage: sabotage.clone() };
            rental::play(&stage, &play)?
        }
    };
    if options.once { Ok(()) } else { live::stay(&stage, &lines) }
}
