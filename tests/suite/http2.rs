//! HTTP/2, for subscriptions that want it: who chooses it, how many POSTs share a connection, and what is known of a POST when
//! the connection under it is gone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::stage::{HASTY, LOCAL, SOON, Stage, text};
use crate::support::{
    Authority, Duplex, Gate, RawReceiver, Receiver, ReceiverOptions, Reply, SslVersion, TlsOptions,
    read_request, verify_signature,
};

fn options(stage: &Stage) -> TlsOptions {
    TlsOptions::new(stage.authority.server(&LOCAL)).require_client(&stage.authority.pem()).http2()
}

fn receiver(stage: &Stage) -> Receiver {
    Receiver::start(&ReceiverOptions::tls(options(stage)))
}

fn subscribe(stage: &Stage, url: &str, settings: &str) -> i64 {
    stage.subscribe_url(url, &format!("http2 => true, {HASTY}{settings}"))
}

/// Has the subscriber bear several at a time, and more and more of them: a relay does not begin with all.
fn become_known(stage: &Stage, receiver: &Receiver, events: usize) {
    // So slow that a moment in which the machine has no time for us is not taken for a sign of too much.
    receiver.reply(Reply::default().after(Duration::from_millis(150)));
    stage.emit(events);
    receiver.wait_for(events, SOON);
    stage.wait_until_drained();
}

#[test]
fn posts_share_a_connection_as_one_connection_does_not_wait_for_an_answer() {
    let stage = Stage::new("http2_shared");
    let receiver = receiver(&stage);
    let subscription = subscribe(&stage, &receiver.url("/hook?a=1"), ", concurrency => 20");
    let _relay = stage.relay();
    become_known(&stage, &receiver, 80);
    let gate = Gate::new();
    receiver.reply(Reply::default().body("thanks").gate(&gate));
    stage.emit(20);
    let requests = receiver.wait_for(100, SOON);
    assert_eq!(receiver.connections(), 1, "all of them are under way on one");
    gate.open();
    stage.wait_until_drained();
    for request in &requests {
        assert_eq!((request.version.as_str(), request.method.as_str()), ("HTTP/2.0", "POST"));
        assert_eq!(request.path, "/hook?a=1");
        assert_eq!(request.peer_common_name.as_deref(), Some("relay"));
        assert_eq!(request.header("content-length"), Some(&*request.body.len().to_string()));
        assert_eq!((request.header("host"), request.header("connection")), (None, None));
        verify_signature(&stage.secret(subscription), request).unwrap();
    }
    stage.emit(5);
    receiver.wait_for(105, SOON);
    stage.wait_until_drained();
    assert_eq!(receiver.connections(), 1, "and it is kept");
    assert_eq!(stage.count("outbox.attempt where class = 'delivered' and response = 'thanks'"), 25);
}

#[test]
fn the_subscriber_decides_and_what_was_not_offered_is_not_spoken() {
    let stage = Stage::new("http2_choice");
    let both = receiver(&stage);
    subscribe(&stage, &stage.receiver.url("/old"), ", concurrency => 3");
    stage.subscribe_url(&both.url("/plain"), HASTY);
    stage.db.psql("update outbox.setting set http_allowed = true");
    let bare = Receiver::start(&ReceiverOptions::plain());
    subscribe(&stage, &bare.url("/bare"), "");
    let gate = Gate::new();
    stage.receiver.reply(Reply::default().gate(&gate));
    stage.emit(3);
    let _relay = stage.relay();
    stage.receiver.wait_for(3, SOON);
    assert_eq!(stage.receiver.connections(), 3, "side by side, a POST on each");
    gate.open();
    stage.wait_until_drained();
    stage.emit(3);
    stage.wait_until_drained();
    assert_eq!(stage.receiver.connections(), 3, "and they are kept");
    for requests in [stage.receiver.requests(), both.requests(), bare.requests()] {
        assert_eq!(requests.len(), 6);
        assert!(requests.iter().all(|request| request.version == "HTTP/1.1"), "{requests:?}");
    }
}

/// A subscriber that takes four at a time is sent four at a time; none is refused for being one too many.
#[test]
fn no_more_streams_are_opened_than_the_subscriber_takes() {
    let stage = Stage::new("http2_streams");
    let receiver = Receiver::start(&ReceiverOptions::tls(options(&stage)).streams_max(4));
    subscribe(&stage, &receiver.url("/"), ", concurrency => 12");
    let _relay = stage.relay();
    become_known(&stage, &receiver, 48);
    let gate = Gate::new();
    receiver.reply(Reply::default().gate(&gate));
    stage.emit(12);
    receiver.wait_for(60, SOON);
    assert!(receiver.connections() >= 3, "four on each, {}", receiver.connections());
    gate.open();
    stage.wait_until_drained();
    assert_eq!((receiver.count(), stage.count("outbox.attempt")), (60, 60));
    assert_eq!(stage.count("outbox.attempt where class = 'delivered'"), 60);
}

// What is known of a POST that was not answered.

#[test]
fn a_refused_stream_was_not_seen_and_another_ending_may_have_been() {
    let stage = Stage::new("http2_reset");
    let receiver = receiver(&stage);
    subscribe(&stage, &receiver.url("/"), ", deadline => '2 s'");
    receiver.reply_with(|_, nth| match nth {
        1 => Reply::reset(h2::Reason::REFUSED_STREAM),
        2 => Reply::reset(h2::Reason::INTERNAL_ERROR),
        3 => Reply::reset(h2::Reason::HTTP_1_1_REQUIRED),
        4 => Reply::hang(),
        _ => Reply::default(),
    });
    stage.emit(1);
    let _relay = stage.relay();
    receiver.wait_for(5, SOON);
    stage.wait_until_drained();
    let told: Vec<_> = stage
        .attempts()
        .iter()
        .map(|row| format!("{} {}", text(row, "class"), text(row, "error_class")))
        .collect();
    assert_eq!(
        told,
        [
            "not_sent http2_refused_stream",
            "unknown connection_lost",
            "unknown connection_lost",
            "unknown timeout",
            "delivered "
        ]
    );
    assert!(text(&stage.attempts()[2], "error").contains("set http2 = false"));
    assert_eq!(receiver.connections(), 1, "an end of a stream is not the end of its connection");
}

/// Frames, RFC 9113.
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
const SETTINGS_ACK: [u8; 9] = [0, 0, 0, 4, 1, 0, 0, 0, 0];

/// `:status: 200`, and the end of the stream.
fn answer(stream: u8) -> Vec<u8> {
    vec![0, 0, 1, 1, 5, 0, 0, 0, stream, 0x88]
}

/// The end of a connection, and words of the subscriber's.
fn go_away(last_stream: u8, words: &str) -> Vec<u8> {
    let length = u16::try_from(8 + words.len()).unwrap().to_be_bytes();
    let head = [0, length[0], length[1], 7, 0, 0, 0, 0, 0, 0, 0, 0, last_stream, 0, 0, 0, 0];
    [&head, words.as_bytes()].concat()
}

/// Reads frames until the last of a request came: `END_STREAM` on this stream. Acknowledges settings on the way.
fn read_to(connection: &mut dyn Duplex, stream: u8) -> bool {
    loop {
        let mut head = [0; 9];
        if connection.read_exact(&mut head).is_err() {
            return false;
        }
        let length = usize::from(head[1]) << 8 | usize::from(head[2]);
        if connection.read_exact(&mut vec![0; length]).is_err() {
            return false;
        }
        if head[3] == 4 && head[4] == 0 {
            connection.write_all(&SETTINGS_ACK).unwrap();
        }
        if head[3] <= 1 && head[4] & 1 == 1 && head[8] == stream {
            return true;
        }
    }
}

fn begin(connection: &mut dyn Duplex) {
    connection.read_exact(&mut [0; 24]).unwrap();
    connection.write_all(&SETTINGS).unwrap();
}

/// A connection that answers whatever comes, from this stream on.
fn answer_all(connection: &mut dyn Duplex, first: u8) {
    for stream in (first..).step_by(2) {
        if !read_to(connection, stream) {
            return;
        }
        connection.write_all(&answer(stream)).unwrap();
    }
}

/// A connection that answers one request, and says that it has not looked at the next.
fn answer_one(connection: &mut dyn Duplex) {
    begin(connection);
    assert!(read_to(connection, 1));
    connection.write_all(&answer(1)).unwrap();
    assert!(read_to(connection, 3));
    connection.write_all(&go_away(1, "")).unwrap();
    connection.flush().unwrap();
    read_to(connection, 0xff);
}

/// As servers end connections for good: what they have not looked at they say, and it goes on another one at once.
#[test]
fn what_came_after_the_last_stream_of_a_closing_connection_is_sent_on_another() {
    let stage = Stage::new("http2_go_away");
    let connections = AtomicUsize::new(0);
    let receiver = RawReceiver::start(Some(&options(&stage)), move |connection| {
        if connections.fetch_add(1, Ordering::SeqCst) == 0 {
            return answer_one(connection);
        }
        begin(connection);
        answer_all(connection, 1);
    });
    subscribe(&stage, &receiver.url("/"), "");
    let _relay = stage.relay();
    stage.emit(1);
    stage.wait_until_drained();
    stage.emit(1);
    stage.wait_until_drained();
    assert_eq!(receiver.connections(), 2);
    assert_eq!(stage.count("outbox.attempt where class = 'delivered' and attempt = 1"), 2);
}

/// A subscriber of several servers, one of which takes HTTP/1.1 only: the request is one of that protocol then.
#[test]
fn what_goes_on_over_http_1_after_all_is_a_request_of_http_1() {
    let stage = Stage::new("http2_then_1");
    let tls = TlsOptions::new(stage.authority.server(&LOCAL)).http2_at_first(1);
    let (connections, seen) = (AtomicUsize::new(0), Arc::new(Mutex::new(String::new())));
    let request = Arc::clone(&seen);
    let receiver = RawReceiver::start(Some(&tls), move |connection| {
        if connections.fetch_add(1, Ordering::SeqCst) > 0 {
            *request.lock().unwrap() = String::from_utf8_lossy(&read_request(connection)).into_owned();
            return connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        }
        answer_one(connection);
    });
    subscribe(&stage, &receiver.url("/hook?a=1"), "");
    let _relay = stage.relay();
    stage.emit(1);
    stage.wait_until_drained();
    stage.emit(1);
    stage.wait_until_drained();
    assert_eq!(stage.count("outbox.attempt where class = 'delivered' and attempt = 1"), 2);
    let seen = seen.lock().unwrap().to_lowercase();
    assert!(seen.starts_with("post /hook?a=1 http/1.1\r\n"), "{seen}");
    assert!(seen.contains(&format!("\r\nhost: localhost:{}\r\n", receiver.port())), "{seen}");
}

/// The text in a GOAWAY is the subscriber's own: it may be our request, of any length, or look like what TLS says.
#[test]
fn nothing_is_repeated_or_believed_of_what_a_subscriber_says_when_it_goes_away() {
    let stage = Stage::new("http2_words");
    for words in ["alert certificate required: Hunter2-secret".to_owned(), "Hunter2".repeat(2000)] {
        for last_stream in [0, 1] {
            let words = words.clone();
            let receiver = RawReceiver::start(Some(&options(&stage)), move |connection| {
                begin(connection);
                assert!(read_to(connection, 1));
                connection.write_all(&go_away(last_stream, &words)).unwrap();
                connection.flush().unwrap();
                read_to(connection, 0xff);
            });
            let id = subscribe(&stage, &receiver.url("/"), ", max_attempts => 1");
            stage.db.psql(&format!("select outbox.ping({id})"));
            let log = stage.once().stderr;
            let row = stage.attempts().pop().unwrap();
            let expected = [("not_sent", "http2_go_away"), ("unknown", "connection_lost")];
            assert_eq!((text(&row, "class"), text(&row, "error_class")), expected[usize::from(last_stream)]);
            assert!(!row.to_string().contains("Hunter2") && !log.contains("Hunter2"), "{row} {log}");
            assert!(text(&row, "error").len() < 600, "{row}");
            stage.db.psql(&format!("select outbox.unsubscribe({id})"));
        }
    }
}

#[test]
fn what_a_connection_ends_with_says_what_can_have_been_seen() {
    let stage = Stage::new("http2_ends");
    let connections = AtomicUsize::new(0);
    let receiver = RawReceiver::start(Some(&options(&stage)), move |connection| {
        match connections.fetch_add(1, Ordering::SeqCst) {
            // Before it has said how many streams it takes: nothing was sent.
            0 => connection.read_exact(&mut [0; 24]).unwrap(),
            // It says that it has looked at nothing.
            1 => {
                begin(connection);
                assert!(read_to(connection, 1));
                connection.write_all(&go_away(0, "")).unwrap();
                connection.flush().unwrap();
                read_to(connection, 0xff);
            }
            // It has looked at the request, and ends.
            2 => {
                begin(connection);
                assert!(read_to(connection, 1));
                connection.write_all(&go_away(1, "")).unwrap();
            }
            // It says nothing.
            3 => {
                begin(connection);
                assert!(read_to(connection, 1));
            }
            // No HTTP/2 at all.
            4 => connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap(),
            _ => {
                begin(connection);
                answer_all(connection, 1);
            }
        }
    });
    subscribe(&stage, &receiver.url("/"), "");
    stage.emit(1);
    let _relay = stage.relay();
    stage.wait_until_drained();
    let told: Vec<_> = stage
        .attempts()
        .iter()
        .map(|row| format!("{} {}", text(row, "class"), text(row, "error_class")))
        .collect();
    assert_eq!(
        told,
        [
            "not_sent connection_closed",
            "not_sent http2_go_away",
            "unknown connection_lost",
            "unknown connection_lost",
            "not_sent connection_closed",
            "delivered "
        ],
        "{:?}",
        stage.attempts()
    );
}

/// Over HTTP/2 the alert is seldom what a request ends with; but nothing was sent, and that is known each time.
#[test]
fn a_refused_client_certificate_is_never_taken_for_a_request_that_was_sent() {
    let stage = Stage::new("http2_refused");
    let stranger = Authority::new("another authority");
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let tls = TlsOptions::new(stage.authority.server(&LOCAL)).require_client(&stranger.pem());
        let receiver = Receiver::start(&ReceiverOptions::tls(tls.http2().versions(version, version)));
        let id = subscribe(&stage, &receiver.url("/"), ", max_attempts => 20");
        stage.emit(1);
        let relay = stage.relay();
        stage.wait_until_drained();
        drop(relay);
        let rows = stage.attempts();
        let rows: Vec<_> = rows.iter().filter(|row| row["subscription"].as_i64() == Some(id)).collect();
        assert_eq!(rows.len(), 20);
        for row in rows {
            assert_eq!(text(row, "class"), "not_sent", "{row}");
            assert!(text(row, "error").contains("client certificate"), "{row}");
        }
        assert_eq!(receiver.count(), 0);
        stage.db.psql(&format!("select outbox.unsubscribe({id})"));
    }
}

/// Requests that wait for the same connection fail with it, not one after another.
#[test]
fn who_waits_for_a_connection_that_cannot_be_had_has_its_answer() {
    let stage = Stage::new("http2_away");
    let receiver = receiver(&stage);
    subscribe(&stage, &receiver.url("/"), ", concurrency => 8");
    receiver.stop();
    stage.emit(8);
    let _relay = stage.relay();
    stage.db.wait_until(
        "select count(*) >= 16 from outbox.attempt where class = 'not_sent' and error_class = 'connect'",
        SOON,
    );
    receiver.start_again();
    stage.wait_until_drained();
    assert_eq!(receiver.count(), 8);
    assert_eq!(receiver.connections(), 1);
    // What was opened under a certificate that is out of date is used no more.
    receiver.stop();
    receiver.start_again();
    stage.emit(2);
    stage.wait_until_drained();
    assert_eq!((receiver.count(), receiver.connections()), (10, 2));
}

/// Who closes every connection, as one does that does not take our certificate, is not called more often than over HTTP/1.1.
#[test]
fn a_new_connection_that_is_closed_at_once_is_one_attempt() {
    let stage = Stage::new("http2_closed");
    let tls = TlsOptions::new(stage.authority.server(&LOCAL));
    let closes = RawReceiver::start(Some(&tls), |_| {});
    subscribe(&stage, &closes.url("/"), ", max_attempts => 1");
    stage.emit(1);
    assert_eq!(stage.once().stdout, "delivered 0, will retry 0, dead 1, cancelled 0\n");
    assert_eq!(closes.connections(), 1);
}
