//! Order as the subscriber sees it: two relays, a receiver that fails at random, several writers per object.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::stage::{HASTY, SOON, Stage};
use crate::support::{Reply, Request};

const KEYS: usize = 10;
const WRITERS: usize = 8;
const UPDATES: usize = 25;

/// A webhook as it arrived, and whether it was taken.
#[derive(Debug, Clone)]
struct Arrival {
    key: String,
    total: i64,
    sequence: Option<i64>,
    previous: Option<i64>,
    taken: bool,
}

type Arrivals = Arc<Mutex<Vec<Arrival>>>;

/// Has the receiver fail two in five, and remembers what came in which order.
fn record(stage: &Stage) -> Arrivals {
    let arrivals = Arrivals::default();
    let list = Arc::clone(&arrivals);
    let random = fastrand::Rng::with_seed(55);
    let random = Mutex::new(random);
    stage.receiver.reply_with(move |request: &Request, _| {
        let body = request.json();
        let number = |name: &str| request.header(name).and_then(|text| text.parse().ok());
        let taken = random.lock().unwrap_or_else(PoisonError::into_inner).u8(..5) > 1;
        list.lock().unwrap_or_else(PoisonError::into_inner).push(Arrival {
            key: body["object_id"].as_str().unwrap_or_default().to_owned(),
            total: body["data"]["total"].as_i64().unwrap_or_default(),
            sequence: number("outbox-sequence"),
            previous: number("outbox-previous-sequence"),
            taken,
        });
        Reply::status(if taken { 200 } else { 500 })
    });
    arrivals
}

/// Writers that all change the same few rows.
fn write(stage: &Stage) {
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let updates = (0..UPDATES).map(|nth| {
                format!(
                    "update orders set total = total + 1 where id = {};",
                    1 + (writer * 7 + nth * 3) % KEYS
                )
            });
            let updates: String = updates.collect();
            scope.spawn(move || stage.db.psql(&updates));
        }
    });
}

fn taken(arrivals: &Arrivals) -> HashMap<String, Vec<Arrival>> {
    let mut by_key: HashMap<String, Vec<Arrival>> = HashMap::new();
    for arrival in arrivals.lock().unwrap().iter().filter(|arrival| arrival.taken) {
        by_key.entry(arrival.key.clone()).or_default().push(arrival.clone());
    }
    by_key
}

#[test]
fn the_states_of_each_object_arrive_one_after_the_other() {
    let stage = Stage::new("order_relays");
    let arrivals = record(&stage);
    stage.db.psql(&format!("insert into orders (id, total) select n, 0 from generate_series(1, {KEYS}) n"));
    stage.subscribe(&format!("ordering => 'object', concurrency => 8, {HASTY}"));
    let one = stage.relay();
    let _other = stage.relay();
    write(&stage);
    one.signal("KILL");
    one.wait(SOON);
    write(&stage);
    stage.db.psql("update outbox.delivery set due_at = clock_timestamp() where leased_by = 'relay 1'");
    stage.wait_until_drained();
    let mut total = 0;
    for (key, list) in taken(&arrivals) {
        let mut last: Option<&Arrival> = None;
        for arrival in &list {
            // What the killed relay had sent and not recorded is sent again, with the same past.
            if let Some(last) = last.filter(|last| last.sequence == arrival.sequence) {
                assert_eq!((last.total, last.previous), (arrival.total, arrival.previous), "{key}");
                continue;
            }
            assert_eq!(arrival.total, last.map_or(1, |last| last.total + 1), "object {key}: {list:?}");
            assert_eq!(arrival.previous, last.and_then(|last| last.sequence), "object {key}: {list:?}");
            last = Some(arrival);
            total += 1;
        }
    }
    assert_eq!(total, 2 * WRITERS * UPDATES);
    assert!(arrivals.lock().unwrap().iter().any(|arrival| !arrival.taken), "it did fail");
    assert_eq!(stage.count("outbox.delivery"), 0);
}

/// One at a time, and the next as soon as the last is recorded: nobody rings for it, and the poll is far away.
#[test]
fn the_next_goes_out_when_the_last_is_recorded() {
    let stage = Stage::new("order_prompt");
    stage.subscribe("ordering => 'strict'");
    stage.emit(30);
    let _relay = stage.relay_with(&["--poll-ms", "60000"]);
    let sent = stage.receiver.wait_for(30, SOON);
    let numbers: Vec<_> = sent.iter().map(|request| request.json()["data"]["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=30).collect::<Vec<_>>());
    stage.wait_until_drained();
    assert_eq!(sent[0].header("outbox-previous-sequence"), None);
    assert_eq!(sent[29].header("outbox-previous-sequence"), sent[28].header("outbox-sequence"));
    assert_eq!(sent[29].header("outbox-seq"), None, "these objects have no numbers of their own");
    // Not asked for, not told.
    stage.db.psql("update outbox.subscription set ordering = 'none'");
    stage.emit(1);
    let last = stage.receiver.wait_for(31, SOON).pop().unwrap();
    assert_eq!(last.header("outbox-sequence"), None);
}
