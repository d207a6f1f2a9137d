//! SIGHUP reads the certificates again; a bad reading changes nothing.

use std::fs;

use crate::ops_client::Ops;
use crate::stage::{SOON, Stage};
use crate::support::{Authority, Gate, Reply, write_identity};

const OK: &str = "outboxd_reloads_total{result=\"ok\"}";
const FAILED: &str = "outboxd_reloads_total{result=\"failed\"}";

/// Tried again soon, and not given up before the reload.
const PATIENT: &str = "backoff_base => '50 ms', backoff_cap => '50 ms', max_attempts => 1000, \
    breaker_after => 1000";

/// Whose certificate each request came with, in the order of arrival.
fn names(stage: &Stage) -> Vec<String> {
    stage.receiver.requests().iter().map(|request| request.peer_common_name.clone().unwrap()).collect()
}

fn renew(stage: &Stage, name: &str) {
    let pem = stage.authority.pem();
    write_identity(stage.identities(), "default", Some(&stage.authority.client(name)), Some(&pem));
}

#[test]
fn new_connections_show_the_new_certificate_and_the_old_ones_are_not_used_again() {
    let stage = Stage::new("reload_good");
    stage.subscribe("concurrency => 2");
    let gate = Gate::new();
    let held = gate.clone();
    stage.receiver.reply_with(move |request, _| match request.json()["data"]["n"].as_u64() {
        Some(1) => Reply::default().gate(&held),
        _ => Reply::default(),
    });
    let relay = stage.relay_with(&["--ops-listen", "0"]);
    let ops = Ops::of(&relay);
    // Two connections: one under way until after the reload, one idle by then.
    stage.emit(2);
    stage.receiver.wait_for(2, SOON);
    stage.wait_for_attempts(1);
    renew(&stage, "renewed");
    relay.signal("HUP");
    relay.wait_for_line("certificates were read again", SOON);
    stage.db.psql("select outbox.emit('Order.Update', '{\"n\": 3}')");
    stage.receiver.wait_for(3, SOON);
    gate.open();
    stage.wait_until_drained();
    // What was under way ended well, and its connection is not used again either.
    for n in 4..8 {
        stage.db.psql(&format!("select outbox.emit('Order.Update', '{{\"n\": {n}}}')"));
        stage.receiver.wait_for(n, SOON);
        stage.wait_until_drained();
    }
    let (old, new) = (["relay"; 2], ["renewed"; 5]);
    assert_eq!(names(&stage), [old.as_slice(), &new].concat());
    assert_eq!(stage.count("outbox.attempt where class = 'delivered'"), 7);
    assert_eq!(stage.receiver.connections(), 3, "the new one is kept alive");
    let seen = ops.metrics();
    assert_eq!((seen.count(OK), seen.count(FAILED)), (1, 0));
}

#[test]
fn a_bad_reload_keeps_the_old_certificates_and_says_all_that_is_wrong() {
    let stage = Stage::new("reload_bad");
    stage.subscribe("");
    let relay = stage.relay_with(&["--ops-listen", "0"]);
    let ops = Ops::of(&relay);
    stage.emit(1);
    stage.wait_until_drained();
    renew(&stage, "renewed");
    fs::remove_file(stage.identities().join("default/tls.key")).unwrap();
    fs::create_dir(stage.identities().join("empty")).unwrap();
    relay.signal("HUP");
    relay.wait_for_line("default has tls.crt but not tls.key", SOON);
    let line = relay.wait_for_line("empty has neither tls.crt and tls.key nor ca.crt", SOON);
    assert!(line.contains("ERROR") && line.contains("nothing was reloaded"), "{line}");
    ops.wait_for_metrics(|seen| seen.get(FAILED) == Some(1.0));
    stage.emit(1);
    stage.wait_until_drained();
    // Mended, it takes the new ones.
    fs::remove_dir(stage.identities().join("empty")).unwrap();
    renew(&stage, "mended");
    relay.signal("HUP");
    ops.wait_for_metrics(|seen| seen.get(OK) == Some(1.0));
    stage.emit(1);
    stage.wait_until_drained();
    assert_eq!(names(&stage), ["relay", "relay", "mended"]);
}

#[test]
fn an_identity_that_was_missing_is_found_after_a_reload() {
    let stage = Stage::new("reload_missing");
    stage.subscribe(&format!("identity => 'acme', {PATIENT}"));
    stage.emit(1);
    let relay = stage.relay();
    let line = relay.wait_for_line("identity \"acme\" is not known to this relay", SOON);
    assert!(line.contains("send it SIGHUP"), "{line}");
    let pem = stage.authority.pem();
    write_identity(stage.identities(), "acme", Some(&stage.authority.client("of acme")), Some(&pem));
    relay.signal("HUP");
    stage.wait_until_drained();
    assert_eq!(names(&stage), ["of acme"]);
}

#[test]
fn another_authority_is_trusted_after_a_reload() {
    let stage = Stage::new("reload_roots");
    stage.subscribe(PATIENT);
    let other = Authority::new("another authority");
    let client = stage.authority.client("relay");
    write_identity(stage.identities(), "default", Some(&client), Some(&other.pem()));
    stage.emit(1);
    let relay = stage.relay();
    relay.wait_for_line("is not among those trusted", SOON);
    write_identity(stage.identities(), "default", Some(&client), Some(&stage.authority.pem()));
    relay.signal("HUP");
    stage.wait_until_drained();
    assert_eq!(names(&stage), ["relay"]);
}

#[test]
fn a_hundred_in_a_row_do_no_harm() {
    let stage = Stage::new("reload_often");
    stage.subscribe("concurrency => 4");
    stage.receiver.reply(Reply::default().after(std::time::Duration::from_millis(2)));
    let relay = stage.relay_with(&["--ops-listen", "0"]);
    let ops = Ops::of(&relay);
    ops.wait_until_ready();
    stage.emit(500);
    for _ in 0..100 {
        relay.signal("HUP");
    }
    stage.wait_until_drained();
    ops.wait_for_metrics(|seen| seen.get(OK) >= Some(1.0));
    assert_eq!((stage.receiver.count(), stage.count("outbox.attempt where class = 'delivered'")), (500, 500));
    ops.wait_until_ready();
    relay.signal("TERM");
    assert_eq!(relay.wait(SOON), 0);
}
