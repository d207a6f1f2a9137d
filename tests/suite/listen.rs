//! `outboxd listen`: what it says of webhooks and of its options, and what it answers.

use crate::listening::{BODY, Listening, OTHER, SECRET, now, post, signed};
use crate::stage::{HASTY, SOON, Stage, outboxd, text};

// Whether it is from whom it says.

#[test]
fn a_signature_is_right_or_it_is_said_what_is_wrong() {
    let listening = Listening::start(&["--secret", SECRET, "--json"]);
    let tampered = BODY.replace("17", "18");
    let cases = [
        (signed(SECRET, "a", now(), BODY, BODY), 200, "verified", ""),
        (signed(OTHER, "b", now(), BODY, BODY), 401, "refused", "the signature is not by the secret given"),
        (signed(SECRET, "c", now(), BODY, &tampered), 401, "refused", "or the body is not what was signed"),
        (
            signed(SECRET, "d", now() - 420, BODY, BODY),
            401,
            "refused",
            "seconds ago, where 5 minutes are allowed; the signature itself is right: the clock",
        ),
        (signed(SECRET, "e", now() + 7300, BODY, BODY), 401, "refused", "it was signed 2 hours ahead"),
        (signed(OTHER, "f", now() - 420, BODY, BODY), 401, "refused", "and the signature is wrong besides"),
        (post("webhook-id: g\r\n", b"{}"), 401, "refused", "there is no header webhook-signature"),
        (
            post("webhook-id: h\r\nwebhook-signature: v1,x\r\nwebhook-timestamp: soon\r\n", b"{}"),
            401,
            "refused",
            "webhook-timestamp is not a moment",
        ),
        // What the library's arithmetic does not bear.
        (signed(SECRET, "i", i64::MIN, BODY, BODY), 401, "refused", "webhook-timestamp is not a moment"),
        (signed(SECRET, "j", i64::MAX, BODY, BODY), 401, "refused", "webhook-timestamp is not a moment"),
        (
            post("webhook-id: k\r\nwebhook-signature: v1,x\r\nwebhook-timestamp: 1\r\n", b"\xff"),
            401,
            "refused",
            "days ago",
        ),
    ];
    for (n, (bytes, status, verdict, why)) in cases.iter().enumerate() {
        let answered = listening.send(bytes).unwrap();
        let told = listening.json(n + 1);
        assert_eq!((answered.status, told["verdict"].as_str()), (*status, Some(*verdict)), "{told}");
        assert!(text(&told, "why").contains(why) && answered.body.contains(why), "{answered:?} {told}");
    }
}

#[test]
fn any_of_several_secrets_will_do_and_without_one_nothing_is_refused() {
    let listening = Listening::start(&["--secret", OTHER, "--secret", SECRET, "--json"]);
    assert_eq!(listening.webhook("a", BODY).unwrap().status, 200);
    let told = listening.json(1);
    assert_eq!((text(&told, "verdict"), told["secret"].as_u64()), ("verified", Some(2)), "{told}");
    let given = [("OUTBOXD_LISTEN_SECRET", format!("{OTHER},{SECRET}"))];
    let given = given.each_ref().map(|(name, value)| (*name, value.as_str()));
    let help = outboxd().run(&["listen", "--help"], &given);
    assert!(help.stdout.contains("[env: OUTBOXD_LISTEN_SECRET]"), "{}", help.stdout);
    assert!(!help.stdout.contains(&SECRET[6..]), "{}", help.stdout);

    let listening = Listening::start(&[]);
    listening.process.wait_for_line("signatures are not verified: there is no --secret", SOON);
    listening.process.wait_for_line("`update outbox.setting set http_allowed = true`", SOON);
    assert_eq!(listening.webhook("a", BODY).unwrap().status, 200);
    listening.process.wait_for_line(" not verified Order.Update Order 17", SOON);
}

// What is shown.

#[test]
fn a_webhook_is_a_line_and_a_repeated_one_says_so() {
    let listening = Listening::start(&["--secret", SECRET, "--answer", "503@20ms,200"]);
    let body = r#"{"type":"Order.Update","object":"Order","object_id":"17","data":{"total": 12.000, "n": 9007199254740993}}"#;
    for id in ["a", "b", "a", "a"] {
        listening.webhook(id, body).unwrap();
    }
    listening.process.wait_for_line(", again, 3rd time, answered 200: ", SOON);
    let lines = listening.process.lines();
    let lines: Vec<_> = lines.iter().filter_map(|line| line.split_once("Z ")).collect();
    let data = r#"{"total": 12.000, "n": 9007199254740993}"#;
    assert_eq!(
        lines.iter().map(|(_, line)| *line).collect::<Vec<_>>(),
        [
            format!("verified Order.Update Order 17, answered 503 after 20ms: {data}"),
            format!("verified Order.Update Order 17, answered 200: {data}"),
            format!("verified Order.Update Order 17, again, 2nd time, answered 200: {data}"),
            format!("verified Order.Update Order 17, again, 3rd time, answered 200: {data}"),
        ]
    );
    assert!(lines.iter().all(|(time, _)| time.len() == "12:00:00.123".len()), "{lines:?}");
}

#[test]
fn more_is_shown_when_more_is_wanted() {
    let head = Listening::start(&["--show", "head"]);
    head.webhook("a", BODY).unwrap();
    head.process.wait_for_line("  POST /hook", SOON);
    head.process.wait_for_line("  webhook-id: a", SOON);
    let body = Listening::start(&["--show", "body"]);
    body.webhook("a", r#"{"type":"T","data":{"total": 12.000,"tags":[1e2]}}"#).unwrap();
    body.process.wait_for_line("      1e2", SOON);
    let lines = body.process.lines();
    let at = lines.iter().position(|line| line == "  {").unwrap();
    assert_eq!(
        lines[at + 1..at + 4],
        ["    \"type\": \"T\",", "    \"data\": {", "      \"total\": 12.000,"]
    );
}

#[test]
fn nothing_from_outside_reaches_the_terminal_as_a_command() {
    let evil = "\u{1b}[2J\u{9b}31m\u{202e}\u{7}\u{7f}\r\n2 verified";
    let quoted = serde_json::to_string(evil).unwrap();
    let raw_c1 = "\u{9b}31m\u{202e}\u{7f}";
    let bodies = [
        format!(
            r#"{{"type":{quoted},"object":{quoted},"object_id":{quoted},"data":{{"{raw_c1}":{quoted}}}}}"#
        ),
        format!("no json: {evil}"),
    ];
    for show in [["--show", "line"].as_slice(), &["--show", "head"], &["--show", "body"], &["--json"]] {
        let listening = Listening::start(show);
        for (n, body) in bodies.iter().enumerate() {
            let head = format!("webhook-id: {n}\r\nX-Evil: {}\r\n", "\u{9b}31m\u{202e}");
            listening.send(&post(&head, body.as_bytes())).unwrap();
            let bytes = [
                b"GET /\xc2\x9b31m HTTP/1.1\r\nHost: \x1b\r\n\r\n".as_slice(),
                b"BR\x1bEW / HTTP/1.1\r\n\r\n",
            ];
            for bytes in bytes {
                let _ = listening.send(bytes);
            }
        }
        let last = listening.webhook("last", r#"{"type":"Last"}"#);
        assert_eq!(last.unwrap().status, 200);
        listening.process.wait_for_line("Last", SOON);
        for line in listening.process.lines() {
            let harmful = |c: char| c.is_control() || ['\u{202e}', '\u{feff}'].contains(&c);
            assert!(!line.contains(harmful), "{line:?}");
            assert!(!line.starts_with("2 verified"), "{line:?}");
        }
    }
}

#[test]
fn json_is_one_object_per_line_and_leaves_the_body_as_it_was() {
    let listening = Listening::start(&["--json", "--secret", SECRET, "--answer", "503@1ms,close,200"]);
    let body = "{\n \"type\": \"T\", \"data\": {\"a\": 12345678901234567890123.000, \"a\": \"\u{9b} ä\"}\n}";
    listening.webhook("a", body).unwrap();
    assert!(listening.webhook("b", "no json").is_none());
    listening.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let told = listening.json(1);
    assert_eq!(
        (text(&told, "kind"), text(&told, "type"), told["bytes"].as_u64()),
        ("webhook", "T", Some(body.len() as u64))
    );
    assert_eq!(
        (text(&told, "webhook_id"), told["times"].as_u64(), told["number"].as_u64()),
        ("a", Some(1), Some(1))
    );
    assert_eq!(told["answer"].to_string(), r#"{"action":"status","delay_ms":1,"status":503}"#);
    assert_eq!(told["headers"]["webhook-id"], "a");
    let lines = listening.process.lines();
    let raw = lines.iter().find(|line| line.starts_with('{')).unwrap();
    let expected = r#""body":{"type":"T","data":{"a":12345678901234567890123.000,"a":"\u009b ä"}}}"#;
    assert!(raw.ends_with(expected), "{raw}");
    let told = listening.json(2);
    assert_eq!((text(&told, "text"), &told["body"]), ("no json", &serde_json::Value::Null));
    assert_eq!(told["answer"]["action"], "close");
    let told = listening.json(3);
    assert_eq!((text(&told, "kind"), told["status"].as_u64()), ("refused", Some(405)));
}

// What is answered.

#[test]
fn the_relays_ledger_has_each_kind_of_answer() {
    let stage = Stage::new("listen_answers");
    stage.db.psql("update outbox.setting set http_allowed = true");
    let answers = "503,429@50ms,close,reset,hang,drip";
    let listening =
        Listening::start(&["--secret", SECRET, "--answer", answers, "--header", "X-From: listen", "--json"]);
    let settings = format!("deadline => '3 s', {HASTY}");
    let subscription = stage.subscribe_url(&listening.url, &settings);
    stage.db.psql(&format!("select outbox.set_signing_secret({subscription}, '{SECRET}')"));
    stage.emit(1);
    assert_eq!(stage.once().stdout, "delivered 1, will retry 5, dead 0, cancelled 0\n");
    let rows = stage.attempts();
    let seen: Vec<_> = rows
        .iter()
        .map(|row| (text(row, "class"), row["status"].as_u64(), text(row, "error_class")))
        .collect();
    assert_eq!(
        seen,
        [
            ("rejected", Some(503), ""),
            ("rejected", Some(429), ""),
            ("unknown", None, "connection_lost"),
            ("unknown", None, "connection_lost"),
            ("unknown", None, "timeout"),
            ("delivered", Some(200), ""),
        ],
        "{rows:?}"
    );
    assert!(rows[0].to_string().contains("as outboxd listen was told to answer"), "{}", rows[0]);
    for n in 1..=6 {
        let told = listening.json(n);
        assert_eq!(
            (text(&told, "verdict"), told["times"].as_u64(), told["attempt"].as_u64()),
            ("verified", Some(n as u64), Some(n as u64)),
            "{told}"
        );
    }
}

#[test]
fn headers_and_random_failures_are_added() {
    let listening =
        Listening::start(&["--header", "Retry-After: 5", "--header", "X-A: b", "--answer", "204"]);
    let answered = listening.webhook("a", BODY).unwrap();
    assert!(
        answered.head.contains("\r\nretry-after: 5") && answered.head.contains("\r\nx-a: b"),
        "{answered:?}"
    );
    assert_eq!((answered.status, answered.body.as_str()), (204, ""));
    let always = Listening::start(&["--fail-percent", "100"]);
    let half = Listening::start(&["--fail-percent", "50", "--answer", "202,200"]);
    let mut seen = Vec::new();
    for n in 0..64 {
        assert_eq!(always.webhook("a", BODY).unwrap().status, 503);
        seen.push(half.webhook(&n.to_string(), BODY).unwrap().status);
    }
    // Once in 2^64 this is otherwise. A random failure does not use up a turn.
    assert!(seen.contains(&503), "{seen:?}");
    seen.retain(|status| *status != 503);
    assert_eq!((seen[0], seen[1..].iter().all(|status| *status == 200)), (202, true), "{seen:?}");
}

#[test]
fn what_is_no_webhook_is_told_what_would_be() {
    let listening = Listening::start(&["--secret", SECRET, "--answer", "204"]);
    let head = b"POST / HTTP/1.1\r\nHost: localhost\r\nwebhook-id: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunked = [head.as_slice(), b"300000\r\n", &vec![b' '; 0x30_0000], b"\r\n0\r\n\r\n"].concat();
    let cases = [
        (
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            405,
            "only POST is taken; this is outboxd listen",
        ),
        (b"PUT /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".to_vec(), 405, "only POST"),
        (post("", b"{}"), 400, "there is no header webhook-id; this is outboxd listen"),
        (post("webhook-id: a\r\n", &vec![b' '; 3 << 20]), 413, "the body is larger than 2097152 bytes"),
        (chunked, 413, "the body is larger"),
        (b"BREW\r\n\r\n".to_vec(), 400, ""),
    ];
    for (bytes, status, why) in cases {
        let answered = listening.send(&bytes).unwrap();
        assert_eq!(answered.status, status, "{answered:?}");
        assert!(answered.body.contains(why), "{answered:?}");
        assert!(status != 405 || answered.head.contains("allow: post"), "{answered:?}");
    }
    listening.process.wait_for_line("what came is not HTTP/1.1", SOON);
    listening.process.wait_for_line("no webhook: GET / from 127.0.0.1:", SOON);
    // None of these used up the answer, and a body at the limit is taken.
    let body = format!("\"{}\"", "x".repeat((2 << 20) - 2));
    assert_eq!(listening.webhook("a", &body).unwrap().status, 204);
}

// What it is told.

#[test]
fn all_that_is_wrong_with_the_options_is_said_at_once_and_no_secret_repeated() {
    let home = tempfile::tempdir().unwrap();
    let arguments = [
        ["--address", "everywhere"],
        ["--tls", home.path().to_str().unwrap()],
        ["--answer", "200,teapot"],
        ["--fail-percent", "101"],
        ["--count", "0"],
        ["--header", "Content-Length: 5"],
        ["--secret", "whsec_not!base64"],
        ["--secret", "sesame"],
        ["--show", "all"],
    ];
    let arguments: Vec<_> = ["listen"].into_iter().chain(arguments.into_iter().flatten()).collect();
    let output = outboxd().run(&arguments, &[]);
    assert_eq!((output.code, output.stdout.as_str()), (2, ""));
    for expected in [
        "--address is \"everywhere\": it must be a port (8443)",
        "tls.crt: No such file",
        "tls.key: No such file",
        "--answer: \"teapot\" is no answer",
        "--fail-percent is 101: it must be 0 to 100",
        "--count is 0: it must be 1 to",
        "--header: content-length cannot be chosen",
        "--secret, number 1: a signing secret is whsec_",
        "--secret, number 2: a signing secret is whsec_",
        "--show is \"all\": it must be line, head or body",
    ] {
        assert!(output.stderr.contains(expected), "{expected}: {}", output.stderr);
    }
    assert!(!output.stderr.contains("not!base64") && !output.stderr.contains("sesame"), "{}", output.stderr);
}

#[test]
fn a_taken_port_is_named_with_the_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = outboxd().run(&["listen", "--address", &address], &[]);
    assert_eq!(output.code, 1, "{output:?}");
    let expected = format!(
        "--address: cannot listen on {address}: Address already in use (os error 98); end what listens there, \
         or choose another port"
    );
    assert!(output.stderr.contains(&expected), "{}", output.stderr);
    let output = outboxd().run(&["listen", "--address", "192.0.2.1:0"], &[]);
    assert!(output.stderr.contains("that is no address of this machine"), "{output:?}");
}

#[test]
fn a_filter_for_the_log_that_is_none_is_explained_once() {
    let output = outboxd().run(&["--log", "nonsense=x", "migrate", "--check"], &[]);
    assert_eq!(
        (output.code, output.stderr.matches("error parsing level filter").count()),
        (2, 1),
        "{output:?}"
    );
}
