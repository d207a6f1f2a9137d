//! Real input: pgbench, which knows nothing of outboxd, writes its own tables; the relay is killed in the middle.

use std::collections::{HashMap, HashSet};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::event::Event;
use crate::live::Lines;
use crate::stage::{SOON, Stage};
use crate::support::Request;

/// How long pgbench writes.
const SECONDS: u64 = 10;
/// Table, object, key column.
const WATCHES: [(&str, &str, &str); 3] = [
    ("pgbench_accounts", "Account", "aid"),
    ("pgbench_tellers", "Teller", "tid"),
    ("pgbench_branches", "Branch", "bid"),
];

/// What there is to play with afterwards.
const LINES: Lines = Lines {
    change: &[
        "update pgbench_accounts set abalance = abalance + 100 where aid = 7;",
        "update pgbench_tellers set tbalance = 0 where tid <= 3;",
    ],
    rollback: "begin; delete from pgbench_accounts; rollback;",
    crowd: Some("pgbench -n -c 4 -T 5"),
};

pub(crate) fn play(stage: &Stage) -> Result<Lines, String> {
    println!("$ pgbench -i");
    if !pgbench(stage, &["-i", "-q"])?.wait().is_ok_and(|status| status.success()) {
        return Err("pgbench -i failed".to_owned());
    }
    for (table, object, _) in WATCHES {
        println!("demo=# select outbox.watch('{table}', '{object}');");
        stage.database.psql(&format!("select outbox.watch('{table}', '{object}')"));
    }
    // A lease outlives the killed relay by the deadline and 15 s: a short deadline keeps the demo short.
    let secret = stage.subscribe("*", ", deadline => '2 s', concurrency => 64, backoff_base => '100 ms'");
    let first = stage.relay();

    println!("$ pgbench -c 4 -T {SECONDS}");
    let begin = Instant::now();
    let mut writers = pgbench(stage, &["-c", "4", "-T", &SECONDS.to_string()])?;
    // In the middle: when half of the time has passed and posts are under way.
    let half = Duration::from_secs(SECONDS / 2);
    while begin.elapsed() < half {
        let seen = stage.receiver().count();
        stage.receiver().wait_for(seen + 1, SOON);
    }
    first.signal("KILL");
    first.wait(SOON);
    println!("$ kill -9 {}   # the relay, with {} POSTs behind it", first.pid(), stage.receiver().count());
    let second = stage.relay();
    if !writers.wait().is_ok_and(|status| status.success()) {
        return Err("pgbench failed: a watched table must never fail a write".to_owned());
    }
    println!(
        "pgbench is done; waiting for the last delivery (leases of the killed relay run out after 17 s) …"
    );
    stage.drained(5 * SOON);
    let drained = begin.elapsed();
    second.signal("TERM");
    second.wait(SOON);
    stage.relay_is_gone();
    judge(stage, &secret, drained)?;
    Ok(LINES)
}

fn pgbench(stage: &Stage, options: &[&str]) -> Result<Child, String> {
    Command::new(stage.cluster.bin("pgbench"))
        .args(options)
        .args(["-n", "-h"])
        .arg(stage.cluster.socket_dir())
        .args(["-p", &stage.cluster.port().to_string(), "-U", "postgres", stage.database.name()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("pgbench does not start: {e}"))
}

/// The subscriber's view, highest sequence wins, must be the tables.
fn judge(stage: &Stage, secret: &str, drained: Duration) -> Result<(), String> {
    let requests = stage.receiver().requests();
    let mut latest: HashMap<(String, String), Event> = HashMap::new();
    let mut ids = HashSet::new();
    let mut ages = Vec::new();
    for request in &requests {
        let event = Event::verified(secret, request)?;
        if ids.insert(webhook_id(request)) {
            ages.push(event.age_ms);
        }
        let object = event.kind.split('.').next().unwrap_or_default().to_owned();
        let key = (object, event.object_id.clone());
        if latest.get(&key).is_none_or(|known| known.sequence < event.sequence) {
            latest.insert(key, event);
        }
    }
    let events: usize = stage.database.psql("select count(*) from outbox.event").parse().unwrap_or(0);
    report(events, &requests, ids.len(), drained, &mut ages);
    if ids.len() != events {
        return Err(format!("{events} events were committed and {} arrived", ids.len()));
    }
    for (table, object, key) in WATCHES {
        compare(stage, &latest, table, object, key)?;
    }
    println!("\nThe subscriber's state of every row equals the tables.");
    Ok(())
}

fn webhook_id(request: &Request) -> String {
    request.header("webhook-id").unwrap_or_default().to_owned()
}

fn report(events: usize, requests: &[Request], distinct: usize, drained: Duration, ages: &mut [f64]) {
    ages.sort_by(f64::total_cmp);
    let at = |percent: usize| ages.get(ages.len() * percent / 100).copied().unwrap_or(0.0);
    #[allow(clippy::cast_precision_loss, reason = "thousands of events")]
    let rate = events as f64 / drained.as_secs_f64();
    println!("\nevents             {events:>10}");
    println!("POSTs              {:>10}", requests.len());
    println!(
        "repeats            {:>10}   (same webhook-id: in flight when the relay was killed)",
        requests.len() - distinct
    );
    println!(
        "delivered per s    {rate:>10.0}   (over {:.1} s, pgbench and the wait for the leases included)",
        drained.as_secs_f64()
    );
    println!(
        "capture → arrival  {:>10.1} ms median, {:.1} ms p90 (both cores are busy with pgbench)",
        at(50),
        at(90)
    );
}

/// Every row the subscriber knows is as it stands in the table, and no changed row is unknown to it.
fn compare(
    stage: &Stage,
    latest: &HashMap<(String, String), Event>,
    table: &str,
    object: &str,
    key: &str,
) -> Result<(), String> {
    // pgbench -i sets every balance to 0: a row without an event still has it, or came back to it.
    let balance = format!("{}balance", &key[..1]);
    let rows = stage.database.psql(&format!("select to_jsonb(t) from {table} t"));
    let mut known = 0;
    for line in rows.lines() {
        let row: Value = serde_json::from_str(line).map_err(|e| format!("{table}: {e}"))?;
        match latest.get(&(object.to_owned(), row[key].to_string())) {
            Some(event) if event.data == row => known += 1,
            Some(event) => {
                return Err(format!("{table}: the subscriber has {} and the table {row}", event.data));
            }
            None if row[&balance] == 0 => {}
            None => return Err(format!("{table}: the subscriber never heard of {row}")),
        }
    }
    println!("{table:<18} {known:>10} rows known to the subscriber, all as in the table");
    Ok(())
}
