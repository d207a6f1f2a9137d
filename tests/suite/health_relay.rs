//! The health of subscriptions over real relays and receivers.

use serde_json::json;

use crate::stage::{LOCAL, SOON, Stage};
use crate::support::{Receiver, ReceiverOptions, Reply};

/// Another subscriber over mutual TLS.
fn another(stage: &Stage) -> Receiver {
    Receiver::start(&ReceiverOptions::mutual(stage.authority.server(&LOCAL), &stage.authority.pem()))
}

/// What a receiver was told of subscriptions: `type subscription reason`.
fn told(receiver: &Receiver) -> Vec<String> {
    let requests = receiver.requests();
    let line = |request: &crate::support::Request| {
        let body = request.json();
        let data = &body["data"];
        format!(
            "{} {} {}",
            body["type"].as_str().unwrap(),
            data["subscription"],
            data["reason"].as_str().unwrap_or("-")
        )
    };
    requests.iter().map(line).collect()
}

/// A subscriber is down for hours: it is disabled in the end, others are told and served, and when it is back and enabled it gets
/// what was held for it.
#[test]
fn a_subscriber_that_is_down_for_hours_is_disabled_and_gets_all_of_it_when_it_is_enabled() {
    let stage = Stage::new("health_hours");
    let (operator, everything) = (another(&stage), another(&stage));
    let acme = stage.db.psql(&format!(
        "select outbox.subscribe('acme', 'Order.*', '{}', delays => '{{1 h}}', severity_thresholds => '{{1800 s,14400 s}}')",
        stage.receiver.url("/in?token=hush")
    ));
    stage.db.psql(&format!(
        "select outbox.subscribe('operator', 'outbox.subscription.*', '{}'), outbox.subscribe('everything', '*', '{}')",
        operator.url("/"),
        everything.url("/")
    ));
    stage.receiver.reply(Reply::status(500));
    let relay = stage.relay();
    stage.emit(1);
    let standing =
        "select h.severity || ' ' || s.status from outbox.subscription s join outbox.subscription_health h
        on h.subscription = s.id where s.id = 1";
    let wait = |expected: &str| stage.db.wait_until(&format!("select ({standing}) = '{expected}'"), SOON);
    wait("3 failing");
    let again = |hours: &str| {
        stage.db.psql(&format!(
            "update outbox.subscription_health set failing_since = failing_since - interval '{hours}' where subscription = 1;
             select outbox.retry(id) from outbox.delivery where subscription = 1"
        ));
    };
    again("31 min");
    wait("2 failing");
    again("4 h");
    wait("1 disabled");
    let line = relay.wait_for_line("disabled a subscription", SOON);
    for word in [
        "ERROR",
        "select outbox.enable(1);",
        "subscriber=\"acme\"",
        "from=\"failing\"",
        "to=\"disabled\"",
        "severity 1, failing for 04:31",
    ] {
        assert!(line.contains(word), "{word}: {line}");
    }
    assert!(relay.wait_for_line("a subscription is failing", SOON).contains("WARN"));
    // Held, while others are served.
    stage.emit(2);
    everything.wait_for(3, SOON);
    assert_eq!(stage.db.psql("select open, status from outbox.failing where subscription = 1"), "2|disabled");
    assert_eq!((stage.count("outbox.dead_letter"), stage.receiver.count()), (1, 3));
    // The subscriber is back.
    stage.receiver.clear();
    stage.receiver.reply(Reply::status(200));
    assert_eq!(stage.db.psql("select outbox.enable(1, 'they are back')"), "1");
    stage.receiver.wait_for(2, SOON);
    stage.db.psql("select outbox.retry(delivery) from outbox.dead_letter");
    stage.receiver.wait_for(3, SOON);
    stage.wait_until_drained();
    operator.wait_for(3, SOON);
    expect_three_events(&operator, &acme);
    // Who wants everything that happens in the tables is not told of what happens to subscriptions.
    assert!(everything.requests().iter().all(|request| request.json()["type"] == "Order.Update"));
}

/// It failed, was disabled and enabled.
#[track_caller]
fn expect_three_events(operator: &Receiver, subscription: &str) {
    let told = told(operator);
    assert!(told[0].starts_with("outbox.subscription.failing 1 1 failure in a row: "), "{told:?}");
    assert!(told[1].starts_with("outbox.subscription.disabled 1 severity 1, failing for "), "{told:?}");
    assert_eq!((told[2].as_str(), told.len()), ("outbox.subscription.active 1 they are back", 3));
    let disabled = operator.requests()[1].json();
    assert_eq!(disabled["object_id"], subscription);
    let data = &disabled["data"];
    assert_eq!(
        (&data["from"], &data["to"], &data["severity"]),
        (&json!("failing"), &json!("disabled"), &json!(1))
    );
    assert!(!disabled.to_string().contains("hush"), "{disabled}");
}

/// Two that are told of each other, and both fail: each change is told once, and that is the end of it.
#[test]
fn two_that_are_told_of_each_other_and_fail_do_not_go_on_for_ever() {
    let stage = Stage::new("health_loop");
    stage.receiver.reply(Reply::status(500));
    let other = another(&stage);
    other.reply(Reply::status(500));
    stage.db.psql(&format!(
        "select outbox.subscribe(s, 'outbox.*', u, max_attempts => 4, backoff_base => '1 ms', backoff_cap => '1 ms',
            disable_after_failures => 2)
         from (values ('a', '{}'), ('b', '{}')) as v (s, u);
         select outbox.ping(1)",
        stage.receiver.url("/"),
        other.url("/")
    ));
    let _relay = stage.relay();
    // a fails, b is told and fails, a is told and its second delivery ends dead: it is disabled, b is told, and is disabled.
    stage.db.wait_until("select count(*) = 2 from outbox.subscription where status = 'disabled'", SOON);
    let changes = "select subscription, to_status from outbox.subscription_change order by subscription, id";
    assert_eq!(stage.db.psql(changes), "1|failing\n1|disabled\n2|failing\n2|disabled");
    assert_eq!(stage.count("outbox.event where type <> 'outbox.ping'"), 4);
}

/// What `while_off = 'skip'` leaves to housekeeping is done by a relay, and by one that only drains.
#[test]
fn what_comes_while_a_subscription_skips_is_skipped_by_a_relay() {
    let stage = Stage::new("health_skip");
    stage.subscribe("while_off => 'skip'");
    stage.db.psql("select outbox.pause(1, 'holidays')");
    stage.emit(2);
    assert_eq!(stage.once().code, 0);
    assert_eq!(stage.count("outbox.attempt where error = 'the subscription was paused: holidays'"), 2);
    let relay = stage.relay();
    stage.emit(3);
    stage.db.psql("select outbox.ring()");
    stage.wait_until_drained();
    relay.wait_for_line("skipped deliveries of paused and disabled subscriptions", SOON);
    stage.db.psql("select outbox.resume(1)");
    stage.emit(1);
    stage.receiver.wait_for(1, SOON);
    stage.wait_until_drained();
    assert_eq!(stage.receiver.count(), 1);
}

/// The database decides that, with the failure itself; the relay tells of it as of any other.
#[test]
fn what_ends_dead_with_the_last_severity_is_counted_as_dead() {
    let stage = Stage::new("health_last");
    stage.subscribe("severity_thresholds => '{1 s}', max_attempts => 9");
    stage.db.psql(
        "insert into outbox.subscription_health (subscription, consecutive_failures, failing_since)
         select id, 3, now() - interval '1 minute' from outbox.subscription",
    );
    stage.receiver.reply(Reply::status(500));
    stage.emit(1);
    assert_eq!(stage.once().stdout, "delivered 0, will retry 0, dead 1, cancelled 0\n");
    assert_eq!(stage.count("outbox.dead_letter"), 1);
    assert_eq!(stage.db.psql("select status from outbox.subscription"), "disabled");
}
