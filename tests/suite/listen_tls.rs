//! TLS between a relay and `outboxd listen`: each way it can fail as a line here that says what to do, and a row there.

use tempfile::TempDir;

use crate::listening::Listening;
use crate::stage::{SOON, Stage, text};
use crate::support::{Authority, CertPair, write_identity};

/// A receiver with this certificate that wants a client's of the stage's authority.
fn mutual(stage: &Stage, home: &TempDir, pair: &CertPair) -> Listening {
    write_identity(home.path(), "receiver", Some(pair), Some(&stage.authority.pem()));
    Listening::start(&["--tls", home.path().join("receiver").to_str().unwrap()])
}

/// One attempt at a URL with an identity fails: the `error_class` of its row.
fn attempt(stage: &Stage, url: &str, identity: &str) -> String {
    let settings = format!("max_attempts => 1, deadline => '5 s', identity => '{identity}'");
    let subscription = stage.subscribe_url(url, &settings);
    stage.db.psql(&format!("select outbox.ping({subscription})"));
    assert_eq!(stage.once().code, 0);
    let row = stage.attempts().pop().unwrap();
    assert_eq!((row["subscription"].as_i64(), text(&row, "outcome")), (Some(subscription), "dead"), "{row}");
    stage.db.psql(&format!("select outbox.unsubscribe({subscription})"));
    text(&row, "error_class").to_owned()
}

#[test]
fn a_certificate_that_does_not_hold_is_a_line_that_helps() {
    let stage = Stage::new("listen_certificates");
    let (homes, stranger) = ([(); 2].map(|()| tempfile::tempdir().unwrap()), Authority::new("stranger"));
    let (ours, pem) = (&stage.authority, stage.authority.pem());
    for (name, pair, ca) in [
        ("bare", None, &pem),
        ("stranger", Some(stranger.client("a stranger")), &pem),
        ("expired", Some(ours.client_expired("an old one")), &pem),
        ("server", Some(ours.client_with_server_usage("a server")), &pem),
        ("distrustful", Some(ours.client("relay")), &stranger.pem()),
    ] {
        write_identity(stage.identities(), name, pair.as_ref(), Some(ca));
    }
    let listening = mutual(&stage, &homes[0], &ours.server(&["localhost"]));
    let ours = "tls_client_certificate";
    for (identity, line, error) in [
        ("bare", "the client showed no certificate: does the relay run with --identities", ours),
        ("stranger", "the client's certificate (a stranger) is not signed by the CA in our ca.crt", ours),
        ("expired", "the client's certificate (an old one) has expired", ours),
        ("server", "the client's certificate (a server) is not made for clients", ours),
        ("distrustful", "the client does not trust our certificate: its ca.crt", "tls_unknown_ca"),
    ] {
        assert_eq!(attempt(&stage, &listening.url, identity), error, "{identity}");
        let told = listening.process.wait_for_line(line, SOON);
        assert!(told.contains("no connection with 127.0.0.1:"), "{told}");
    }
    let misnamed = mutual(&stage, &homes[1], &stage.authority.server(&["elsewhere.example"]));
    assert_eq!(attempt(&stage, &misnamed.url, "default"), "tls_wrong_name");
    misnamed.process.wait_for_line("the host in the URL is not among the certificate's names", SOON);
    assert_eq!(stage.count("outbox.attempt where class <> 'not_sent'"), 0);
}

#[test]
fn a_certificate_that_has_expired_is_told_at_the_start() {
    let (stage, home) = (Stage::new("listen_expired"), tempfile::tempdir().unwrap());
    let listening = mutual(&stage, &home, &stage.authority.server_expired(&["localhost"]));
    listening.process.wait_for_line("tls.crt has expired, and clients will refuse it", SOON);
    assert_eq!(attempt(&stage, &listening.url, "default"), "tls_expired");
    listening.process.wait_for_line("the client says that our certificate has expired", SOON);
}

#[test]
fn the_wrong_scheme_is_named() {
    let (stage, home) = (Stage::new("listen_schemes"), tempfile::tempdir().unwrap());
    stage.db.psql("update outbox.setting set http_allowed = true");
    let encrypted = mutual(&stage, &home, &stage.authority.server(&["localhost"]));
    assert_eq!(attempt(&stage, &encrypted.url.replace("https", "http"), "default"), "");
    encrypted.process.wait_for_line("this port speaks TLS, and plain HTTP came", SOON);
    let row = stage.attempts().pop().unwrap();
    assert!(text(&row, "response").contains("the URL must begin with https://"), "{row}");
    let plain = Listening::start(&[]);
    assert_eq!(attempt(&stage, &plain.url.replace("http", "https"), "default"), "tls_handshake");
    plain.process.wait_for_line("a TLS handshake came, and this port speaks plain HTTP", SOON);
}

#[test]
fn without_a_ca_no_certificate_is_asked_for() {
    let stage = Stage::new("listen_one_way");
    let home = tempfile::tempdir().unwrap();
    write_identity(home.path(), "receiver", Some(&stage.authority.server(&["localhost"])), None);
    let listening = Listening::start(&["--tls", home.path().join("receiver").to_str().unwrap()]);
    listening.process.wait_for_line("clients need no certificate: there is no ca.crt", SOON);
    stage.subscribe_url(&listening.url, "");
    stage.emit(1);
    assert_eq!(stage.once().stdout, "delivered 1, will retry 0, dead 0, cancelled 0\n");
    let line = listening.process.wait_for_line("not verified Order.Update, ", SOON);
    assert!(line.contains(" ms old, answered 200: {\"n\": 1}"), "{line}");
}
