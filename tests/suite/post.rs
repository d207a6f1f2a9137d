//! `outboxd post`: one POST without a database.

use std::process::Command;

use serde_json::Value;

use crate::installing::expect_text;
use crate::stage::{LOCAL, outboxd};
use crate::support::{Authority, Output, Receiver, ReceiverOptions, Reply, verify_signature, write_identity};

/// The receivers are on this machine.
const HERE: &str = "--allow-address 127.0.0.0/8";

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

struct Meeting {
    receiver: Receiver,
    identities: tempfile::TempDir,
}

impl Meeting {
    fn new() -> Self {
        let authority = Authority::new("post authority");
        let options = ReceiverOptions::mutual(authority.server(&LOCAL), &authority.pem());
        let identities = tempfile::tempdir().unwrap();
        write_identity(identities.path(), "acme", Some(&authority.client("relay")), Some(&authority.pem()));
        Self { receiver: Receiver::start(&options), identities }
    }

    fn posts(&self, further: &[&str]) -> Output {
        let (url, folder) = (self.receiver.url("/hook"), self.identities.path().to_str().unwrap());
        let mut arguments = vec!["post", "--to", &url, "--identities", folder, "--identity", "acme"];
        arguments.extend(further);
        outboxd().run(&arguments, &[])
    }
}

#[test]
fn a_ping_is_signed_and_shows_our_certificate() {
    let meeting = Meeting::new();
    meeting.receiver.reply(Reply::status(202).body("thank you \u{1b}[31m"));
    let output = meeting.posts(&["--secret", SECRET, "--header", "X-Team: billing"]);
    assert_eq!(output.code, 0, "{output:?}");
    expect_text(&output.stdout, "delivered: 202 after ");
    expect_text(&output.stdout, "thank you \u{fffd}[31m");
    let request = meeting.receiver.requests().remove(0);
    verify_signature(SECRET, &request).unwrap();
    assert_eq!(request.peer_common_name.as_deref(), Some("relay"));
    assert_eq!(request.header("x-team"), Some("billing"));
    assert_eq!(request.json()["type"], "outbox.ping");
    assert_eq!(request.json()["timestamp"].as_str().map(str::len), Some("2026-01-31T12:00:00.123456Z".len()));
    expect_text(&output.stdout, request.header("webhook-id").unwrap());
}

#[test]
fn a_file_is_sent_as_it_is_and_a_refusal_fails() {
    let meeting = Meeting::new();
    meeting.receiver.reply(Reply::status(401));
    let file = meeting.identities.path().join("body.json");
    std::fs::write(&file, "{\"a\": 12345678901234567890.10}\n").unwrap();
    let output = meeting.posts(&["--file", file.to_str().unwrap()]);
    assert_eq!(output.code, 1, "{output:?}");
    expect_text(&output.stdout, "rejected after ");
    expect_text(&output.stdout, "check headers, auth, identity and signing secret");
    let request = meeting.receiver.requests().remove(0);
    assert_eq!(request.body, "{\"a\": 12345678901234567890.10}\n");
    assert_eq!(request.header("webhook-signature"), None);
    assert!(matches!(request.json(), Value::Object(_)));
}

#[test]
fn nobody_there_is_said_and_wrong_options_are_told_at_once() {
    let output = outboxd().run(&["post", "--to", "http://127.0.0.1:1/"], &[]);
    assert_eq!(output.code, 1, "{output:?}");
    expect_text(&output.stdout, "not sent after ");
    expect_text(&output.stdout, "127.0.0.1:1");
    let wrong = ["--secret", "whsec_?", "--header", "no colon", "--deadline-s", "0", "--identity", "b"];
    let arguments = [&["post", "--to", "https://localhost:1/"], wrong.as_slice()].concat();
    let output = outboxd().run(&arguments, &[]);
    assert_eq!(output.code, 2, "{output:?}");
    for told in [
        "--deadline-s is 0",
        "--secret must be whsec_",
        "--header \"no colon\"",
        "identity \"b\" is not known",
    ] {
        expect_text(&output.stderr, told);
    }
    let output = outboxd().run(&["post", "--to", "ftp://here/", "--file", "/nowhere"], &[]);
    assert_eq!(output.code, 2, "{output:?}");
    expect_text(&output.stderr, "--to ftp://here/: its URL cannot be used: ftp:// is not supported");
}

#[test]
fn a_reader_who_went_away_stops_nothing_and_a_full_disk_is_an_error() {
    let meeting = Meeting::new();
    let binary = env!("CARGO_BIN_EXE_outboxd");
    let (url, folder) = (meeting.receiver.url("/hook"), meeting.identities.path().display().to_string());
    let shell = |line: &str| Command::new("sh").args(["-c", line]).output().unwrap();
    let closed = format!(
        "({binary} post --to {url} --identities {folder} --identity acme {HERE}; echo ended $? >&2) | true"
    );
    let output = shell(&closed);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "ended 0\n");
    assert_eq!(meeting.receiver.count(), 1);
    let output = shell(&format!("{binary} migrate --print > /dev/full"));
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("outboxd: cannot write to standard output: No space left"), "{said}");
    let output = shell(&format!("{binary} migrate --database-url nonsense 2>/dev/full"));
    assert_eq!(output.status.code(), Some(2));
}
