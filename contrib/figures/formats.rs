//! Ways to send the same 20,000 ready deliveries to the same receiver: a POST each, over HTTP/1.1 and over HTTP/2, and 100 in a
//! POST. And 256 of them from a standing start, when all connections are yet to be opened.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::median;
use crate::support::Receiver;

const EVENTS: usize = 20_000;
/// At once, and so as many connections of HTTP/1.1.
const CONNECTIONS: usize = 64;
const BATCH: usize = 100;
const START: usize = 256;
/// Rounds, in each of which all take their turn.
const ROUNDS: usize = 5;

/// A way to send: its name, what its subscription says, how many events there are, how many go into a POST.
const WAYS: [(&str, &str, usize, usize); 5] = [
    ("HTTP/1.1", "", EVENTS, 1),
    ("HTTP/2", "http2 => true", EVENTS, 1),
    ("batches of 100", "batch_max => 100", EVENTS, BATCH),
    ("HTTP/1.1, start", "concurrency => 256", START, 1),
    ("HTTP/2, start", "http2 => true, concurrency => 256", START, 1),
];

pub(crate) fn measure(outboxd: &Path) {
    let bench = Bench::set(outboxd, "formats");
    let receiver = bench.receiver_of_both();
    bench.database.psql("create table item (id integer primary key, name text, amount numeric)");
    bench.database.psql("select outbox.watch('item', 'Item')");
    let mut seconds = vec![Vec::new(); WAYS.len()];
    for round in 1..=ROUNDS {
        let told: Vec<String> = WAYS
            .iter()
            .zip(&mut seconds)
            .map(|(way, seconds)| {
                let took = drain(&bench, &receiver, *way);
                seconds.push(took);
                format!("{} {:.0}/s", way.0, way.2 as f64 / took)
            })
            .collect();
        println!("round {round}: {}", told.join(", "));
    }
    let medians: Vec<f64> = seconds.into_iter().map(median).collect();
    for (at, baseline) in [(1, 0), (2, 0), (4, 3)] {
        println!(
            "{}: {:.2} × the events per second of {}, {:.0} to {:.0}",
            WAYS[at].0,
            medians[baseline] / medians[at],
            WAYS[baseline].0,
            WAYS[at].2 as f64 / medians[at],
            WAYS[baseline].2 as f64 / medians[baseline]
        );
    }
}

fn drain(
    bench: &Bench,
    receiver: &Receiver,
    (_, settings, events, batch): (&str, &str, usize, usize),
) -> f64 {
    let concurrency = if settings.contains("concurrency") {
        String::new()
    } else {
        format!("concurrency => {CONNECTIONS}")
    };
    let settings: Vec<&str> = [settings, &concurrency].into_iter().filter(|part| !part.is_empty()).collect();
    bench.database.psql(&format!(
        "select outbox.subscribe('bench', '*', '{}', {}); insert into item select n, 'article ' || n, n * 1.25
         from generate_series(1, {events}) n",
        receiver.url("/hooks"),
        settings.join(", ")
    ));
    bench.database.psql("vacuum analyze outbox.delivery");
    receiver.clear();
    let begin = Instant::now();
    let output = bench.once(Duration::from_mins(5));
    let took = begin.elapsed().as_secs_f64();
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(output.stdout.starts_with(&format!("delivered {events}, will retry 0")), "{}", output.stdout);
    let posts = events.div_ceil(batch);
    assert!((posts..posts + posts / 10 + 1).contains(&receiver.count()), "{} POSTs", receiver.count());
    bench.database.psql(
        "delete from outbox.subscription; truncate item, outbox.event, outbox.attempt; delete from outbox.delivery",
    );
    took
}
