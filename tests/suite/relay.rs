//! The relay at work: draining, sharing, isolating, failing, recovering.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stage::{HASTY, LOCAL, SOON, Stage, text};
use crate::support::{
    Duplex, Gate, RawReceiver, Receiver, ReceiverOptions, Reply, Request, TlsOptions, read_request,
    write_identity,
};

fn ids(requests: &[Request]) -> Vec<String> {
    requests.iter().map(|request| request.header("webhook-id").unwrap().to_owned()).collect()
}

// Draining and sharing.

#[test]
fn once_drains_says_how_much_and_exits() {
    let stage = Stage::new("once");
    stage.subscribe("");
    assert_eq!(stage.once().stdout, "delivered 0, will retry 0, dead 0, cancelled 0\n");
    stage.emit(50);
    let output = stage.once();
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (0, "delivered 50, will retry 0, dead 0, cancelled 0\n")
    );
    assert_eq!((stage.receiver.count(), stage.count("outbox.delivery")), (50, 0));
}

#[test]
fn two_relays_share_the_work_without_a_duplicate_or_a_loss() {
    let stage = Stage::new("two_relays");
    stage.subscribe("concurrency => 32");
    let _relays = [stage.relay(), stage.relay()];
    // Both look before there is work: one that starts a second later might find none left.
    stage.db.wait_until("select count(*) = 2 from outbox.relay", SOON);
    stage.emit(2000);
    let requests = stage.receiver.wait_for(2000, SOON);
    stage.wait_until_drained();
    assert_eq!(ids(&requests).iter().collect::<HashSet<_>>().len(), 2000);
    assert_eq!(
        (stage.receiver.count(), stage.count("outbox.attempt where class = 'delivered'")),
        (2000, 2000)
    );
    assert_eq!(stage.count("(select distinct relay from outbox.attempt) r"), 2, "both had a share");
}

#[test]
fn the_limit_of_a_subscription_is_reached_and_never_exceeded() {
    const BUSY: Duration = Duration::from_millis(20);
    let stage = Stage::new("limit");
    stage.subscribe("concurrency => 3");
    let gate = Gate::new();
    stage.receiver.reply(Reply::default().gate(&gate));
    stage.emit(30);
    let relay = stage.relay();
    stage.receiver.wait_for(3, SOON);
    // The second subscription proves that claims went on while the first had all it may have.
    let other = stage.subscribe_url(&stage.receiver.url("/other"), "concurrency => 1");
    stage.db.psql(&format!("select outbox.ping({other})"));
    stage.receiver.wait_for(4, SOON);
    assert_eq!(stage.count("outbox.delivery where leased_by is not null"), 4);
    stage.receiver.reply(Reply::default().after(BUSY));
    gate.open();
    let requests = stage.receiver.wait_for(31, SOON);
    stage.wait_until_drained();
    drop(relay);
    // While each answer takes its time, a fourth request cannot come before one of the three before it was
    // answered.
    let arrivals: Vec<Instant> = requests[4..].iter().map(|request| request.arrived).collect();
    for four in arrivals.windows(4) {
        let span = four[3] - four[0];
        assert!(span + Duration::from_millis(2) >= BUSY, "four requests within {span:?}");
    }
}

#[test]
fn the_limit_of_the_relay_holds_over_all_subscriptions() {
    let stage = Stage::new("in_flight");
    for path in ["/a", "/b", "/c"] {
        stage.subscribe_url(&stage.receiver.url(path), "");
    }
    let relay = stage.relay_with(&["--in-flight-max", "4"]);
    // Those that have answered once may have all slots between them.
    stage.emit(3);
    stage.wait_until_drained();
    let gate = Gate::new();
    stage.receiver.reply(Reply::default().gate(&gate));
    stage.emit(10);
    // Three, where a slow machine has them taken for slow before the fourth begins.
    stage.receiver.wait_for(9 + 3, SOON);
    assert!((3..=4).contains(&stage.count("outbox.delivery where leased_by is not null")));
    gate.open();
    stage.wait_until_drained();
    assert_eq!(stage.receiver.count(), 39);
    drop(relay);
    assert!(stage.receiver.connections() <= 4);
}

#[test]
fn a_subscriber_that_hangs_delays_nobody_else() {
    let stage = Stage::new("isolation");
    let gate = Gate::new();
    let held = gate.clone();
    stage.receiver.reply_with(move |request, _| match request.path.as_str() {
        "/slow" => Reply::default().gate(&held),
        _ => Reply::default(),
    });
    stage.subscribe_url(&stage.receiver.url("/slow"), "concurrency => 4, deadline => '60 s'");
    let quick = stage.subscribe_url(&stage.receiver.url("/quick"), "concurrency => 4");
    stage.emit(100);
    let _relay = stage.relay_with(&["--in-flight-max", "8"]);
    let all = format!("select not exists (select from outbox.delivery where subscription = {quick})");
    stage.db.wait_until(&all, SOON);
    assert_eq!(stage.count("outbox.attempt"), 100, "the other is still trying the first");
    gate.open();
    stage.wait_until_drained();
}

// Answers that are none.

/// A deadline that nothing here comes near.
const PATIENT: &str = "20 s";

/// What a raw receiver does with a connection.
type Script = fn(&mut dyn Duplex);

/// One delivery to a scripted receiver, sent once; the row in the ledger, and how long the POST took.
fn answered(
    stage: &Stage,
    deadline: &str,
    script: impl Fn(&mut dyn Duplex) + Send + Sync + 'static,
) -> (Value, f64) {
    let raw = RawReceiver::start(Some(&TlsOptions::new(stage.authority.server(&LOCAL))), script);
    let settings = format!("max_attempts => 1, deadline => '{deadline}'");
    let subscription = stage.subscribe_url(&raw.url("/"), &settings);
    stage.db.psql(&format!("select outbox.ping({subscription})"));
    let output = stage.once();
    assert_eq!(output.code, 0, "{output:?}");
    assert_eq!(raw.connections(), 1);
    let row = stage.attempts().pop().unwrap();
    assert_eq!(row["subscription"].as_i64(), Some(subscription));
    let took = row["duration_ms"].as_f64().unwrap();
    (row, took)
}

fn write(stream: &mut dyn Duplex, bytes: &[u8]) -> bool {
    stream.write_all(bytes).and_then(|()| stream.flush()).is_ok()
}

#[test]
fn the_deadline_ends_an_attempt_however_the_subscriber_drags_it_out() {
    let stage = Stage::new("drags");
    let scripts: [(&str, Script); 3] = [
        ("hangs", |stream| {
            read_request(stream);
            // Blocks until the relay has gone away.
            drop(stream.read(&mut [0]));
        }),
        ("drips", |stream| {
            read_request(stream);
            write(stream, b"HTTP/1.1 200 OK\r\n");
            while write(stream, b"x: y\r\n") {
                std::thread::sleep(Duration::from_millis(20));
            }
        }),
        ("interim", |stream| {
            read_request(stream);
            while write(stream, b"HTTP/1.1 103 Early Hints\r\nlink: </>\r\n\r\n") {
                std::thread::sleep(Duration::from_millis(1));
            }
        }),
    ];
    for (hint, script) in scripts {
        let (row, took) = answered(&stage, "1 s", script);
        assert_eq!((text(&row, "class"), text(&row, "error_class")), ("unknown", "timeout"), "{hint}: {row}");
        let sentence =
            "the deadline of 1s passed before the subscriber answered; a subscriber should answer first";
        assert!(text(&row, "error").starts_with(sentence), "{row}");
        assert!((900.0..5000.0).contains(&took), "{hint} took {took} ms");
    }
}

#[test]
fn a_body_that_never_comes_changes_nothing_about_the_status() {
    let stage = Stage::new("stalls");
    for (status, class, outcome) in [(200, "delivered", "delivered"), (500, "rejected", "dead")] {
        let (row, took) = answered(&stage, "1 s", move |stream| {
            read_request(stream);
            write(stream, format!("HTTP/1.1 {status} X\r\ncontent-length: 64\r\n\r\nsome").as_bytes());
            drop(stream.read(&mut [0]));
        });
        assert_eq!((text(&row, "class"), &row["status"]), (class, &json!(status)));
        assert_eq!((text(&row, "outcome"), text(&row, "response")), (outcome, "some"));
        assert!(took < 5000.0, "took {took} ms");
    }
}

#[test]
fn of_an_endless_body_the_beginning_is_kept() {
    let stage = Stage::new("endless");
    let (row, took) = answered(&stage, PATIENT, |stream| {
        read_request(stream);
        write(stream, b"HTTP/1.1 500 X\r\n\r\n");
        while write(stream, &[b'a'; 4096]) {}
    });
    assert_eq!((text(&row, "class"), text(&row, "response").len()), ("rejected", 4096));
    assert!(took < 5000.0, "took {took} ms");
}

#[test]
fn an_answer_that_is_not_http_is_recorded_as_such() {
    let stage = Stage::new("malformed");
    let huge = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(200));
    let two = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab";
    for answer in ["SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", two, &huge, &many] {
        let bytes = answer.as_bytes().to_vec();
        let (row, _) = answered(&stage, PATIENT, move |stream| {
            read_request(stream);
            write(stream, &bytes);
            drop(stream.read(&mut [0]));
        });
        let shown = &answer[..answer.len().min(40)];
        assert_eq!(
            (text(&row, "class"), text(&row, "error_class")),
            ("unknown", "malformed_response"),
            "{shown:?}: {row}"
        );
        assert!(text(&row, "error").starts_with("the subscriber's answer is not HTTP/1.1 ("), "{row}");
    }
}

#[test]
fn an_odd_status_is_a_rejection_like_any_other() {
    let stage = Stage::new("odd_status");
    for status in [101, 304, 471, 999] {
        let (row, _) = answered(&stage, PATIENT, move |stream| {
            read_request(stream);
            write(stream, format!("HTTP/1.1 {status} Odd\r\ncontent-length: 0\r\n\r\n").as_bytes());
        });
        assert_eq!((text(&row, "class"), row["status"].as_i64()), ("rejected", Some(status)), "{row}");
        assert!(text(&row, "error").starts_with(&format!("the subscriber answered {status}")), "{row}");
    }
}

#[test]
fn a_connection_closed_in_place_of_an_answer_leaves_it_unknown() {
    let stage = Stage::new("closes");
    let (row, _) = answered(&stage, PATIENT, |stream| drop(read_request(stream)));
    assert_eq!((text(&row, "class"), text(&row, "error_class")), ("unknown", "connection_lost"), "{row}");
    assert!(text(&row, "error").contains("closed the connection without an answer"), "{row}");
    assert!(text(&row, "error").contains("may do so, and ours is identity \"default\""), "{row}");
}

#[test]
fn whatever_bytes_a_subscriber_answers_can_be_stored() {
    let stage = Stage::new("odd_bytes");
    stage.subscribe("max_attempts => 1");
    let odd: &[u8] = b"zero \0 invalid \xff\xfe half \xf0\x9f \x01 surrogate \xed\xa0\x80 end";
    stage.receiver.reply(Reply::status(500).body(odd));
    stage.emit(3);
    assert_eq!(stage.once().stdout, "delivered 0, will retry 0, dead 3, cancelled 0\n");
    for row in stage.attempts() {
        assert!(text(&row, "response").starts_with("zero \u{fffd} invalid \u{fffd}\u{fffd} half"), "{row}");
        assert_eq!((row["status"].as_i64(), text(&row, "outcome")), (Some(500), "dead"));
    }
}

#[test]
fn a_redirect_is_a_failure_and_nobody_goes_there() {
    let stage = Stage::new("redirect");
    stage.subscribe("max_attempts => 1");
    let elsewhere = Receiver::start(&ReceiverOptions::plain());
    stage.receiver.reply(Reply::status(307).header("location", &elsewhere.url("/")));
    stage.emit(1);
    stage.once();
    assert_eq!((stage.receiver.count(), elsewhere.connections()), (1, 0));
    let row = stage.attempts().remove(0);
    assert_eq!((text(&row, "class"), row["status"].as_i64()), ("rejected", Some(307)));
    assert!(text(&row, "error").ends_with("redirects are not followed, subscribe the final URL"), "{row}");
}

// Failing and recovering.

#[test]
fn a_subscriber_that_recovers_gets_everything_and_its_failures_are_on_view() {
    let stage = Stage::new("recovers");
    let subscription = stage.subscribe("backoff_base => '20 ms', backoff_cap => '50 ms'");
    stage.receiver.reply(Reply::status(503).body("out to lunch"));
    stage.emit(5);
    let _relay = stage.relay();
    stage.db.wait_until("select count(*) > 0 from outbox.failing where consecutive_failures >= 10", SOON);
    let health = "select last_status, last_error, failing_since is not null, open from outbox.failing";
    assert_eq!(stage.db.psql(health), "503|the subscriber answered 503 Service Unavailable|t|5");
    let mark = "select max(id) from outbox.attempt";
    stage.db.psql(&format!("create table marked as {mark}"));
    stage.receiver.reply(Reply::default());
    stage.wait_until_drained();
    assert_eq!(stage.count("outbox.attempt where outcome = 'delivered'"), 5);
    assert_eq!(stage.count("outbox.failing"), 0, "a success ends the streak");
    let gaps = "(select from outbox.attempt group by delivery having max(attempt) <> count(*)) g";
    assert_eq!(stage.count(gaps), 0, "each delivery's attempts are numbered without a gap");
    assert_eq!(stage.receiver.count(), stage.attempts().len());
    let success =
        "select last_success_at > last_failure_at from outbox.subscription_health where subscription = ";
    assert_eq!(stage.db.psql(&format!("{success}{subscription}")), "t");
}

#[test]
fn a_dead_letter_that_is_retried_goes_on_with_its_id_and_its_numbers() {
    let stage = Stage::new("dead");
    stage.subscribe(&format!("max_attempts => 2, {HASTY}"));
    stage.receiver.reply(Reply::status(500));
    stage.emit(1);
    assert_eq!(stage.once().stdout, "delivered 0, will retry 1, dead 1, cancelled 0\n");
    let letter = stage.db.psql("select attempt, reason from outbox.dead_letter");
    assert_eq!(letter, "2|the subscriber answered 500 Internal Server Error");
    assert_eq!(stage.once().stdout, "delivered 0, will retry 0, dead 0, cancelled 0\n", "dead is dead");

    let retried = stage.db.psql("select outbox.retry(delivery) from outbox.dead_letter");
    assert_eq!(
        stage.once().stdout,
        "delivered 0, will retry 1, dead 1, cancelled 0\n",
        "a full budget again"
    );
    stage.db.psql("select outbox.retry(delivery) from outbox.dead_letter");
    stage.receiver.reply(Reply::default());
    assert_eq!(stage.once().stdout, "delivered 1, will retry 0, dead 0, cancelled 0\n");
    let requests = stage.receiver.requests();
    assert_eq!(ids(&requests), vec![retried; 5]);
    let numbers: Vec<_> = requests.iter().map(|request| request.header("outbox-attempt").unwrap()).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5"]);
    assert_eq!(stage.count("outbox.dead_letter"), 0);
}

#[test]
fn what_is_open_for_a_removed_subscription_is_cancelled_with_the_reason() {
    let stage = Stage::new("removed");
    let subscription = stage.subscribe("concurrency => 1");
    let gate = Gate::new();
    stage.receiver.reply(Reply::default().gate(&gate));
    stage.emit(3);
    let _relay = stage.relay();
    stage.receiver.wait_for(1, SOON);
    assert_eq!(stage.db.psql(&format!("select outbox.unsubscribe({subscription})")), "3");
    stage.db.wait_until("select count(*) = 2 from outbox.attempt where outcome = 'cancelled'", SOON);
    gate.open();
    stage.wait_until_drained();
    assert_eq!(stage.receiver.count(), 1);
    let rows = stage.attempts();
    assert_eq!(text(&rows[0], "error"), "the subscription was removed");
    assert_eq!(
        (text(&rows[2], "class"), text(&rows[2], "outcome")),
        ("delivered", "delivered"),
        "it was on its way"
    );
}

#[test]
fn an_edited_subscription_takes_effect_without_a_restart() {
    let stage = Stage::new("edited");
    let subscription = stage.subscribe(HASTY);
    write_identity(
        stage.identities(),
        "other",
        Some(&stage.authority.client("other relay")),
        Some(&stage.authority.pem()),
    );
    let relay = stage.relay();
    stage.emit(1);
    stage.receiver.wait_for(1, SOON);
    let url = stage.receiver.url("/moved");
    stage.db.psql(&format!(
        "update outbox.subscription set url = '{url}', identity = 'other', headers = '{{\"X-New\": \"1\"}}'; \
         select outbox.set_signing_secret({subscription}, \
         'whsec_bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4=')"
    ));
    stage.emit(1);
    let requests = stage.receiver.wait_for(2, SOON);
    assert_eq!(
        (requests[0].path.as_str(), requests[0].peer_common_name.as_deref()),
        ("/hook", Some("relay"))
    );
    assert_eq!(
        (requests[1].path.as_str(), requests[1].peer_common_name.as_deref()),
        ("/moved", Some("other relay"))
    );
    assert_eq!(requests[1].header("x-new"), Some("1"));
    crate::support::verify_signature(&stage.secret(subscription), &requests[1]).unwrap();

    // The other direction too: what cannot be sent now can after the next edit.
    stage.db.psql("update outbox.subscription set identity = 'nobody'");
    stage.emit(1);
    stage.db.wait_until("select count(*) > 0 from outbox.attempt where class = 'not_sent'", SOON);
    stage.db.psql("update outbox.subscription set identity = 'default'");
    stage.receiver.wait_for(3, SOON);
    assert!(relay.is_running());
}

#[test]
fn an_identity_the_relay_does_not_have_is_named_with_the_way_out() {
    let stage = Stage::new("unknown_identity");
    stage.subscribe("identity => 'acme-2', max_attempts => 1");
    stage.emit(1);
    assert_eq!(stage.once().code, 0);
    let row = stage.attempts().remove(0);
    assert_eq!((text(&row, "class"), text(&row, "error_class")), ("not_sent", "subscription"));
    let error = text(&row, "error");
    assert!(
        error.starts_with("identity \"acme-2\" is not known to this relay: put tls.crt and tls.key"),
        "{error}"
    );
    assert!(error.ends_with("; it knows default"), "{error}");
    assert_eq!(stage.receiver.connections(), 0);
}

#[test]
fn a_paused_subscription_keeps_its_deliveries_until_it_is_resumed() {
    let stage = Stage::new("paused");
    stage.subscribe("");
    stage.db.psql("update outbox.subscription set status = 'paused'");
    stage.emit(3);
    let relay = stage.relay();
    // A second subscription shows that claims go on while the first is held.
    let other =
        Receiver::start(&ReceiverOptions::mutual(stage.authority.server(&LOCAL), &stage.authority.pem()));
    stage.subscribe_url(&other.url("/"), "");
    stage.emit(2);
    other.wait_for(2, SOON);
    assert_eq!((stage.receiver.count(), stage.count("outbox.delivery where attempt = 0")), (0, 5));
    stage.db.psql("update outbox.subscription set status = 'active' where status = 'paused'");
    stage.receiver.wait_for(5, SOON);
    stage.wait_until_drained();
    drop(relay);
}

// Connections.

#[test]
fn posts_in_a_row_share_a_connection() {
    let stage = Stage::new("keep_alive");
    stage.subscribe("concurrency => 1");
    stage.receiver.reply(Reply::default().body("thanks"));
    stage.emit(50);
    assert_eq!(stage.once().code, 0);
    assert_eq!(stage.receiver.count(), 50);
    assert!(stage.receiver.connections() <= 2, "{} connections", stage.receiver.connections());
}

#[test]
fn two_identities_on_one_host_never_share_a_connection() {
    let stage = Stage::new("two_identities");
    for name in ["blue", "red"] {
        let pair = stage.authority.client(name);
        write_identity(stage.identities(), name, Some(&pair), Some(&stage.authority.pem()));
        stage.subscribe_url(&stage.receiver.url(&format!("/{name}")), &format!("identity => '{name}'"));
    }
    let _relay = stage.relay();
    for round in 1..=5 {
        stage.emit(4);
        stage.receiver.wait_for(8 * round, SOON);
        stage.wait_until_drained();
    }
    let requests = stage.receiver.requests();
    let mut owners: HashMap<usize, &str> = HashMap::new();
    for request in &requests {
        let name = request.peer_common_name.as_deref().unwrap();
        assert_eq!(request.path, format!("/{name}"));
        assert_eq!(*owners.entry(request.connection).or_insert(name), name, "a connection has one owner");
    }
    assert!(owners.len() < requests.len(), "connections were kept, so sharing was possible");
}

#[test]
fn a_kept_connection_that_the_subscriber_closed_is_no_failure() {
    let stage = Stage::new("idle_close");
    stage.subscribe("concurrency => 1");
    let _relay = stage.relay();
    for round in 1..=5 {
        stage.emit(1);
        stage.receiver.wait_for(round, SOON);
        stage.wait_until_drained();
        stage.receiver.stop();
        // A POST that crosses the close on its way may have arrived, and is an ordinary failed attempt. Here the relay has
        // seen the close: it holds no socket to that port any more, neither open (01) nor closed by the other side (08).
        let port = stage.receiver.port();
        let gone = format!("select pg_read_file('/proc/net/tcp') !~ ':{port:04X} 0[18] '");
        stage.db.wait_until(&gone, SOON);
        stage.receiver.start_again();
    }
    assert_eq!(stage.receiver.connections(), 5, "each connection was closed before the next POST");
    assert_eq!(stage.count("outbox.attempt where class = 'delivered' and attempt = 1"), 5);
    assert_eq!(stage.attempts().len(), 5);
}

#[test]
fn a_relay_whose_log_nobody_reads_any_more_goes_on() {
    let stage = Stage::new("unread_log");
    stage.subscribe("");
    stage.subscribe_url("https://127.0.0.1:1/", HASTY);
    let mut relay = Command::new(env!("CARGO_BIN_EXE_outboxd"))
        .args([
            "run",
            "--database-url",
            &stage.db.url(),
            "--identities",
            stage.identities().to_str().unwrap(),
            "--allow-address",
            "127.0.0.0/8",
        ])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(relay.stderr.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("running"), "{first}");
    // Each failure of the other subscription is a line that cannot be written.
    stage.emit(1);
    stage.db.wait_until("select count(*) = 1 from outbox.dead_letter", SOON);
    stage.emit(1);
    stage.db.wait_until("select count(*) = 2 from outbox.attempt where outcome = 'delivered'", SOON);
    assert_eq!(relay.try_wait().unwrap(), None);
    relay.kill().unwrap();
    relay.wait().unwrap();
}
