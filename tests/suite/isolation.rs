//! What one endpoint does to the others: nothing.

use crate::stage::{LOCAL, SOON, Stage};
use crate::support::{Gate, RawReceiver, Reply, TlsOptions, read_request};

/// Twenty endpoints that never answer and may have sixteen POSTs at a time each, on a relay with sixteen slots.
#[test]
fn endpoints_that_hang_and_want_more_than_all_slots_delay_nobody_else() {
    let stage = Stage::new("isolation_hang");
    let gate = Gate::new();
    let held = gate.clone();
    stage.receiver.reply_with(move |request, _| match request.path.as_str() {
        "/quick" => Reply::default(),
        _ => Reply::default().gate(&held),
    });
    let quick = stage.subscribe_url(&stage.receiver.url("/quick"), "");
    let _relay = stage.relay_with(&["--in-flight-max", "16"]);
    stage.db.psql(&format!("select outbox.ping({quick})"));
    stage.wait_until_drained();
    for n in 0..20 {
        stage.subscribe_url(&stage.receiver.url(&format!("/hangs/{n}")), "deadline => '60 s'");
    }
    stage.emit(50);
    let all = format!("select not exists (select from outbox.delivery where subscription = {quick})");
    stage.db.wait_until(&all, SOON);
    // Again when what hangs is known to.
    stage.db.wait_until("select count(*) >= 8 from outbox.delivery where leased_by is not null", SOON);
    stage.emit(50);
    stage.db.wait_until(&all, SOON);
    assert_eq!(stage.count("outbox.attempt"), 101, "none of the others has ended meanwhile");
    assert!(stage.count("outbox.delivery where leased_by is not null") <= 12, "a quarter is left");
    gate.open();
}

/// An endpoint that takes its time is not shut out by one that keeps all slots busy.
#[test]
fn a_slow_endpoint_gets_its_share_beside_a_busy_one() {
    let stage = Stage::new("isolation_share");
    let gate = Gate::new();
    let held = gate.clone();
    stage.receiver.reply_with(move |request, _| match request.path.as_str() {
        "/slow" => Reply::default().gate(&held),
        _ => Reply::default(),
    });
    let slow = stage.subscribe_url(&stage.receiver.url("/slow"), "concurrency => 4");
    stage.subscribe_url(&stage.receiver.url("/busy"), "");
    let _relay = stage.relay_with(&["--in-flight-max", "8"]);
    stage.emit(300);
    stage.receiver.wait_for(200, SOON);
    gate.open();
    stage.wait_until_drained();
    assert_eq!(
        stage.count(&format!("outbox.attempt where subscription = {slow} and class = 'delivered'")),
        300
    );
}

/// Each of its answers costs a connection: it has one POST at a time, however quickly it answers.
#[test]
fn an_endpoint_that_floods_has_one_post_at_a_time() {
    let stage = Stage::new("isolation_flood");
    let flood = RawReceiver::start(Some(&TlsOptions::new(stage.authority.server(&LOCAL))), |stream| {
        read_request(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n");
        while stream.write_all(&[b'x'; 16384]).is_ok() {}
    });
    stage.subscribe_url(&flood.url("/"), "");
    let relay = stage.relay_with(&["--log", "debug"]);
    stage.emit(30);
    relay.wait_for_line("posts=1 pace=", SOON);
    stage.wait_until_drained();
    assert_eq!(stage.count("outbox.attempt where class = 'delivered'"), 30, "it has them all the same");
}

/// Nobody commits anything when a breaker closes: what is due behind it flows all the same.
#[test]
fn a_subscriber_that_is_back_gets_everything_without_a_further_commit() {
    let stage = Stage::new("isolation_back");
    stage.receiver.reply(Reply::status(503));
    stage.subscribe("breaker_after => 3, backoff_base => '1 ms', backoff_cap => '1 ms'");
    stage.emit(40);
    let relay = stage.relay_with(&["--poll-ms", "60000", "--log", "debug"]);
    let open = "select breaker_opened = 1 and not exists (select from outbox.delivery where leased_by is not null) \
        from outbox.subscription_health";
    stage.db.wait_until(open, SOON);
    let tried = stage.count("outbox.attempt");
    assert!((3..40).contains(&tried), "{tried}: it stops at once");
    relay.wait_for_line("may have another number of POSTs at a time", SOON);
    stage.receiver.reply(Reply::status(200));
    stage
        .db
        .psql("update outbox.subscription_health set held_until = clock_timestamp(); select outbox.ring()");
    stage.wait_until_drained();
    assert_eq!(stage.db.psql("select breaker_opened, held_why from outbox.subscription_health"), "0|");
    assert_eq!(stage.count("outbox.attempt"), tried + 40, "and none was in vain meanwhile");
}
