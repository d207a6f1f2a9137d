//! The doorbell as relays and writers meet it: who rings whom, when, and what happens where nobody may.

use std::time::{Duration, Instant};

use crate::stage::{SOON, Stage};

/// So long that no look by the clock explains what a test sees.
const NEVER: [&str; 2] = ["--poll-ms", "60000"];

const ASLEEP: &str = "select last_value = 1 from outbox.doorbell";

#[test]
fn a_commit_wakes_a_sleeping_relay() {
    let stage = Stage::new("doorbell_wakes");
    stage.subscribe("");
    let relay = stage.relay_with(&NEVER);
    stage.db.wait_until(ASLEEP, SOON);
    let before = Instant::now();
    stage.db.psql("insert into orders values (1, 'new')");
    stage.wait_until_drained();
    assert!(before.elapsed() < Duration::from_secs(20), "it looks by itself only once a minute");
    drop(relay);
}
