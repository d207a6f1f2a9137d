//! What waking a relay costs writers: single-row UPDATEs with events alone, with the doorbell, and with a NOTIFY in every
//! transaction; with the relay down, idle at first, busy at little cost, and busy on both cores.
//!
//! With a relay that delivers as fast as it can, most of what writers lose is the CPU that relay and receiver take. So
//! that the price of NOTIFY is seen apart from it, the *paced* relays are busy at little cost: the receiver answers after
//! 100 ms, a relay may have eight POSTs under way, and there is always more to do. They never run out of work, and deliver
//! 80 events a second each; that is also what a slow subscriber does to writers. The *draining* relays deliver over plain HTTP as fast as they can, on the writers' cores. Either way the
//! baseline is the same number of relays, as busy, that poll (`--no-listen`, the doorbell off).

use std::path::Path;
use std::time::Duration;

use clap::Args;

use crate::bench::{Bench, SOON, stop};
use crate::observer::{Observer, Seen};
use crate::support::{Receiver, ReceiverOptions, RelayProcess, Reply};
use crate::{median, pgbench};

/// When the subscriber of paced relays answers, and how many POSTs one of them may have under way.
const PACE: Duration = Duration::from_millis(100);
const PACED_POSTS: usize = 8;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Length of a run.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Alternating runs of each.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Numbers of clients.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32])]
    clients: Vec<u32>,
    /// Only what has this in its name; the unwatched table always.
    #[arg(long, default_value = "")]
    only: String,
}

/// How writers wake relays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waking {
    /// The table is not watched.
    Unwatched,
    /// Events and deliveries are written; nobody rings.
    Silent,
    /// As shipped.
    Doorbell,
    /// As shipped, but the capture notifies in every transaction instead of looking at the flag.
    Naive,
}

/// What relays do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relays {
    /// None runs; the flag was left armed, or not.
    Down { armed: bool },
    /// One, asleep when the run begins; from then on it drains.
    Idle,
    /// So many, busy at little cost.
    Paced(usize),
    /// So many, delivering as fast as they can.
    Draining(usize),
}

struct Case {
    name: String,
    waking: Waking,
    relays: Relays,
}

/// What a run came to.
struct Measured {
    tps: f64,
    delivered_per_s: f64,
}

pub(crate) fn measure(outboxd: &Path, options: &Options) {
    let stage = Stage::set(outboxd);
    let cases = cases(&options.only);
    println!(
        "Single-row UPDATEs, one subscription; medians of {} alternating runs of {} s. `alone` is the share of events without\n\
         any notify with as many relays as busy; `rang` the share of commits that rang, `waits` what writers waited for, both\n\
         from a further run with an observer that listens too.",
        options.rounds, options.seconds
    );
    for clients in &options.clients {
        println!("\n{clients} client(s)");
        println!(
            "  {:<34} {:>8} {:>10} {:>7} {:>7} {:>8} {:>11}   waits",
            "", "tps", "unwatched", "alone", "naive", "rang", "delivered/s"
        );
        let mut runs: Vec<Vec<Measured>> = cases.iter().map(|_| Vec::new()).collect();
        for _ in 0..options.rounds {
            for (case, runs) in cases.iter().zip(&mut runs) {
                runs.push(stage.run(case, *clients, options.seconds, None));
            }
        }
        let tps: Vec<f64> =
            runs.iter().map(|runs| median(runs.iter().map(|run| run.tps).collect())).collect();
        for (n, case) in cases.iter().enumerate() {
            let mut seen = (Seen::default(), 1.0);
            if case.waking != Waking::Unwatched {
                stage.run(case, *clients, options.seconds, Some(&mut seen));
            }
            let delivered = median(runs[n].iter().map(|run| run.delivered_per_s).collect());
            println!("{}", line(&cases, &tps, n, &seen, delivered));
        }
    }
}

fn cases(only: &str) -> Vec<Case> {
    use Relays::{Down, Draining, Idle, Paced};
    let case = |name: &str, waking, relays| Case { name: name.to_owned(), waking, relays };
    let mut cases = vec![
        case("unwatched", Waking::Unwatched, Down { armed: false }),
        case("events, no relay", Waking::Silent, Down { armed: false }),
        case("doorbell, no relay, not armed", Waking::Doorbell, Down { armed: false }),
        case("doorbell, no relay, left armed", Waking::Doorbell, Down { armed: true }),
        case("naive, no relay", Waking::Naive, Down { armed: false }),
        case("doorbell, idle relay at first", Waking::Doorbell, Idle),
    ];
    for (way, make) in [("paced", Paced as fn(usize) -> Relays), ("draining", Draining)] {
        for n in [1, 4] {
            for (name, waking) in
                [("events", Waking::Silent), ("doorbell", Waking::Doorbell), ("naive", Waking::Naive)]
            {
                cases.push(Case { name: format!("{name}, {n} {way} relay(s)"), waking, relays: make(n) });
            }
        }
    }
    cases.retain(|case| case.waking == Waking::Unwatched || case.name.contains(only));
    cases
}

fn line(cases: &[Case], tps: &[f64], n: usize, seen: &(Seen, f64), delivered: f64) -> String {
    let Case { name, waking, relays } = &cases[n];
    let among = |other: Waking| {
        let alike = |relays: &Relays| match relays {
            Relays::Down { .. } => Relays::Down { armed: false },
            Relays::Idle => Relays::Draining(1),
            other => *other,
        };
        let found =
            cases.iter().position(|case| case.waking == other && alike(&case.relays) == alike(relays));
        found.filter(|_| *waking != Waking::Unwatched && *waking != other).map(|other| tps[n] / tps[other])
    };
    let percent = |share: Option<f64>| share.map_or(String::new(), |share| format!("{:.0} %", 100.0 * share));
    let (seen, transactions) = seen;
    let rang = match waking {
        Waking::Unwatched => String::new(),
        _ => format!("{:.2} %", 100.0 * seen.rings as f64 / transactions),
    };
    let mut waits: Vec<String> =
        seen.waits.iter().take(4).map(|(wait, share)| format!("{wait} {:.0} %", 100.0 * share)).collect();
    if seen.relay_rings > 0 {
        waits.push(format!("({} rings by relays)", seen.relay_rings));
    }
    format!(
        "  {name:<34} {:>8.0} {:>10} {:>7} {:>7} {rang:>8} {delivered:>11.0}   {}",
        tps[n],
        percent(Some(tps[n] / tps[0])),
        percent(among(Waking::Silent)),
        among(Waking::Naive).map_or(String::new(), |times| format!("{times:.2} x")),
        waits.join(", ")
    )
}

struct Stage {
    bench: Bench,
    receiver: Receiver,
}

impl Stage {
    fn set(outboxd: &Path) -> Self {
        let bench = Bench::set(outboxd, "doorbell");
        let receiver = Receiver::start(&ReceiverOptions::plain().counting_only());
        for table in ["unwatched", "watched", "naive"] {
            pgbench::make_table(&bench.database, table);
        }
        bench.database.psql(&format!(
            "update outbox.setting set http_allowed = true; \
             select outbox.watch('watched', 'Watched'), outbox.watch('naive', 'Naive'); \
             select outbox.subscribe('bench', '*', '{}')",
            receiver.url("/hooks")
        ));
        // The capture as it is, save that it notifies whether a relay sleeps or not.
        bench.database.psql(
            "do $$ declare _old text := pg_get_functiondef((select tgfoid from pg_trigger \
                 where tgrelid = 'naive'::regclass and not tgisinternal limit 1)); \
             _new text := regexp_replace(_old, 'if capture._wakes and .* then\\s+perform outbox.ring\\(\\)', \
                 'if capture._wakes then perform pg_catalog.pg_notify(''outbox'', '''')'); \
             begin if _new = _old then raise 'the capture looks different'; end if; execute _new; end $$",
        );
        Self { bench, receiver }
    }

    /// One run from a clean state; with `seen`, watched by an observer, and the transactions it has to count beside.
    fn run(&self, case: &Case, clients: u32, seconds: u32, seen: Option<&mut (Seen, f64)>) -> Measured {
        let relays = self.prepare(case);
        let Bench { cluster, database, files, .. } = &self.bench;
        let table = match case.waking {
            Waking::Unwatched => "unwatched",
            Waking::Naive => "naive",
            Waking::Silent | Waking::Doorbell => "watched",
        };
        let observer = seen.as_ref().map(|_| Observer::start(database));
        let before = self.receiver.count();
        let run = pgbench::update(cluster, database, files.path(), table, clients, seconds);
        let delivered = self.receiver.count() - before;
        if let (Some(seen), Some(observer)) = (seen, observer) {
            *seen = (observer.stop(), run.transactions);
        }
        stop(relays);
        Measured { tps: run.tps, delivered_per_s: delivered as f64 / f64::from(seconds) }
    }

    /// Empties the tables, sets the doorbell, starts relays and waits until they do what they should.
    fn prepare(&self, case: &Case) -> Vec<RelayProcess> {
        let database = &self.bench.database;
        let setting = if case.waking == Waking::Doorbell { "on" } else { "off" };
        let armed = u8::from(case.relays == Relays::Down { armed: true });
        let (count, paced) = match case.relays {
            Relays::Down { .. } => (0, false),
            Relays::Idle => (1, false),
            Relays::Paced(n) => (n, true),
            Relays::Draining(n) => (n, false),
        };
        let concurrency = if paced { PACED_POSTS } else { 64 };
        database.psql(&format!(
            "truncate outbox.delivery, outbox.event, outbox.attempt, outbox.dead_letter; \
             update outbox.setting set doorbell = '{setting}'; select setval('outbox.doorbell', {armed}); \
             update outbox.subscription set concurrency = {concurrency}; checkpoint"
        ));
        self.receiver.clear();
        self.receiver.reply(if paced { Reply::default().after(PACE) } else { Reply::default() });
        let options: &[&str] = if case.waking == Waking::Silent { &["--no-listen"] } else { &[] };
        let relays: Vec<_> = (0..count).map(|_| self.bench.relay(options)).collect();
        if case.relays == Relays::Idle {
            self.bench.asleep();
        } else if count > 0 {
            self.make_busy(count);
        }
        relays
    }

    /// Gives the relays something to do before pgbench does, and waits until each does it.
    fn make_busy(&self, relays: usize) {
        self.bench.database.psql("update watched set amount = amount + 1 where id <= 2000; vacuum watched");
        self.receiver.wait_for(PACED_POSTS * relays, SOON);
    }
}
