//! Asks a relay's ops listener, byte by byte if need be.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::exposition::Exposition;
use crate::stage::SOON;
use crate::support::RelayProcess;

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// In lower case, with the values as they came.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A relay's ops listener.
pub(super) struct Ops(pub(super) SocketAddr);

impl Ops {
    /// The listener of a relay that was started with `--ops-listen 0`.
    pub(super) fn of(relay: &RelayProcess) -> Self {
        let line = relay.wait_for_line("ops listener at http://", SOON);
        let address = line.split_once("http://").unwrap().1.split(": ").next().unwrap();
        Self(address.parse().unwrap())
    }

    /// A connection.
    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.0).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream
    }

    /// Sends bytes and reads to the end; `None` when the connection ended without an answer.
    pub(super) fn send(&self, bytes: &[u8]) -> Option<Answer> {
        let mut stream = self.connect();
        // A server that has refused already may have closed: what it said is still to be read.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        (!answer.is_empty()).then(|| parse(&answer))
    }

    /// GET of a path.
    pub(super) fn get(&self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).expect("an answer")
    }

    /// What `/metrics` says.
    pub(super) fn metrics(&self) -> Exposition {
        let answer = self.get("/metrics");
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        Exposition::parse(&answer.body)
    }

    /// Asks until an answer is as wanted, and returns it.
    #[track_caller]
    pub(super) fn wait_until(&self, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
        // A relay measures again after a hundred times what measuring took.
        let deadline = Instant::now() + 3 * SOON;
        loop {
            let answer = self.get(path);
            if wanted(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{path} still says {answer:?}");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Asks until it is ready.
    #[track_caller]
    pub(super) fn wait_until_ready(&self) {
        self.wait_until("/readyz", |answer| answer.status == 200 && answer.body == "ready\n");
    }

    /// Asks until it is not ready for a reason, and returns that line.
    #[track_caller]
    pub(super) fn wait_until_unready(&self, reason: &str) -> String {
        let told = |answer: &Answer| answer.status == 503 && answer.body.contains(reason);
        let answer = self.wait_until("/readyz", told);
        answer.body.lines().find(|line| line.contains(reason)).unwrap().to_owned()
    }

    /// Waits until the metrics are as wanted, and returns them.
    #[track_caller]
    pub(super) fn wait_for_metrics(&self, wanted: impl Fn(&Exposition) -> bool) -> Exposition {
        let answer = self.wait_until("/metrics", |answer| wanted(&Exposition::parse(&answer.body)));
        Exposition::parse(&answer.body)
    }
}

fn parse(bytes: &[u8]) -> Answer {
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text}"));
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let header =
        |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Answer { status, headers: lines.filter_map(header).collect(), body: body.to_owned() }
}
