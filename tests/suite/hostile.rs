//! Subscribers that misbehave over HTTP: what becomes of the attempt, and that the fault has really happened, which the scripted
//! receiver says itself. All receivers of a test get their requests at once.
//!
//! | fault of a subscriber | test |
//! |---|---|
//! | refuses connections | mistakes: a_place_where_nobody_is, tls: an_endpoint_that_cannot_be_reached |
//! | no route to it | here: a_host_without_a_way_to_it_is_told_as_that |
//! | swallows the connection | here: a_connection_that_is_swallowed_ends_with_the_connect_deadline |
//! | name unknown, slow, empty, flapping, rebinding | mistakes, tls; src/delivery/dial/tests.rs |
//! | head never comes, drips, endless 1xx | relay: the_deadline_ends_an_attempt_however_the_subscriber_drags_it_out |
//! | 2xx, then no body, no end of it, a reset, gzip | relay: a_body_that_never_comes, of_an_endless_body; here: faults |
//! | never reads; answers before it has read | here: large_requests_meet_bad_readers |
//! | reads and closes | relay: a_connection_closed_in_place; here: what_may_have_arrived_is_sent_again_with_the_same_id |
//! | closes a kept connection | relay: a_kept_connection_that_the_subscriber_closed_is_no_failure |
//! | answers that are not HTTP, odd statuses | relay: an_answer_that_is_not_http, an_odd_status; here: faults |
//! | two answers for one request, a close that is none | here: a_connection_that_is_out_of_step_is_not_used_again |
//! | redirects, to itself, to the inside | relay: a_redirect_is_a_failure; here: faults |
//! | HTTP/2: GOAWAY, REFUSED_STREAM, RST_STREAM, a connection that ends | http2 |
//! | bad certificates, slow handshakes | tls, hostile_tls |
//! | a proxy in the environment | addresses: a_proxy_in_the_environment_is_not_asked |

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::{HASTY, Stage, outboxd, text};
use crate::support::{Duplex, RawReceiver, read_request};

/// What the receivers of a test have done, and until when they hold on to what they hold.
#[derive(Clone, Default)]
struct Notes(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    done: HashMap<String, usize>,
    over: bool,
}

impl Notes {
    fn did(&self, what: &str) {
        *self.0.0.lock().unwrap().done.entry(what.to_owned()).or_default() += 1;
    }

    fn times(&self, what: &str) -> usize {
        self.0.0.lock().unwrap().done.get(what).copied().unwrap_or(0)
    }

    /// Until the test is over: the connection stays open, and nothing is read from it.
    fn hold(&self) {
        drop(self.0.1.wait_while(self.0.0.lock().unwrap(), |state| !state.over).unwrap());
    }
}

/// Ends what [`Notes::hold`] holds.
struct Curtain(Notes);

impl Drop for Curtain {
    fn drop(&mut self) {
        if let Ok(mut state) = self.0.0.0.lock() {
            state.over = true;
        }
        self.0.0.1.notify_all();
    }
}

fn stage(hint: &str) -> Stage {
    let stage = Stage::new(hint);
    stage.db.psql("update outbox.setting set http_allowed = true");
    stage
}

fn subscribe(stage: &Stage, url: &str, settings: &str) -> i64 {
    let statement = format!("select outbox.subscribe('acme', 'Order.Update', '{url}', {settings})");
    stage.db.psql(&statement).parse().unwrap()
}

/// The one attempt of each subscription.
fn attempts(stage: &Stage) -> HashMap<i64, Value> {
    stage.attempts().into_iter().map(|row| (row["subscription"].as_i64().unwrap(), row)).collect()
}

type Expected = (&'static str, Option<u16>, &'static str, &'static str);

/// Answers in bytes: what is answered; class, status, word and the beginning of what is kept of the body.
fn answers() -> Vec<(&'static str, Vec<u8>, Expected)> {
    const MALFORMED: Expected = ("unknown", None, "malformed_response", "");
    const LOST: Expected = ("unknown", None, "connection_lost", "");
    let text = |text: &str| text.as_bytes().to_vec();
    let empty =
        |status: &str, more: &str| text(&format!("HTTP/1.1 {status}\r\n{more}content-length: 0\r\n\r\n"));
    let location = |place: &str| format!("location: {place}\r\n");
    vec![
        ("HTTP/0.9", text("hello, world"), MALFORMED),
        ("a folded header", text("HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n"), MALFORMED),
        ("NUL in a header", text("HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n"), MALFORMED),
        ("status 000", empty("000 X", ""), MALFORMED),
        ("status 99", empty("99 X", ""), MALFORMED),
        ("half a head", text("HTTP/1.1 200 OK\r\nx: "), LOST),
        ("100 and no more", text("HTTP/1.1 100 Continue\r\n\r\n"), LOST),
        ("nothing", Vec::new(), LOST),
        (
            "a header in Latin-1",
            b"HTTP/1.1 200 OK\r\nx: \xfc\r\ncontent-length: 0\r\n\r\n".to_vec(),
            ("delivered", Some(200), "", ""),
        ),
        ("status 299", empty("299 X", ""), ("delivered", Some(299), "", "")),
        ("status 600", empty("600 X", ""), ("rejected", Some(600), "", "")),
        ("a status without a reason", empty("204", ""), ("delivered", Some(204), "", "")),
        ("301 to itself", empty("301 X", &location("/")), ("rejected", Some(301), "", "")),
        (
            "303 to the metadata of a cloud",
            empty("303 X", &location("http://169.254.169.254/")),
            ("rejected", Some(303), "", ""),
        ),
        ("308 to nowhere", empty("308 X", &location("::")), ("rejected", Some(308), "", "")),
        (
            "bad chunks",
            text("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
            ("delivered", Some(200), "", ""),
        ),
        (
            "a body cut short",
            text("HTTP/1.1 200 OK\r\ncontent-length: 64\r\n\r\nsome"),
            ("delivered", Some(200), "", "some"),
        ),
        (
            "gzip",
            [
                &b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 12\r\n\r\n"[..],
                b"\x1f\x8b\x08bombbombb",
            ]
            .concat(),
            ("delivered", Some(200), "", "\u{1f}\u{fffd}\u{8}bomb"),
        ),
    ]
}

#[test]
fn faults_of_answers_are_told_apart_and_stored() {
    let stage = stage("hostile_answers");
    let notes = Notes::default();
    let mut receivers = Vec::new();
    for (name, bytes, expected) in answers() {
        let told = notes.clone();
        let receiver = RawReceiver::start(None, move |stream| {
            let request = read_request(stream);
            assert!(!String::from_utf8_lossy(&request).to_lowercase().contains("accept-encoding"));
            told.did(name);
            stream.write_all(&bytes).unwrap();
        });
        let id = subscribe(&stage, &receiver.url("/"), "max_attempts => 1");
        receivers.push((name, expected, receiver, id));
    }
    stage.db.psql("select count(outbox.ping(id)) from outbox.subscription");
    let output = stage.once();
    assert_eq!(output.code, 0, "{output:?}");
    let rows = attempts(&stage);
    for (name, (class, status, word, kept), receiver, id) in receivers {
        let row = &rows[&id];
        assert_eq!(
            (notes.times(name), receiver.connections()),
            (1, 1),
            "{name}: it was asked once, and did it"
        );
        assert_eq!((text(row, "class"), &row["status"]), (class, &json!(status)), "{name}: {row}");
        assert_eq!(text(row, "error_class"), word, "{name}: {row}");
        assert!(text(row, "response").starts_with(kept), "{name}: {row}");
    }
}

/// 8 MB, which fit into no buffer on the way; more than a publisher may have sent.
const LARGE: &str = "select outbox.emit('Order.Update');
    update outbox.event set data = jsonb_build_object('pad', repeat('x', 8000000))";

#[test]
fn large_requests_meet_bad_readers() {
    let stage = stage("hostile_readers");
    let notes = Notes::default();
    let _curtain = Curtain(notes.clone());
    let told = notes.clone();
    let deaf = RawReceiver::start(None, move |_| {
        told.did("read nothing");
        told.hold();
    });
    let early = |status: u16, closes: bool| {
        let told = notes.clone();
        RawReceiver::start(None, move |stream| {
            let mut head = [0; 200];
            stream.read_exact(&mut head).unwrap();
            told.did(&format!("{status} early"));
            stream.write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n").as_bytes()).unwrap();
            // With what was not read still there, the kernel resets the connection.
            if !closes {
                told.hold();
            }
        })
    };
    let (refuses, busy) = (early(413, false), early(503, false));
    // What comes first at the relay, the answer or the reset, is the kernels' business.
    let cuts = early(500, true);
    let told = notes.clone();
    let reads_and_resets = RawReceiver::start(None, move |stream| {
        stream.read_exact(&mut [0; 200]).unwrap();
        told.did("reset");
    });
    let receivers = [&deaf, &refuses, &busy, &cuts, &reads_and_resets];
    let ids: Vec<i64> = receivers
        .iter()
        .map(|receiver| subscribe(&stage, &receiver.url("/"), "max_attempts => 1, deadline => '10 s'"))
        .collect();
    stage.db.psql(LARGE);
    let output = stage.once();
    assert_eq!(output.code, 0, "{output:?}");
    let rows = attempts(&stage);
    let [deaf, refuses, busy, cuts, reset] = [0, 1, 2, 3, 4].map(|at: usize| &rows[&ids[at]]);
    assert_eq!((text(deaf, "class"), text(deaf, "error_class")), ("unknown", "timeout"), "{deaf}");
    assert_eq!((text(refuses, "class"), &refuses["status"]), ("rejected", &json!(413)), "{refuses}");
    assert_eq!((text(busy, "class"), &busy["status"]), ("rejected", &json!(503)), "{busy}");
    assert!(["rejected", "unknown"].contains(&text(cuts, "class")), "{cuts}");
    assert_eq!((text(reset, "class"), text(reset, "error_class")), ("unknown", "connection_lost"), "{reset}");
    for what in ["read nothing", "413 early", "503 early", "500 early", "reset"] {
        assert_eq!(notes.times(what), 1, "{what}");
    }
}

#[test]
fn what_may_have_arrived_is_sent_again_with_the_same_id() {
    let stage = stage("hostile_unknown");
    let ids = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&ids);
    let receiver = RawReceiver::start(None, move |stream| {
        let request = String::from_utf8(read_request(stream)).unwrap().to_lowercase();
        let id = request.lines().find_map(|line| line.strip_prefix("webhook-id: ")).unwrap().to_owned();
        let mut seen = seen.lock().unwrap();
        seen.push(id);
        if seen.len() == 3 {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        }
    });
    let id = subscribe(&stage, &receiver.url("/"), HASTY);
    stage.db.psql(&format!("select outbox.ping({id})"));
    stage.once();
    let classes: Vec<_> = stage.attempts().iter().map(|row| text(row, "class").to_owned()).collect();
    assert_eq!(classes, ["unknown", "unknown", "delivered"]);
    let ids = ids.lock().unwrap();
    assert_eq!((ids.len(), ids.iter().all(|id| *id == ids[0])), (3, true), "{ids:?}");
}

/// A second answer that nobody asked for must not become that of the next request; what says close is not used again.
#[test]
fn a_connection_that_is_out_of_step_is_not_used_again() {
    let stage = stage("hostile_steps");
    let notes = Notes::default();
    let _curtain = Curtain(notes.clone());
    let bad = "HTTP/1.1 500 X\r\ncontent-length: 0\r\n";
    let twice = format!("{bad}\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let scripts =
        [("two answers", twice), ("a close that is none", format!("{bad}connection: close\r\n\r\n"))];
    let mut receivers = Vec::new();
    for (name, bytes) in scripts {
        let told = notes.clone();
        let receiver = RawReceiver::start(None, move |stream: &mut dyn Duplex| {
            while !read_request(stream).is_empty() {
                told.did(name);
                stream.write_all(bytes.as_bytes()).unwrap();
            }
        });
        let id =
            subscribe(&stage, &receiver.url("/"), &format!("{HASTY}, max_attempts => 3, concurrency => 1"));
        stage.db.psql(&format!("select outbox.ping({id})"));
        receivers.push((name, receiver));
    }
    stage.once();
    for (name, receiver) in receivers {
        assert_eq!((notes.times(name), receiver.connections()), (3, 3), "{name}");
    }
    assert_eq!(stage.count("outbox.attempt where status = 500"), 6);
}

/// A listener whose queue is full drops what comes: nobody refuses, nobody accepts.
fn swallowing() -> (TcpListener, Vec<TcpStream>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        socket.listen(0).unwrap().into_std().unwrap()
    });
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        waiting.push(stream);
        assert!(waiting.len() < 100, "the queue is never full");
    }
    (listener, waiting)
}

#[test]
fn a_connection_that_is_swallowed_ends_with_the_connect_deadline() {
    let stage = stage("hostile_swallowed");
    let (listener, waiting) = swallowing();
    let address = listener.local_addr().unwrap();
    let settings = "max_attempts => 1, connect_deadline => '200 ms', deadline => '10 s'";
    let id = subscribe(&stage, &format!("http://{address}/"), settings);
    stage.db.psql(&format!("select outbox.ping({id})"));
    stage.once();
    let row = stage.attempts().remove(0);
    assert_eq!((text(&row, "class"), text(&row, "error_class")), ("not_sent", "connect_timeout"), "{row}");
    assert!(text(&row, "error").starts_with(&format!("no connection to {address} within 0.2 s")), "{row}");
    // Only those that filled it are in the queue.
    let limit = Duration::from_millis(50);
    assert!(TcpStream::connect_timeout(&address, limit).is_err() && !waiting.is_empty());
}

/// The kernel opens no TCP connection to a group, whatever the routes of the machine: as where there is no route.
#[test]
fn a_host_without_a_way_to_it_is_told_as_that() {
    let stage = stage("hostile_no_way");
    let id = subscribe(&stage, "http://224.0.0.1/", "max_attempts => 1");
    stage.db.psql(&format!("select outbox.ping({id})"));
    let (url, allowed) = (stage.db.url(), ("OUTBOXD_ALLOW_ADDRESS", "224.0.0.0/4"));
    outboxd().run(&["run", "--once", "--database-url", &url], &[allowed]);
    let row = stage.attempts().remove(0);
    assert_eq!((text(&row, "class"), text(&row, "error_class")), ("not_sent", "connect"), "{row}");
    assert!(text(&row, "error").contains("this machine has no way there"), "{row}");
    let address: SocketAddr = ([224, 0, 0, 1], 80).into();
    let unreachable = TcpStream::connect_timeout(&address, Duration::from_secs(5)).unwrap_err();
    assert_eq!(unreachable.kind(), ErrorKind::NetworkUnreachable);
}

/// The framing of a request is the relay's own, whatever was put into a row behind the back of the check.
#[test]
fn framing_headers_are_as_the_relay_makes_them() {
    let stage = stage("hostile_framing");
    let requests = Arc::new(Mutex::new(Vec::new()));
    let (seen, count) = (Arc::clone(&requests), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&count);
    let receiver = RawReceiver::start(None, move |stream| {
        seen.lock().unwrap().push(String::from_utf8(read_request(stream)).unwrap());
        counter.fetch_add(1, Ordering::SeqCst);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    });
    let id =
        subscribe(&stage, &receiver.url("/p?q=1"), "max_attempts => 1, headers => '{\"X-Fine\": \"1\"}'");
    stage.db.psql(&format!("select outbox.ping({id})"));
    stage.once();
    let request = requests.lock().unwrap().pop().unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let lines: Vec<_> = head.to_lowercase().lines().map(str::to_owned).collect();
    assert_eq!(lines[0], "post /p?q=1 http/1.1");
    let mut names: Vec<_> = lines[1..].iter().map(|line| line.split(':').next().unwrap()).collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "content-length",
        "content-type",
        "host",
        "outbox-attempt",
        "outbox-event-type",
        "user-agent",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
        "x-fine",
    ];
    assert_eq!(names, expected);
    assert!(lines.contains(&format!("host: localhost:{}", receiver.port())), "{head}");
    assert!(lines.contains(&format!("content-length: {}", body.len())), "{head}");
    // A superuser can switch the check off; the wire is another matter.
    stage.db.psql("alter table outbox.subscription disable trigger user");
    for name in [
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Expect",
        "TE",
        "Proxy-Authorization",
        "Webhook-Id",
        "X\r\nY",
    ] {
        let headers = serde_json::to_string(&json!({ name: "1" })).unwrap();
        stage.db.psql(&format!(
            "update outbox.subscription set headers = '{headers}', version = version + 1;
             select outbox.ping({id})"
        ));
        stage.once();
        let row = stage.attempts().pop().unwrap();
        assert_eq!(
            (text(&row, "class"), text(&row, "error_class")),
            ("not_sent", "subscription"),
            "{name}: {row}"
        );
        assert!(text(&row, "error").contains(&format!("header {name:?} cannot be sent")), "{row}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
}
