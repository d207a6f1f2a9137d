//! What a relay takes that has nothing to do: its process, and the processes of Postgres behind its sessions.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;

use crate::bench::{Bench, cpu_ms, stop};

/// The aim, as a share of a core.
const AIM: f64 = 0.001;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How long to look.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

pub(crate) fn measure(outboxd: &Path, options: &Options) {
    let bench = Bench::set(outboxd, "idle");
    bench.database.psql("create table item (id integer primary key)");
    bench.database.psql(
        "select outbox.watch('item', 'Item'), outbox.subscribe('bench', '*', 'https://localhost/hooks')",
    );
    println!(
        "CPU over {} s, all of it after the start, by process; 1 % is a hundredth of one core",
        options.seconds
    );
    for (name, options_of_relay) in [("doorbell armed", &[] as &[&str]), ("--no-listen", &["--no-listen"])] {
        let relay = bench.relay(options_of_relay);
        if options_of_relay.is_empty() {
            bench.asleep();
        }
        // The first look at a catalogue or a table in a session is its dearest.
        std::thread::sleep(Duration::from_secs(11));
        let mut processes = sessions(&bench);
        processes.push(("outboxd run".to_owned(), relay.pid()));
        let cpu = || processes.iter().map(|(_, pid)| cpu_ms(*pid)).collect::<Vec<_>>();
        let (begin, before) = (Instant::now(), cpu());
        std::thread::sleep(Duration::from_secs(options.seconds));
        let (elapsed, after) = (begin.elapsed().as_secs_f64() * 1000.0, cpu());
        let mut sum = 0.0;
        println!("\n{name}");
        for ((process, _), (before, after)) in processes.iter().zip(before.iter().zip(&after)) {
            let (Some(before), Some(after)) = (before, after) else {
                panic!("{process} has ended meanwhile")
            };
            println!(
                "  {process:<28} {:>6.1} ms   {:>7.3} %",
                after - before,
                100.0 * (after - before) / elapsed
            );
            sum += (after - before) / elapsed;
        }
        let verdict = if sum <= AIM { "met" } else { "missed" };
        println!(
            "  {:<28} {:>9}   {:>7.3} %   aim {} %: {verdict}",
            "together",
            "",
            100.0 * sum,
            100.0 * AIM
        );
        stop(vec![relay]);
    }
}

/// The relay's sessions, with the processes behind them.
fn sessions(bench: &Bench) -> Vec<(String, u32)> {
    let printed = bench.database.psql(
        "select application_name, pid from pg_stat_activity where application_name like 'outboxd %' order by 1",
    );
    let pairs = printed.lines().filter_map(|line| line.split_once('|'));
    pairs.map(|(name, pid)| (format!("postgres: {name}"), pid.parse().expect("a process id"))).collect()
}
