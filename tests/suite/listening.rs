//! `outboxd listen` as a test holds it: its lines, and webhooks sent to it by hand.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use standardwebhooks::Webhook;

use crate::stage::{SOON, outboxd};
use crate::support::RelayProcess;

/// A secret that signs in the tests.
pub(super) const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
/// Another one.
pub(super) const OTHER: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// What an event looks like.
pub(super) const BODY: &str = concat!(
    r#"{"type":"Order.Update","timestamp":"2026-01-31T12:00:00Z","object":"Order","object_id":"17","#,
    r#""data":{"id": 17}}"#
);

/// A receiver that runs.
pub(super) struct Listening {
    pub(super) process: RelayProcess,
    pub(super) address: SocketAddr,
    pub(super) url: String,
}

/// An answer: status, head and body.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Listening {
    /// On a free port, with further arguments.
    pub(super) fn start(arguments: &[&str]) -> Self {
        let mut all = vec!["listen", "--address", "0"];
        all.extend(arguments);
        let process = outboxd().spawn(&all, &[]);
        let line = process.wait_for_line("listening on ", SOON);
        let (url, address) = line["listening on ".len()..].split_once(' ').unwrap();
        // The last line of what it says of itself.
        process.wait_for_line("subscribe it: ", SOON);
        Self { address: address.trim_matches(['(', ')']).parse().unwrap(), url: url.to_owned(), process }
    }

    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream
    }

    /// Sends bytes over plain HTTP and reads one answer; `None` when the connection ended without one.
    pub(super) fn send(&self, bytes: &[u8]) -> Option<Answered> {
        let mut stream = self.connect();
        // A receiver that refuses may have closed: what it said is still to be read.
        let _ = stream.write_all(bytes);
        read_answer(&mut stream)
    }

    /// Sends a webhook that is signed with [`SECRET`] now.
    pub(super) fn webhook(&self, id: &str, body: &str) -> Option<Answered> {
        self.send(&signed(SECRET, id, now(), body, body))
    }

    /// The line, as JSON, that was printed as the n-th after the start; the first is 1. For `--json`.
    pub(super) fn json(&self, n: usize) -> Value {
        let nth = || self.process.lines().into_iter().filter(|line| line.starts_with('{')).nth(n - 1);
        let begun = std::time::Instant::now();
        while nth().is_none() && begun.elapsed() < SOON {
            std::thread::park_timeout(std::time::Duration::from_millis(5));
        }
        let line = nth().unwrap_or_else(|| panic!("no line {n}: {:?}", self.process.lines()));
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// A POST of `sent`, under the signature that belongs to `body`.
pub(super) fn signed(secret: &str, id: &str, timestamp: i64, body: &str, sent: &str) -> Vec<u8> {
    let signature = Webhook::new(secret).unwrap().sign(id, timestamp, body.as_bytes()).unwrap();
    let head = format!("webhook-timestamp: {timestamp}\r\nwebhook-signature: {signature}\r\n");
    post(&format!("webhook-id: {id}\r\n{head}"), sent.as_bytes())
}

/// A POST with these header lines.
pub(super) fn post(head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{head}\r\n");
    [head.as_bytes(), body].concat()
}

/// Reads an answer with a content-length.
pub(super) fn read_answer(stream: &mut TcpStream) -> Option<Answered> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return Some(Answered { status, head: head.to_lowercase(), body: body.to_owned() });
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
        }
    }
}
