//! What endpoints that hang, drip or flood do to the others: p99 from commit to arrival of a subscription that is well, beside
//! one of them and alone, in turns; then one subscriber of a hundred dead, of a thousand.

use std::collections::HashMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use tokio_postgres::NoTls;

use crate::bench::{Bench, SOON, stop};
use crate::median;
use crate::support::{Duplex, Receiver, read_request};

/// Deliveries that wait for the endpoint that floods.
const QUEUE: usize = 20_000;
const SUBSCRIBERS: usize = 1000;
const DEAD: usize = 10;
/// The aim: p99 moves by no more than this.
const AIM: f64 = 1.1;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Turns; the median of them counts.
    #[arg(long, default_value_t = 5)]
    turns: usize,
    /// Commits per run.
    #[arg(long, default_value_t = 300)]
    events: usize,
    /// Commits per second.
    #[arg(long, default_value_t = 150.0)]
    rate: f64,
}

pub(crate) fn measure(outboxd: &Path, options: &Options) {
    beside_one(outboxd, options);
    one_of_a_hundred(outboxd, options);
}

/// One subscription that is well, beside one that is not.
fn beside_one(outboxd: &Path, options: &Options) {
    let bench = Bench::set(outboxd, "isolation");
    let well = bench.receiver();
    let bad = [
        ("hangs", bench.raw_receiver(hang)),
        ("drips", bench.raw_receiver(drip)),
        ("floods", bench.raw_receiver(flood)),
    ];
    bench.database.psql("create table item (id integer primary key)");
    bench.database.psql(&format!(
        "select outbox.watch('item', 'Item'), outbox.subscribe('well', '*', '{}')",
        well.url("/hooks")
    ));
    for (name, receiver) in &bad {
        // Without a breaker, which would make it easy after ten failures.
        bench.database.psql(&format!(
            "select outbox.subscribe('{name}', '*', '{}', deadline => '5 s', max_attempts => 1000); \
             update outbox.subscription set breaker_after = null, status = 'paused' where subscriber = '{name}'",
            receiver.url("/")
        ));
    }
    let relay = bench.relay(&[]);
    commit(&bench, 0, 50, options.rate);
    well.wait_for(50, SOON);
    println!(
        "{} turns of {} commits, {} per second; one endpoint that is well; milliseconds from commit to arrival",
        options.turns, options.events, options.rate
    );
    let mut runs: HashMap<&str, Vec<(f64, f64)>> = HashMap::new();
    let mut first = 50;
    for _ in 0..options.turns {
        for name in ["alone", "hangs", "drips", "floods"] {
            prepare(&bench, name);
            well.clear();
            let sent = commit(&bench, first, options.events, options.rate);
            well.wait_for(options.events, SOON);
            runs.entry(name).or_default().push(latencies(&sent, first, &well));
            bench
                .database
                .psql("update outbox.subscription set status = 'paused' where subscriber <> 'well'");
            first += options.events;
        }
    }
    stop(vec![relay]);
    report(&runs, &["alone", "hangs", "drips", "floods"]);
}

/// Nothing is left of the turns before, save what is still under way; and there is much to do for one that floods.
fn prepare(bench: &Bench, name: &str) {
    bench.database.psql(
        "delete from outbox.delivery d using outbox.subscription s where s.id = d.subscription and s.subscriber <> 'well' \
         and d.leased_by is null",
    );
    if name == "floods" {
        bench.database.psql(&format!(
            "insert into outbox.delivery (subscription, event_slot, event_id) \
             select s.id, e.slot, e.id from outbox.subscription s, (select * from outbox.event order by id desc limit 1) e, \
             generate_series(1, {QUEUE}) where s.subscriber = 'floods'"
        ));
    }
    bench.database.psql("analyze outbox.delivery");
    bench
        .database
        .psql(&format!("update outbox.subscription set status = 'active' where subscriber = '{name}'"));
}

/// A thousand subscribers, each for objects of its own; ten of them are dead, or none.
fn one_of_a_hundred(outboxd: &Path, options: &Options) {
    let bench = Bench::set(outboxd, "isolation_many");
    let well = bench.receiver();
    let dead = bench.raw_receiver(hang);
    bench.database.psql("create table item (id integer primary key, owner integer)");
    bench.database.psql("select outbox.watch('item', 'Item')");
    for (from, to, url) in [(0, DEAD, dead.url("/")), (DEAD, SUBSCRIBERS, well.url("/hooks"))] {
        bench.database.psql(&format!(
            "insert into outbox.subscription (subscriber, pattern, url, filter, deadline, breaker_after) \
             select 's' || n, 'Item.*', '{url}', jsonb_build_object('owner', n), '5 s', null \
             from generate_series({from}, {to} - 1) n"
        ));
    }
    let relay = bench.relay(&[]);
    println!("\n{SUBSCRIBERS} subscribers, {DEAD} of them hang, or have nothing to do");
    let mut runs: HashMap<&str, Vec<(f64, f64)>> = HashMap::new();
    let mut first = 0;
    for turn in 0..=options.turns {
        for name in ["all well", "1 % dead"] {
            let status = if name == "all well" { "paused" } else { "active" };
            bench.database.psql(&format!(
                "delete from outbox.delivery d using outbox.subscription s where s.id = d.subscription and s.url like '%/' \
                 and d.leased_by is null; \
                 update outbox.subscription set status = '{status}' where url like '%/'"
            ));
            well.clear();
            let sent = commit(&bench, first, options.events, options.rate);
            let expected = (first..first + options.events).filter(|n| n % SUBSCRIBERS >= DEAD).count();
            well.wait_for(expected, SOON);
            // The first turn warms up.
            if turn > 0 {
                runs.entry(name).or_default().push(latencies(&sent, first, &well));
            }
            first += options.events;
        }
    }
    stop(vec![relay]);
    report(&runs, &["all well", "1 % dead"]);
}

/// Commits a row at a time at random moments; when each COMMIT was sent.
fn commit(bench: &Bench, first: usize, events: usize, rate: f64) -> Vec<Instant> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut random = fastrand::Rng::with_seed(7);
    let owned = bench
        .database
        .psql("select count(*) from pg_attribute where attrelid = 'item'::regclass and attname = 'owner'");
    let statement = if owned == "1" {
        format!("insert into item values ($1, $1 % {SUBSCRIBERS})")
    } else {
        "insert into item values ($1)".to_owned()
    };
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(&bench.database.url(), NoTls).await.expect("a session");
        tokio::spawn(connection);
        let insert = client.prepare(&statement).await.expect("it can");
        let mut sent = Vec::with_capacity(events);
        let mut at = tokio::time::Instant::now();
        for n in first..first + events {
            at += Duration::from_secs_f64(-(1.0 - random.f64()).ln() / rate);
            tokio::time::sleep_until(at).await;
            sent.push(Instant::now());
            client.execute(&insert, &[&i32::try_from(n).expect("small")]).await.expect("a row is inserted");
        }
        sent
    })
}

/// p50 and p99.
fn latencies(sent: &[Instant], first: usize, well: &Receiver) -> (f64, f64) {
    let mut took: Vec<f64> = Vec::new();
    for request in well.requests() {
        let id = request.json()["object_id"].as_str().and_then(|id| id.parse::<usize>().ok()).expect("an id");
        if let Some(sent) = id.checked_sub(first).and_then(|n| sent.get(n)) {
            took.push(request.arrived.saturating_duration_since(*sent).as_secs_f64() * 1000.0);
        }
    }
    took.sort_by(f64::total_cmp);
    let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)];
    (at(50), at(99))
}

/// Medians, and the median of each turn's ratio to the first mode of the same turn.
fn report(runs: &HashMap<&str, Vec<(f64, f64)>>, names: &[&str]) {
    println!("{:<12} {:>8} {:>8} {:>10}", "", "p50", "p99", "p99, of it");
    let base = &runs[names[0]];
    for name in names {
        let these = &runs[name];
        let ratio = median(these.iter().zip(base).map(|((_, p99), (_, base))| p99 / base).collect());
        println!(
            "{name:<12} {:>8.2} {:>8.2} {ratio:>10.2}{}",
            median(these.iter().map(|(p50, _)| *p50).collect()),
            median(these.iter().map(|(_, p99)| *p99).collect()),
            match *name {
                first if first == names[0] => "",
                _ if ratio <= AIM => "   met",
                _ => "   missed",
            }
        );
    }
}

/// Reads the request and never answers.
fn hang(stream: &mut dyn Duplex) {
    read_request(stream);
    let mut nothing = [0; 1];
    let _ = stream.read(&mut nothing);
}

/// A head that never ends, a few bytes at a time.
fn drip(stream: &mut dyn Duplex) {
    read_request(stream);
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
    while stream.write_all(b"x-drip: drop\r\n").and_then(|()| stream.flush()).is_ok() {
        thread::sleep(Duration::from_millis(200));
    }
}

/// A 200 at once, and a body without end.
fn flood(stream: &mut dyn Duplex) {
    read_request(stream);
    let chunk = [b'x'; 16384];
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n");
    while stream.write_all(&chunk).is_ok() {}
}
