//! The ops listener among bad company.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use outboxd::health::Health;
use outboxd::metrics::Metrics;
use outboxd::ops::{Facts, Listener};

use crate::installing::outboxd;
use crate::ops_client::Ops;
use crate::stage::{SOON, Stage};
use crate::support::{Gate, RelayProcess, Reply};

/// A relay that waits for a database that is not there: the listener needs none.
fn without_a_database(listen: &str) -> RelayProcess {
    let url = "postgres://postgres@127.0.0.1:1/none?sslmode=disable";
    outboxd().spawn(&["run", "--database-url", url, "--ops-listen", listen], &[])
}

fn status(ops: &Ops, request: &str) -> Option<u16> {
    ops.send(request.as_bytes()).map(|answer| answer.status)
}

#[test]
fn three_paths_are_answered_and_nothing_else() {
    let relay = without_a_database("127.0.0.1:0");
    let ops = Ops::of(&relay);
    let live = ops.get("/livez");
    assert_eq!((live.status, live.body.as_str()), (200, "live\n"), "a database that is away kills nobody");
    assert_eq!(live.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(live.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(live.header("cache-control"), Some("no-store"));
    assert!(live.headers.iter().all(|(name, _)| !name.starts_with("access-control")), "{live:?}");
    assert_eq!(ops.get("/livez?verbose=1").status, 200);
    ops.metrics();
    let reason = ops.wait_until_unready("the database cannot be used");
    assert!(reason.contains("127.0.0.1:1"), "{reason}");

    let head = ops.send(b"HEAD /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!((head.status, head.body.as_str(), head.header("content-length")), (200, "", Some("5")));
    for path in ["/", "/livez/", "/metrics/../livez", "/%6Civez", "/livez%00", "//livez", "/admin"] {
        assert_eq!(ops.get(path).status, 404, "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"] {
        let answer =
            ops.send(format!("{method} /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    assert!(relay.is_running());
}

#[test]
fn a_web_page_cannot_read_a_loopback_listener() {
    let relay = without_a_database("0");
    let ops = Ops::of(&relay);
    for (request, expected) in [
        ("GET /metrics HTTP/1.1\r\nHost: evil\r\n\r\n", 403),
        ("GET /metrics HTTP/1.1\r\nHost: localhost.evil.example:9464\r\n\r\n", 403),
        ("GET /metrics HTTP/1.1\r\n\r\n", 403),
        ("GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n", 403),
        ("GET http://evil/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 403),
        ("POST /metrics HTTP/1.1\r\nHost: evil\r\nContent-Length: 1\r\n\r\nx", 403),
        ("GET http://localhost/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        ("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9464\r\n\r\n", 200),
        ("GET /metrics HTTP/1.1\r\nHost: [::1]:9464\r\nOrigin: http://evil\r\n\r\n", 200),
        ("GET /metrics HTTP/1.0\r\n\r\n", 200),
    ] {
        assert_eq!(status(&ops, request), Some(expected), "{request:?}");
    }
    let refusal = ops.send(b"GET /livez HTTP/1.1\r\nHost: evil\r\n\r\n").unwrap();
    assert!(refusal.body.contains("localhost, 127.0.0.0/8 and [::1]"), "{refusal:?}");

    let everywhere = without_a_database("0.0.0.0:0");
    let ops = Ops(([127, 0, 0, 1], Ops::of(&everywhere).0.port()).into());
    let request = "GET /livez HTTP/1.1\r\nHost: relay.internal\r\n\r\n";
    assert_eq!(status(&ops, request), Some(200), "whoever binds it elsewhere names it as they like");
}

#[test]
fn garbage_is_refused_and_harms_nobody() {
    let relay = without_a_database("0");
    let ops = Ops::of(&relay);
    let long = "x".repeat(100_000);
    let many = "A: b\r\n".repeat(200);
    for (request, allowed) in [
        (format!("GET /livez?{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"), [Some(414), Some(431)].as_slice()),
        (format!("GET /livez HTTP/1.1\r\nHost: localhost\r\nA: {long}\r\n\r\n"), &[Some(431)]),
        (format!("GET /livez HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"), &[Some(431)]),
        ("GET /livez\r\n".to_owned(), &[Some(400)]),
        ("GET /livez HTTP/2.0\r\nHost: localhost\r\n\r\n".to_owned(), &[Some(400), Some(505)]),
        ("GET /li vez HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), &[Some(400)]),
        ("GET /livez HTTP/1.1\r\nHost : localhost\r\n\r\n".to_owned(), &[Some(400)]),
        ("CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), &[Some(405)]),
        ("\0\0\0\0\r\n\r\n".to_owned(), &[Some(400)]),
        // A body is not read; a chunked one neither, and what follows it is no second request.
        (
            "GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nsurprise!".to_owned(),
            &[Some(400)],
        ),
        (
            "GET /livez HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /livez"
                .to_owned(),
            &[Some(400)],
        ),
    ] {
        // Where more was sent than is read, the refusal may be lost with the connection.
        let status = status(&ops, &request);
        assert!(
            allowed.contains(&status) || (request.len() > 50_000 && status.is_none()),
            "{status:?}: {request:.80}"
        );
    }
    // The beginning of a TLS handshake.
    assert_eq!(
        ops.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").map(|answer| answer.status),
        Some(400)
    );
    let request = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let piped = ops.send(request.repeat(50).as_bytes()).unwrap();
    assert_eq!((piped.status, piped.body.as_str()), (200, "live\n"), "one connection, one request");
    assert_eq!(ops.get("/livez").status, 200);
}

#[test]
fn who_asks_is_answered_however_many_sit_there_and_ask_nothing() {
    let relay = without_a_database("0");
    let ops = Ops::of(&relay);
    let mut idle: Vec<TcpStream> = Vec::new();
    for n in 0..1000 {
        let mut stream = ops.connect();
        // Some say nothing, some begin a request and stop.
        if n % 2 == 0 {
            let _ = stream.write_all(b"GET /livez HTTP/1.1\r\nHost: loc");
        }
        idle.push(stream);
        if n % 100 == 99 {
            let asked = Instant::now();
            assert_eq!(ops.get("/livez").status, 200);
            assert!(
                asked.elapsed() < Duration::from_secs(5),
                "it took {:?} behind {n} others",
                asked.elapsed()
            );
        }
    }
    let open = std::fs::read_dir(format!("/proc/{}/fd", relay.pid())).unwrap().count();
    assert!(open < 64 + 40, "{open} files are open");
    // Nobody keeps a place: the last of them is shown the door too.
    let asked = Instant::now();
    let mut last = idle.pop().unwrap();
    let mut said = Vec::new();
    let _ = last.read_to_end(&mut said);
    assert!(asked.elapsed() < Duration::from_secs(11), "{:?}", asked.elapsed());
    assert!(relay.is_running());
}

#[test]
fn who_reads_nothing_is_cut_off() {
    let relay = without_a_database("0");
    let ops = Ops::of(&relay);
    let mut slow = ops.connect();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n").unwrap();
    // A header at a time, for ever.
    let begun = Instant::now();
    let dripping = slow.try_clone().unwrap();
    let drip = std::thread::spawn(move || {
        let mut dripping = dripping;
        while begun.elapsed() < SOON && dripping.write_all(b"X: y\r\n").is_ok() {
            std::thread::park_timeout(Duration::from_millis(200));
        }
        begun.elapsed()
    });
    let mut said = Vec::new();
    let _ = slow.read_to_end(&mut said);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    drop(slow);
    assert!(drip.join().unwrap() < SOON);
}

#[test]
fn a_taken_port_ends_it_at_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let url = "postgres://postgres@127.0.0.1:1/none?sslmode=disable";
    let output = outboxd().run(&["run", "--database-url", url, "--ops-listen", &address], &[]);
    assert_eq!(output.code, 1, "{output:?}");
    let expected = format!("--ops-listen: cannot listen on {address}: Address already in use");
    assert!(output.stderr.contains(&expected), "{}", output.stderr);
    let bad = outboxd().run(&["run", "--database-url", url, "--ops-listen", "everywhere"], &[]);
    assert_eq!(bad.code, 2, "{bad:?}");
    assert!(
        bad.stderr.contains("--ops-listen is \"everywhere\": it must be a port (9464)"),
        "{}",
        bad.stderr
    );
}

#[test]
fn it_answers_while_the_relay_drains() {
    let stage = Stage::new("ops_drains");
    stage.subscribe("");
    let gate = Gate::new();
    stage.receiver.reply(Reply::default().gate(&gate));
    stage.emit(1);
    let relay = stage.relay_with(&["--ops-listen", "0"]);
    let ops = Ops::of(&relay);
    stage.receiver.wait_for(1, SOON);
    ops.wait_until_ready();
    relay.signal("TERM");
    relay.wait_for_line("finishing what is under way", SOON);
    assert_eq!(ops.wait_until_unready("stopping"), "stopping");
    assert_eq!(ops.get("/livez").status, 200);
    assert_eq!(ops.metrics().count("outboxd_ready"), 0);
    assert_eq!(ops.metrics().count("outboxd_in_flight"), 1);
    gate.open();
    assert_eq!(relay.wait(SOON), 0);
    assert!(TcpStream::connect(ops.0).is_err());
}

#[test]
fn a_runtime_that_stands_still_is_told_within_the_shortest_lease() {
    let (health, metrics) = (Health::default(), Metrics::new("0"));
    let listener = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let ops = Ops(listener.address());
    listener.start(Facts { metrics, health: health.clone() }).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let task = runtime.spawn(async move { health.beating("claim", stopped).await });
    assert_eq!(ops.get("/livez").status, 200);
    // Code that blocks the only worker, as a bug would.
    let (release, held) = std::sync::mpsc::channel::<()>();
    runtime.spawn(async move { held.recv().unwrap_err() });
    let begun = Instant::now();
    let answer = ops.wait_until("/livez", |answer| answer.status == 503);
    assert!(answer.body.starts_with("task claim has not turned for 1"), "{answer:?}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    drop(release);
    ops.wait_until("/livez", |answer| answer.status == 200);
    drop(stop);
    runtime.block_on(task).unwrap().unwrap_err();
}
