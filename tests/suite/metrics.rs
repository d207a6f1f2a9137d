//! What `/metrics` says is what happened.

use crate::exposition::Exposition;
use crate::ops_client::Ops;
use crate::source::text_of;
use crate::stage::{HASTY, SOON, Stage};
use crate::support::{Gate, Reply};

/// One series of the backlog of a subscription of `acme`.
fn of(name: &str, subscription: i64) -> String {
    format!("outboxd_{name}{{subscription=\"{subscription}\",subscriber=\"acme\"}}")
}

#[test]
fn counts_are_those_of_the_ledger() {
    let stage = Stage::new("metrics_counts");
    stage.subscribe(&format!("max_attempts => 3, {HASTY}"));
    // Of ten deliveries, two fail once and two always.
    stage.receiver.reply_with(|request, _| {
        let n = request.json()["data"]["n"].as_u64().unwrap();
        let first = request.header("outbox-attempt") == Some("1");
        if n <= 2 || (n <= 4 && first) { Reply::status(500) } else { Reply::default() }
    });
    stage.emit(10);
    let relay = stage.relay_with(&["--ops-listen", "0", "--in-flight-max", "7"]);
    let ops = Ops::of(&relay);
    stage.wait_until_drained();
    let seen = ops.wait_for_metrics(|seen| {
        ["outboxd_outcomes_pending", "outboxd_in_flight"].iter().all(|series| seen.get(series) == Some(0.0))
            && seen.get("outboxd_claims_total{result=\"empty\"}") > Some(0.0)
    });

    for class in ["delivered", "rejected", "not_sent", "unknown"] {
        let attempts = stage.count(&format!("outbox.attempt where class = '{class}'"));
        assert_eq!(seen.count(&format!("outboxd_attempts_total{{class=\"{class}\"}}")), attempts);
        let durations = format!("outboxd_request_duration_seconds_count{{class=\"{class}\"}}");
        assert_eq!(seen.count(&durations), attempts);
    }
    let outcomes = ["delivered", "dead", "cancelled", "retry"]
        .map(|outcome| seen.count(&format!("outboxd_outcomes_total{{outcome=\"{outcome}\"}}")));
    assert_eq!(outcomes, [8, 2, 0, 6]);
    for (series, expected) in [
        ("outboxd_first_attempts_total", 10),
        ("outboxd_event_to_settled_seconds_count", 8),
        ("outboxd_in_flight", 0),
        ("outboxd_in_flight_max", 7),
        ("outboxd_late_outcomes_total", 0),
        ("outboxd_settle_batch_size_sum", 16),
        ("outboxd_claim_batch_size_sum", 16),
        ("outboxd_reconnects_total{job=\"claim\"}", 0),
        (concat!("outboxd_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1),
    ] {
        assert_eq!(seen.count(series), expected, "{series}");
    }
    let claims = seen.count("outboxd_claims_total{result=\"found\"}");
    assert_eq!(seen.count("outboxd_claim_batch_size_count"), claims);
    let settles = seen.count("outboxd_settle_batch_size_count");
    assert_eq!(seen.count("outboxd_settle_duration_seconds_count"), settles);
    let started = seen.value("outboxd_start_time_seconds");
    let now: f64 = stage.db.psql("select extract(epoch from now())").parse().unwrap();
    assert!((0.0..60.0).contains(&(now - started)), "{started} and {now}");
    let age: f64 = seen.value("outboxd_event_to_settled_seconds_sum");
    assert!(age > 0.0 && age < 8.0 * 60.0, "{age}");
}

#[test]
fn the_backlog_is_told_per_subscription_and_goes_with_it() {
    let stage = Stage::new("metrics_backlog");
    let paused = stage.subscribe("");
    let idle = stage.subscribe_url("https://idle.example/", "");
    stage.db.psql(&format!(
        "update outbox.subscription set status = 'paused' where id = {paused}; \
         update outbox.subscription set pattern = 'outbox.ping' where id = {idle}"
    ));
    stage.emit(3);
    stage.db.psql(
        "update outbox.event set occurred_at = clock_timestamp() - interval '1 hour' \
         where id = (select min(event_id) from outbox.delivery); \
         insert into outbox.dead_letter (delivery, subscription, event_slot, event_id, attempt, reason) \
         select -1, subscription, event_slot, event_id, 1, 'test' from outbox.delivery limit 1",
    );
    let relay = stage.relay_with(&["--ops-listen", "0"]);
    let ops = Ops::of(&relay);
    let seen = ops.wait_for_metrics(|seen| seen.get(&of("backlog", paused)).is_some());
    let value = |name, subscription| seen.value(&of(name, subscription));
    assert_eq!(seen.count(&of("backlog", paused)), 3);
    assert_eq!(seen.count(&of("dead_letters", paused)), 1);
    assert!((3600.0..3700.0).contains(&value("oldest_undelivered_age_seconds", paused)));
    for name in ["backlog", "dead_letters", "oldest_undelivered_age_seconds"] {
        assert!(value(name, idle) < 0.1, "{name}: nothing is open is a number too");
    }
    assert!(seen.value("outboxd_backlog_measured_timestamp_seconds") > 1.7e9);
    let subscriptions = |seen: &Exposition| {
        ["failing", "paused", "disabled"]
            .map(|status| seen.count(&format!("outboxd_subscriptions{{status=\"{status}\"}}")))
    };
    assert_eq!(subscriptions(&seen), [0, 1, 0]);

    let removed = stage.db.psql(&format!("select outbox.unsubscribe({paused})"));
    let gone = |seen: &Exposition| {
        seen.series("outboxd_backlog").iter().all(|series| *series != of("backlog", paused))
    };
    let seen = ops.wait_for_metrics(gone);
    for name in ["outboxd_backlog", "outboxd_dead_letters", "outboxd_oldest_undelivered_age_seconds"] {
        assert_eq!(seen.series(name).len(), 1, "{removed}: only the idle one is left");
    }
    assert_eq!(subscriptions(&seen), [0, 0, 0]);
}

#[test]
fn two_hundred_subscriptions_are_told_apart_and_the_others_are_one() {
    let stage = Stage::new("metrics_bound");
    stage.db.psql(
        "update outbox.setting set http_allowed = true; \
         select count(outbox.subscribe('acme', 'outbox.ping', 'http://127.0.0.1:1/' || i)) from generate_series(1, 250) i; \
         update outbox.subscription set status = 'paused'; \
         select count(outbox.ping(id)) from outbox.subscription where id > 40; \
         select count(outbox.ping(id)) from outbox.subscription where id > 245",
    );
    let relay = stage.relay_with(&["--ops-listen", "0"]);
    let ops = Ops::of(&relay);
    let seen = ops.wait_for_metrics(|seen| !seen.series("outboxd_backlog").is_empty());
    for name in ["outboxd_backlog", "outboxd_dead_letters", "outboxd_oldest_undelivered_age_seconds"] {
        assert_eq!(seen.series(name).len(), 201, "{name}");
    }
    assert_eq!(seen.count(&of("backlog", 250)), 2, "the largest are among them");
    let other = "outboxd_backlog{subscription=\"other\",subscriber=\"other\"}";
    assert_eq!(seen.count(other), 10, "41 to 240 are told, and 241 to 250 are among them: 10 are left");
    let all: usize = seen.series("outboxd_backlog").iter().map(|series| seen.count(series)).sum();
    assert_eq!(all, 215, "nothing is lost in the sum");
    let age =
        seen.value("outboxd_oldest_undelivered_age_seconds{subscription=\"other\",subscriber=\"other\"}");
    assert!(age > 0.0);
}

#[test]
fn names_of_subscribers_are_data() {
    let stage = Stage::new("metrics_names");
    let nasty = r#"a" b\} 1 # \n <script>é"#;
    stage.db.psql(&format!(
        "select outbox.subscribe('{nasty}', '*', 'https://e.example/'); \
         select outbox.subscribe('plain', '*', 'https://e.example/'); \
         alter table outbox.subscriber drop constraint name_is_short_and_plain; \
         alter table outbox.subscription disable trigger user; \
         update outbox.subscriber set name = E'line\\nbreak\\r\\x1b[31m' where name = 'plain'"
    ));
    let relay = stage.relay_with(&["--ops-listen", "0"]);
    let ops = Ops::of(&relay);
    let seen = ops.wait_for_metrics(|seen| seen.series("outboxd_backlog").len() == 2);
    seen.value(r#"outboxd_backlog{subscription="1",subscriber="a\" b\\} 1 # \\n <script>é"}"#);
    seen.value("outboxd_backlog{subscription=\"2\",subscriber=\"line\u{fffd}break\u{fffd}\u{fffd}[31m\"}");
}

#[test]
fn what_is_under_way_and_what_waits_shows() {
    let stage = Stage::new("metrics_gauges");
    stage.subscribe("concurrency => 3");
    let gate = Gate::new();
    stage.receiver.reply(Reply::default().gate(&gate));
    stage.emit(5);
    let relay = stage.relay_with(&["--ops-listen", "0"]);
    let ops = Ops::of(&relay);
    stage.receiver.wait_for(3, SOON);
    ops.wait_for_metrics(|seen| seen.get("outboxd_in_flight") == Some(3.0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let session = stage.db.session().await;
        session.execute("begin; lock table outbox.attempt in access exclusive mode").await;
        gate.open();
        ops.wait_for_metrics(|seen| seen.get("outboxd_outcomes_pending") >= Some(3.0));
        ops.wait_for_metrics(|seen| seen.get("outboxd_database_failures_total{job=\"settle\"}") >= Some(1.0));
        session.execute("rollback").await;
    });
    stage.wait_until_drained();
    ops.wait_for_metrics(|seen| seen.get("outboxd_outcomes_pending") == Some(0.0));
    stage.db.psql(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity \
         where datname = current_database() and application_name like 'outboxd claim%'",
    );
    ops.wait_for_metrics(|seen| seen.get("outboxd_reconnects_total{job=\"claim\"}") == Some(1.0));
}

#[test]
fn nothing_is_measured_for_nobody() {
    let stage = Stage::new("metrics_unwatched");
    stage.db.psql("drop function outbox.measure(integer)");
    stage.subscribe("");
    stage.emit(1);
    let relay = stage.relay();
    stage.wait_until_drained();
    stage.db.wait_until("select exists (select from outbox.relay)", SOON);
    relay.signal("TERM");
    assert_eq!(relay.wait(SOON), 0);
    // It says at its start that the function is not there; that is all.
    let told = relay.lines();
    let measured = |line: &&String| line.contains("measur") && !line.contains("lacks function measure");
    assert_eq!(told.iter().find(measured), None, "{told:?}");
}

#[test]
fn the_readme_lists_every_metric() {
    let stage = Stage::new("metrics_readme");
    stage.subscribe("");
    let relay = stage.relay_with(&["--ops-listen", "0"]);
    let seen = Ops::of(&relay).wait_for_metrics(|seen| !seen.series("outboxd_backlog").is_empty());
    let readme = text_of("README.md");
    let listed: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `outboxd_"))
        .filter_map(|rest| rest.split(['`', '{']).next())
        .collect();
    let mut missing: Vec<_> = seen.families.keys().map(|name| name.trim_start_matches("outboxd_")).collect();
    // Without a state it has no series yet.
    missing.push("doorbell_state");
    missing.retain(|name| !listed.contains(name));
    let unknown: Vec<_> = listed
        .iter()
        .filter(|name| **name != "doorbell_state" && !seen.families.contains_key(&format!("outboxd_{name}")))
        .collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "not in the README: {missing:?}; not there: {unknown:?}"
    );
}
