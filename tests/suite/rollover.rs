//! A certificate and its successor: who takes which is found out, and nobody misses a POST by it.

use std::fs;
use std::path::Path;

use openssl::ssl::SslVersion;
use serde_json::Value;

use crate::stage::{LOCAL, SOON, Stage, outboxd, text};
use crate::support::{Authority, CertPair, Receiver, ReceiverOptions, Reply, TlsOptions, write_identity};

const TAKEN: &str = "the next certificate is taken, and used from now on";
const REFUSED: &str = "the next certificate is refused; the current one stays in use";

/// As it stands in the log.
fn told(words: &str, receiver: &Receiver) -> String {
    format!("{words} identity=\"default\" destination=\"localhost:{}\"", receiver.port())
}

/// Puts a successor beside the certificate of `default`.
fn write_next(stage: &Stage, pair: Option<&CertPair>) {
    let folder = stage.identities().join("default");
    match pair {
        Some(_) => write_identity(&folder, "next", pair, None),
        None => fs::remove_dir_all(folder.join("next")).unwrap(),
    }
}

/// A subscriber that takes certificates of these authorities. Under TLS 1.2 a refusal is never overtaken by a reset.
fn subscriber(stage: &Stage, trusted: &str, version: SslVersion) -> Receiver {
    let options = TlsOptions::new(stage.authority.server(&LOCAL)).require_client(trusted);
    Receiver::start(&ReceiverOptions::tls(options.versions(SslVersion::TLS1_2, version)))
}

fn names(receiver: &Receiver) -> Vec<String> {
    receiver.requests().into_iter().map(|request| request.peer_common_name.unwrap()).collect()
}

fn emit(stage: &Stage) {
    stage.emit(1);
    stage.wait_until_drained();
}

#[test]
fn each_subscriber_is_shown_the_certificate_that_it_takes() {
    let stage = Stage::new("rollover");
    let other = Authority::new("the new authority");
    let [old_ca, new_ca] = [stage.authority.pem(), other.pem()];
    write_next(&stage, Some(&other.client("successor")));
    let old = subscriber(&stage, &old_ca, SslVersion::TLS1_2);
    let new = subscriber(&stage, &new_ca, SslVersion::TLS1_2);
    let modern = subscriber(&stage, &new_ca, SslVersion::TLS1_3);
    for (receiver, settings) in
        [(&old, ""), (&new, ""), (&modern, "backoff_base => '1 ms', backoff_cap => '1 ms'")]
    {
        stage.subscribe_url(&receiver.url("/"), settings);
    }
    let relay = stage.relay();
    emit(&stage);
    for (receiver, words) in [(&old, REFUSED), (&new, TAKEN), (&modern, TAKEN)] {
        relay.wait_for_line(&told(words, receiver), SOON);
    }
    for _ in 0..2 {
        emit(&stage);
    }
    assert_eq!(names(&old), ["relay"; 3]);
    assert_eq!(names(&new), ["successor"; 3]);
    assert_eq!(names(&modern), ["successor"; 3]);
    // Where the refusal is told in the handshake, the other certificate is tried in the same attempt.
    let failed = "outbox.delivery_history where class <> 'delivered' and endpoint";
    for receiver in [&old, &new] {
        assert_eq!(stage.count(&format!("{failed} like '%:{}%'", receiver.port())), 0);
    }
    let shown = |receiver: &Receiver| {
        let query = format!(
            "select string_agg(distinct tls ->> 'which', ' ') from outbox.delivery_history \
             where class = 'delivered' and endpoint like '%:{}%'",
            receiver.port()
        );
        stage.db.psql(&query)
    };
    assert_eq!([shown(&old), shown(&new), shown(&modern)], ["current", "next", "next"]);
}

/// Over HTTP/2 connections are shared: not those of one certificate with those of the other.
#[test]
fn the_successor_is_shown_over_http_2_as_well() {
    let stage = Stage::new("rollover_http2");
    let other = Authority::new("the new authority");
    write_next(&stage, Some(&other.client("successor")));
    let both = format!("{}{}", stage.authority.pem(), other.pem());
    let [either, new] = [both.as_str(), &other.pem()].map(|trusted| {
        let options = TlsOptions::new(stage.authority.server(&LOCAL)).require_client(trusted).http2();
        Receiver::start(&ReceiverOptions::tls(options))
    });
    for receiver in [&either, &new] {
        stage.subscribe_url(
            &receiver.url("/"),
            "http2 => true, backoff_base => '1 ms', backoff_cap => '1 ms'",
        );
    }
    let relay = stage.relay();
    emit(&stage);
    for receiver in [&either, &new] {
        relay.wait_for_line(&told(TAKEN, receiver), SOON);
    }
    emit(&stage);
    assert_eq!(names(&new), ["successor"; 2], "whoever takes no other is sent nothing under the old one");
    assert_eq!(names(&either).last().unwrap(), "successor");
    for receiver in [&either, &new] {
        assert!(receiver.requests().iter().all(|request| request.version == "HTTP/2.0"));
    }
}

#[test]
fn after_a_reload_everybody_is_asked_again() {
    let stage = Stage::new("rollover_reload");
    stage.subscribe("");
    let other = Authority::new("the new authority");
    write_next(&stage, Some(&other.client("stranger")));
    let relay = stage.relay();
    emit(&stage);
    relay.wait_for_line(&told(REFUSED, &stage.receiver), SOON);
    emit(&stage);
    write_next(&stage, Some(&stage.authority.client("successor")));
    relay.signal("HUP");
    relay.wait_for_line("certificates were read again", SOON);
    emit(&stage);
    relay.wait_for_line(&told(TAKEN, &stage.receiver), SOON);
    emit(&stage);
    let mark = relay.mark();
    write_next(&stage, None);
    relay.signal("HUP");
    relay.wait_for_line_from(mark, "certificates were read again", SOON);
    emit(&stage);
    assert_eq!(names(&stage.receiver), ["relay", "relay", "relay", "successor", "relay"]);
    assert_eq!(stage.count("outbox.attempt where class <> 'delivered'"), 0, "no POST was what found out");
}

#[test]
fn one_that_has_ended_gives_way_to_its_successor_and_one_that_is_not_valid_yet_is_left_alone() {
    let stage = Stage::new("rollover_ended");
    stage.subscribe("max_attempts => 1");
    let ca = stage.authority.pem();
    write_identity(stage.identities(), "default", Some(&stage.authority.client_expired("ended")), Some(&ca));
    write_next(&stage, Some(&stage.authority.client("successor")));
    stage.emit(1);
    assert!(stage.once().stdout.starts_with("delivered 1,"));
    write_identity(stage.identities(), "default", Some(&stage.authority.client("relay")), Some(&ca));
    write_next(&stage, Some(&stage.authority.client_expired("ended")));
    stage.emit(1);
    assert!(stage.once().stdout.starts_with("delivered 1,"));
    assert_eq!(names(&stage.receiver), ["successor", "relay"]);
}

#[test]
fn half_a_successor_is_refused_at_the_start() {
    let home = tempfile::tempdir().unwrap();
    let authority = Authority::new("half");
    write_identity(home.path(), "default", Some(&authority.client("relay")), None);
    write_identity(&home.path().join("default"), "next", Some(&authority.client("successor")), None);
    fs::remove_file(home.path().join("default/next/tls.key")).unwrap();
    let read = |folder: &Path| outboxd::identity::Identities::read(Some(folder));
    let problems = read(home.path()).err().expect("refused");
    assert!(problems[0].to_string().ends_with("default/next has tls.crt but not tls.key"), "{problems:?}");
    fs::remove_file(home.path().join("default/next/tls.crt")).unwrap();
    assert!(
        read(home.path()).is_ok_and(|read| read.get(None).unwrap().next.is_none()),
        "an empty one is none"
    );
    let pair = authority.client("relay");
    write_identity(home.path(), "default", Some(&pair), None);
    write_identity(&home.path().join("default"), "next", Some(&pair), None);
    assert!(
        read(home.path()).is_ok_and(|read| read.get(None).unwrap().next.is_none()),
        "it has taken its place"
    );
}

#[test]
fn the_ledger_says_which_certificates_were_shown() {
    let stage = Stage::new("tls_facts");
    stage.subscribe("max_attempts => 1");
    stage.emit(1);
    stage.once();
    let stranger = Authority::new("stranger").client("stranger");
    write_identity(stage.identities(), "default", Some(&stranger), Some(&Authority::new("other").pem()));
    stage.emit(1);
    stage.once();
    let plain = Receiver::start(&ReceiverOptions::plain());
    stage.db.psql(&format!(
        "update outbox.setting set http_allowed = true; update outbox.subscription set url = '{}'",
        plain.url("/")
    ));
    stage.emit(1);
    stage.once();
    let attempts = stage.attempts();
    let fact = |at: usize, name: &str| attempts[at]["tls"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        ["identity", "which", "peer_name", "peer_until"].map(|name| fact(0, name)),
        ["default", "current", "localhost", "2090-01-01"]
    );
    assert!(["certificate", "peer"].iter().all(|name| fact(0, name).len() == 16), "{}", attempts[0]["tls"]);
    assert_eq!(text(&attempts[1], "error_class"), "tls_unknown_ca");
    assert_ne!(fact(1, "certificate"), fact(0, "certificate"));
    assert_eq!(
        (fact(1, "which").as_str(), fact(1, "peer").as_str()),
        ("current", ""),
        "there was no connection"
    );
    assert_eq!((text(&attempts[2], "class"), &attempts[2]["tls"]), ("delivered", &Value::Null));
}

/// A token is asked for by whichever certificate the token endpoint takes, as a POST is sent.
#[test]
fn a_token_endpoint_is_shown_the_certificate_that_it_takes() {
    let stage = Stage::new("rollover_oauth");
    let other = Authority::new("the new authority");
    write_next(&stage, Some(&other.client("successor")));
    let endpoint = subscriber(&stage, &other.pem(), SslVersion::TLS1_2);
    endpoint.reply(
        Reply::status(200).body(r#"{"access_token": "token", "token_type": "Bearer", "expires_in": 0}"#),
    );
    stage.subscribe(&format!(
        "auth => '{{\"type\": \"oauth2\", \"token_url\": \"{}\", \"client_id\": \"us\", \"secret\": \"acme\"}}'",
        endpoint.url("/token")
    ));
    let (url, identities) = (stage.db.url(), stage.identities().to_str().unwrap().to_owned());
    let arguments = ["run", "--database-url", &url, "--identities", &identities, "--poll-ms", "20"];
    let relay = outboxd().spawn(&arguments, &[("OUTBOXD_SECRET_ACME", "hush")]);
    emit(&stage);
    relay.wait_for_line(&told(TAKEN, &endpoint), SOON);
    emit(&stage);
    assert_eq!(names(&endpoint), ["successor"; 2]);
    assert_eq!(names(&stage.receiver), ["relay"; 2]);
    assert_eq!(stage.count("outbox.attempt where class <> 'delivered'"), 0, "the first attempt has a token");
}
