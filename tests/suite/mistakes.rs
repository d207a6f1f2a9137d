//! The first mistakes of a newcomer: what the ledger says about each is a sentence that says what to do.

use crate::stage::{LOCAL, Stage, outboxd, text};
use crate::support::{Authority, RawReceiver, Receiver, ReceiverOptions, Reply, read_request};

/// One attempt at a URL; `(error_class or status, error)` of its row. Without `identities` as a newcomer runs it.
fn attempt(stage: &Stage, url: &str, identities: bool, reply: Option<Reply>) -> (String, String) {
    attempt_within("20 s", stage, url, identities, reply)
}

/// As [`attempt`], under another deadline.
fn attempt_within(
    deadline: &str,
    stage: &Stage,
    url: &str,
    identities: bool,
    reply: Option<Reply>,
) -> (String, String) {
    stage.db.psql("update outbox.setting set http_allowed = true");
    let subscription = stage.subscribe_url(url, &format!("max_attempts => 1, deadline => '{deadline}'"));
    stage.db.psql(&format!("select outbox.ping({subscription})"));
    if let Some(reply) = reply {
        stage.receiver.reply(reply);
    }
    let output = if identities {
        stage.once()
    } else {
        outboxd().run(&["run", "--once"], &[("DATABASE_URL", &stage.db.url())])
    };
    assert_eq!(output.code, 0, "{output:?}");
    stage.db.psql(&format!("select outbox.unsubscribe({subscription})"));
    let row = stage.attempts().pop().unwrap();
    let class = match row["status"].as_i64() {
        Some(status) => status.to_string(),
        None => text(&row, "error_class").to_owned(),
    };
    (class, text(&row, "error").to_owned())
}

#[track_caller]
fn assert_says(told: &(String, String), class: &str, sentences: &[&str]) {
    assert_eq!(told.0, class, "{}", told.1);
    for sentence in sentences {
        assert!(told.1.contains(sentence), "{}\nlacks: {sentence}", told.1);
    }
}

#[test]
fn a_place_where_nobody_is_names_what_to_check() {
    let stage = Stage::new("mistake_place");
    let closed = Receiver::start(&ReceiverOptions::plain());
    closed.stop();
    let told = attempt(&stage, &closed.url("/"), true, None);
    assert_says(
        &told,
        "connect",
        &["Connection refused", "check host and port of the URL, or start the subscriber"],
    );
    let told = attempt(&stage, "https://hooks.nowhere.invalid/", true, None);
    assert_says(&told, "dns", &["check how the URL's host is spelt", "getent hosts hooks.nowhere.invalid"]);
}

#[test]
fn the_wrong_scheme_is_told_in_both_directions() {
    let stage = Stage::new("mistake_scheme");
    let plain = Receiver::start(&ReceiverOptions::plain());
    let told = attempt(&stage, &plain.url("/").replace("http://", "https://"), true, None);
    let way_out = "begins with http://, after update outbox.setting set http_allowed = true";
    assert_says(&told, "tls_not_spoken", &["does not speak TLS on this port", way_out]);
    // What a TLS server says to a plain request: an alert.
    let tls = RawReceiver::start(None, |stream| {
        read_request(stream);
        drop(stream.write_all(&[0x15, 3, 1, 0, 2, 2, 0x46]));
    });
    let told = attempt(&stage, &tls.url("/"), true, None);
    assert_says(&told, "malformed_response", &["if that port speaks TLS, the URL must begin with https://"]);
}

#[test]
fn certificates_that_are_lacking_are_named_with_their_place() {
    let stage = Stage::new("mistake_certificates");
    let stranger = Receiver::start(&ReceiverOptions::https(Authority::new("stranger").server(&LOCAL)));
    let url = stranger.url("/");
    let told = attempt(&stage, &url, false, None);
    let way_out =
        "put it as ca.crt into the folder FOLDER/default, and start the relay with --identities FOLDER";
    assert_says(&told, "tls_unknown_ca", &["where it is self-signed", "the system's store", way_out]);
    let told = attempt(&stage, &url, true, None);
    assert_says(&told, "tls_unknown_ca", &["default/ca.crt; add it there and send the relay SIGHUP"]);
    // Trusts the subscriber and shows nothing.
    std::fs::remove_file(stage.identities().join("default/tls.crt")).unwrap();
    std::fs::remove_file(stage.identities().join("default/tls.key")).unwrap();
    let mut named = false;
    for _ in 0..5 {
        let told = attempt(&stage, &stage.receiver.url("/"), true, None);
        // Under TLS 1.3 a reset may overtake the alert: then it is hinted at.
        assert_says(
            &(told.0.clone(), told.1.clone()),
            &told.0,
            &["client certificate", "no tls.crt and tls.key"],
        );
        if told.0 == "tls_client_certificate" {
            let folder = stage.identities().join("default");
            let way_out = format!("into {} and send the relay SIGHUP", folder.display());
            assert_says(&told, "tls_client_certificate", &["put tls.crt and tls.key", &way_out]);
            named = true;
            break;
        }
    }
    assert!(named, "never named in 5 tries");
}

#[test]
fn the_wrong_name_is_told() {
    let stage = Stage::new("mistake_name");
    let receiver = Receiver::start(&ReceiverOptions::https(stage.authority.server(&["elsewhere.example"])));
    let told = attempt(&stage, &receiver.url("/"), true, None);
    assert_says(&told, "tls_wrong_name", &["fix the URL, or the certificate's subjectAltName"]);
}

#[test]
fn answers_that_are_no_success_say_where_to_look() {
    let stage = Stage::new("mistake_answers");
    let url = stage.receiver.url("/hook");
    for (reply, class, sentence) in [
        (Reply::status(401), "401", "check headers, auth, identity and signing secret"),
        (Reply::status(403), "403", "check headers, auth, identity and signing secret"),
        (Reply::status(404), "404", "it takes no POST at this path; check the path of the URL"),
        (Reply::status(405), "405", "it takes no POST at this path; check the path of the URL"),
        (Reply::status(301), "301", "redirects are not followed, subscribe the final URL"),
    ] {
        assert_says(&attempt(&stage, &url, true, Some(reply)), class, &[sentence]);
    }
    let told = attempt_within("1 s", &stage, &url, true, Some(Reply::hang()));
    assert_says(&told, "timeout", &["a subscriber should answer first and work afterwards"]);
}
