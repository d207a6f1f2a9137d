//! From commit to arrival, at a rate that leaves the machine idle most of the time.
//!
//! One session commits an INSERT at a time at random moments (a Poisson process, the same one for every mode); the
//! subscriber, behind mTLS in this process, stamps each request when it is complete.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use tokio_postgres::NoTls;

use crate::bench::{Bench, SOON, stop};
use crate::median;
use crate::support::Receiver;

/// Events committed before the measured ones, to open connections and fill caches.
const WARM_UP: usize = 50;
/// What a flush of the log writes.
const PAGE: usize = 8192;
/// Size of the file for measuring flushes, that of a log segment.
const FILE_PAGES: usize = 2048;
const FLUSHES: usize = 400;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Events to measure, in each mode.
    #[arg(long, default_value_t = 2000)]
    events: usize,
    /// Events per second.
    #[arg(long, default_value_t = 50.0)]
    rate: f64,
}

/// One commit.
struct Sent {
    begun: Instant,
    returned: Instant,
}

pub(crate) fn measure(outboxd: &Path, options: &Options) {
    let bench = Bench::set(outboxd, "latency");
    let receiver = bench.receiver();
    bench.database.psql("create table item (id integer primary key, name text, amount numeric)");
    bench.database.psql(&format!(
        "select outbox.watch('item', 'Item'), outbox.subscribe('bench', '*', '{}')",
        receiver.url("/hooks")
    ));
    println!("{} events per mode, Poisson, {} per second, mTLS; milliseconds", options.events, options.rate);
    println!(
        "{:<22} {:>8} {:>8}   {:>8} {:>8}   {:>8}   {:>8} {:>8}",
        "", "begin →", "arrival", "return →", "arrival", "commit", "fsync", "fsync"
    );
    println!(
        "{:<22} {:>8} {:>8}   {:>8} {:>8}   {:>8}   {:>8} {:>8}",
        "", "p50", "p99", "p50", "p99", "p50", "before", "after"
    );
    let mut first = 0;
    for (name, relay) in [("doorbell", &[] as &[&str]), ("--no-listen", &["--no-listen"])] {
        let relay = bench.relay(relay);
        if name == "doorbell" {
            bench.asleep();
        }
        let before = fsync_ms(bench.cluster.base_dir());
        let sent = commit(&bench, first, options);
        receiver.wait_for(sent.len(), SOON);
        let after = fsync_ms(bench.cluster.base_dir());
        stop(vec![relay]);
        report(name, first, &sent, &receiver, (before, after));
        ledger(&bench, first + WARM_UP);
        receiver.clear();
        first += sent.len();
    }
}

/// Commits rows `first..`, one per transaction.
fn commit(bench: &Bench, first: usize, options: &Options) -> Vec<Sent> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut random = fastrand::Rng::with_seed(7);
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(&bench.database.url(), NoTls).await.expect("a session");
        tokio::spawn(connection);
        let insert = client.prepare("insert into item values ($1, 'article', 1.25)").await.expect("it can");
        let mut sent = Vec::with_capacity(WARM_UP + options.events);
        let mut at = tokio::time::Instant::now();
        for n in first..first + WARM_UP + options.events {
            at += Duration::from_secs_f64(-(1.0 - random.f64()).ln() / options.rate);
            // To the nearest millisecond, which is good enough for a random moment.
            tokio::time::sleep_until(at).await;
            client.batch_execute("begin").await.expect("a transaction begins");
            client.execute(&insert, &[&i32::try_from(n).expect("small")]).await.expect("a row is inserted");
            let begun = Instant::now();
            client.batch_execute("commit").await.expect("it commits");
            sent.push(Sent { begun, returned: Instant::now() });
        }
        sent
    })
}

fn report(name: &str, first: usize, sent: &[Sent], receiver: &Receiver, fsync: (f64, f64)) {
    let mut arrived = HashMap::new();
    for request in receiver.requests() {
        let id = request.json()["object_id"].as_str().and_then(|id| id.parse::<usize>().ok());
        arrived.entry(id.expect("an id")).or_insert(request.arrived);
    }
    let measured = || sent.iter().enumerate().skip(WARM_UP).map(|(n, sent)| (sent, arrived[&(first + n)]));
    let ms = |from: Instant, to: Instant| {
        // An arrival before the COMMIT has returned is possible: the relay was told before.
        1000.0
            * (to.saturating_duration_since(from).as_secs_f64()
                - from.saturating_duration_since(to).as_secs_f64())
    };
    let begin: Vec<f64> = measured().map(|(sent, arrived)| ms(sent.begun, arrived)).collect();
    let end: Vec<f64> = measured().map(|(sent, arrived)| ms(sent.returned, arrived)).collect();
    let commit: Vec<f64> = measured().map(|(sent, _)| ms(sent.begun, sent.returned)).collect();
    let aim = 2.0 * fsync.0.midpoint(fsync.1) + 1.0;
    let p50 = at(&begin, 50);
    println!(
        "{name:<22} {:>8.2} {:>8.2}   {:>8.2} {:>8.2}   {:>8.2}   {:>8.2} {:>8.2}   2 fsyncs + 1 ms = {aim:.2}: {}",
        p50,
        at(&begin, 99),
        at(&end, 50),
        at(&end, 99),
        at(&commit, 50),
        fsync.0,
        fsync.1,
        if p50 <= aim { "met" } else { "missed" }
    );
}

/// What the ledger says about the same deliveries: where the time goes.
fn ledger(bench: &Bench, from: usize) {
    let parts = bench.database.psql(&format!(
        "select round(percentile_cont(0.5) within group (order by 1000 * extract(epoch from a.started_at - e.occurred_at))::numeric, 2), \
             round(percentile_cont(0.5) within group (order by a.duration_ms)::numeric, 2) \
         from outbox.attempt a join outbox.event e on e.id = a.event_id where e.object_id::integer >= {from}"
    ));
    let (until_post, post) = parts.split_once('|').unwrap_or_default();
    println!(
        "{:<22} p50 by the ledger: capture → POST begins {until_post}, POST until its answer {post}",
        ""
    );
}

fn at(values: &[f64], percent: usize) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() * percent / 100).copied().unwrap_or(f64::NAN)
}

/// What it takes to write a page into a file that has its size and flush it, as a commit does: the median.
fn fsync_ms(directory: &Path) -> f64 {
    let path = directory.join("flushed");
    let file = File::create(&path).expect("the cluster's directory can be written to");
    file.write_all_at(&vec![1; FILE_PAGES * PAGE], 0).expect("there is room");
    file.sync_all().expect("it can be flushed");
    let times = (0..FLUSHES).map(|n| {
        let begin = Instant::now();
        file.write_all_at(&[2; PAGE], (n % FILE_PAGES * PAGE) as u64).expect("it can be written");
        file.sync_data().expect("it can be flushed");
        begin.elapsed().as_secs_f64() * 1000.0
    });
    let times = median(times.collect());
    fs::remove_file(path).expect("our own file can be removed");
    times
}
