//! The figures in ARCHITECTURE.md, each a ratio against a baseline of the same run. Run it through `./contrib/bench`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "prints its findings")]
#![allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]

#[path = "../../tests/support/mod.rs"]
mod support;

mod bare;
mod bench;
mod capture;
mod claim;
mod doorbell;
mod drain;
mod fan_out;
mod formats;
mod house;
mod idle;
mod isolation;
mod latency;
mod observer;
mod order;
mod pgbench;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "./contrib/bench")]
struct Options {
    /// The outboxd binary.
    #[arg(long, value_name = "PATH", hide = true, global = true)]
    outboxd: Option<PathBuf>,
    #[command(subcommand)]
    figure: Figure,
}

#[derive(Debug, Subcommand)]
enum Figure {
    /// 20,000 ready deliveries to one mTLS receiver, as a share of a loop that does nothing but POST.
    Drain,
    /// The same deliveries by a POST each over HTTP/1.1 and HTTP/2, and in batches.
    Formats,
    /// What one claim touches at 10, 10,000 and 100,000 idle subscriptions, and beside 100 whose breaker is open.
    Claim,
    /// What capture costs a writer: single-row and 20,000-row UPDATEs, watched and unwatched.
    Capture,
    /// What finding its subscriptions costs a commit: 100,000 that want one object each, 1 to 100 that want all, 100,000 that do.
    FanOut,
    /// What keeping house costs: turning the ring, a round with nothing to do, the views.
    House,
    /// What order costs as the queue grows: rates at 1,000 and at 100,000 deep, and what a claim touches.
    Order,
    /// What waking a relay costs writers: nobody rings, the doorbell, a NOTIFY in every transaction.
    Doorbell(doorbell::Options),
    /// From commit to arrival at 50 events per second, with the doorbell and by polling.
    Latency(latency::Options),
    /// p99 of an endpoint that is well beside one that hangs, drips or floods, and of 1,000 with 10 dead ones.
    Isolation(isolation::Options),
    /// CPU of a relay that has nothing to do, its database sessions included.
    Idle(idle::Options),
    /// The baseline of `drain`, as a process of its own.
    #[command(hide = true)]
    Bare { url: String, identity: PathBuf, posts: usize, connections: usize, body: usize },
}

fn main() {
    let options = Options::parse();
    let outboxd = options.outboxd.unwrap_or_default();
    match options.figure {
        Figure::Drain => drain::measure(&outboxd),
        Figure::Formats => formats::measure(&outboxd),
        Figure::Claim => claim::measure(&outboxd),
        Figure::Capture => capture::measure(&outboxd),
        Figure::FanOut => fan_out::measure(&outboxd),
        Figure::House => house::measure(&outboxd),
        Figure::Order => order::measure(&outboxd),
        Figure::Doorbell(options) => doorbell::measure(&outboxd, &options),
        Figure::Latency(options) => latency::measure(&outboxd, &options),
        Figure::Isolation(options) => isolation::measure(&outboxd, &options),
        Figure::Idle(options) => idle::measure(&outboxd, &options),
        Figure::Bare { url, identity, posts, connections, body } => {
            bare::post(&url, &identity, posts, connections, body);
        }
    }
}

/// The middle one of an odd number of values; of an even one, the upper of the two in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
