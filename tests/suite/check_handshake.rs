//! `outboxd check --handshake`: endpoints are tried up to the first byte of a request, and not that.

use std::io::Read as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::check::found;
use crate::stage::{LOCAL, Stage, outboxd};
use crate::support::{
    Authority, RawReceiver, Receiver, ReceiverOptions, SslVersion, TlsOptions, write_identity,
};

/// What is found of one endpoint when nothing else is wrong.
fn tried(stage: &Stage, url: &str, identity: &str) -> Vec<(String, String, String)> {
    stage.db.psql(&format!(
        "delete from outbox.subscription; select outbox.report_relay('r', 'h', 1, '0.1.0', 'kept');
         select outbox.subscribe('acme', '*', '{url}', identity => '{identity}')"
    ));
    found(&stage.db.url(), &["--handshake", "--identities", stage.identities().to_str().unwrap()])
}

fn report(stage: &Stage) -> String {
    let arguments = ["check", "--handshake", "--identities", stage.identities().to_str().unwrap()];
    outboxd().run(&arguments, &[("DATABASE_URL", &stage.db.url()), ("COLUMNS", "500")]).stdout
}

#[test]
fn good_endpoints_are_told_with_what_they_ask_for() {
    let stage = Stage::new("shake_good");
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let options = TlsOptions::new(stage.authority.server(&LOCAL)).versions(version, version);
        let mutual =
            Receiver::start(&ReceiverOptions::tls(options.clone().require_client(&stage.authority.pem())));
        assert_eq!(tried(&stage, &mutual.url("/hook?token=x"), "default"), []);
        let told = report(&stage);
        let sentence = "demands a client certificate and takes that of identity default";
        assert!(
            told.contains(sentence) && told.contains("shows localhost, verified, valid until 2090-01-01"),
            "{told}"
        );
        let open = Receiver::start(&ReceiverOptions::tls(options));
        assert_eq!(tried(&stage, &open.url("/"), "default"), []);
        assert!(
            report(&stage)
                .contains("demands no client certificate, and would be shown that of identity default")
        );
        assert_eq!((mutual.count(), open.count()), (0, 0), "nothing was POSTed");
    }
    assert_eq!(stage.count("outbox.attempt"), 0);
}

/// Before the current certificate ends it is to be known who takes its successor.
#[test]
fn the_next_certificate_is_tried_as_well() {
    let stage = Stage::new("shake_next");
    let other = Authority::new("the new authority");
    write_identity(&stage.identities().join("default"), "next", Some(&other.client("successor")), None);
    let both = format!("{}{}", stage.authority.pem(), other.pem());
    for (trusted, current, next) in
        [(both.as_str(), true, true), (&stage.authority.pem(), true, false), (&other.pem(), false, true)]
    {
        let options = TlsOptions::new(stage.authority.server(&LOCAL)).require_client(trusted);
        let receiver = Receiver::start(&ReceiverOptions::tls(options));
        let bad = tried(&stage, &receiver.url("/"), "default");
        let levels: Vec<_> = bad.iter().map(|one| one.0.as_str()).collect();
        let expected: &[&str] = match (current, next) {
            (true, true) => &[],
            (true, false) => &["warning handshake"],
            _ => &["problem handshake"],
        };
        assert_eq!(levels, expected, "current {current}, next {next}: {bad:?}");
        let told = report(&stage);
        let sentence = |took: bool| {
            if took { "takes the next certificate" } else { "does not take the next certificate" }
        };
        assert!(told.contains(sentence(next)), "{told}");
    }
}

/// Every second connection is cut before the handshake is over.
#[test]
fn a_second_handshake_that_fails_otherwise_does_not_show_that_a_certificate_is_demanded() {
    let stage = Stage::new("shake_unknown");
    let acceptor = TlsOptions::new(stage.authority.server(&LOCAL)).acceptor();
    let nth = AtomicUsize::new(0);
    let moody = RawReceiver::start(None, move |stream| {
        if nth.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
            drop(acceptor.accept(stream).map(|mut stream| stream.read(&mut [0])));
        }
    });
    let bad = tried(&stage, &moody.url("/").replace("http:", "https:"), "default");
    assert_eq!(bad.len(), 1, "{bad:?}");
    let sentence = "whether it demands a client certificate is unknown";
    assert!(bad[0].0 == "warning handshake" && bad[0].1.contains(sentence), "{bad:?}");
}

#[test]
fn bad_endpoints_are_told_as_their_attempts_would_fail() {
    let stage = Stage::new("shake_bad");
    let (own, stranger) = (&stage.authority, Authority::new("stranger"));
    write_identity(stage.identities(), "none", None, Some(&own.pem()));
    write_identity(stage.identities(), "stranger", Some(&stranger.client("us")), Some(&own.pem()));
    let https = |pair| Receiver::start(&ReceiverOptions::https(pair));
    let (wrong_ca, wrong_name) = (https(stranger.server(&LOCAL)), https(own.server(&["elsewhere.example"])));
    let expired = https(own.server_expired(&LOCAL));
    let plain = Receiver::start(&ReceiverOptions::plain());
    let closed = Receiver::start(&ReceiverOptions::plain());
    closed.stop();
    let silent = RawReceiver::start(None, |stream| {
        drop(stream.read(&mut [0; 4096]).and_then(|_| stream.read(&mut [0])));
    });
    let https_url = |url: String| url.replace("http://", "https://");
    for (url, identity, sentence) in [
        (wrong_ca.url("/"), "default", "is not among those trusted in"),
        (wrong_name.url("/"), "default", "the subscriber's certificate is not for localhost"),
        (expired.url("/"), "default", "the subscriber's certificate has expired"),
        (https_url(plain.url("/")), "default", "does not speak TLS on this port"),
        (https_url(closed.url("/")), "default", "nothing listens there"),
        (https_url(silent.url("/")), "default", "the deadline of 5s passed before the handshake was over"),
        ("https://hooks.nowhere.invalid/".to_owned(), "default", "cannot be resolved"),
        // Under TLS 1.3 a reset may overtake the alert; either way the certificate is named.
        (stage.receiver.url("/"), "none", "client certificate"),
        (stage.receiver.url("/"), "stranger", "identity \"stranger\""),
    ] {
        let bad = tried(&stage, &url, identity);
        assert!(
            bad.len() == 1 && bad[0].0 == "problem handshake" && bad[0].1.contains(sentence),
            "{sentence}: {bad:?}"
        );
    }
    for receiver in [&wrong_ca, &wrong_name, &expired, &plain, &stage.receiver] {
        assert_eq!(receiver.count(), 0, "nothing was POSTed");
    }
}

/// Eleven that say nothing: 8 at a time take twice 5 s, one after the other would take almost a minute.
#[test]
fn silent_endpoints_are_tried_side_by_side_and_paused_ones_not() {
    let stage = Stage::new("shake_many");
    let silent: Vec<_> = (0..12)
        .map(|_| {
            RawReceiver::start(None, |stream| {
                drop(stream.read(&mut [0; 4096]).and_then(|_| stream.read(&mut [0])));
            })
        })
        .collect();
    for (at, receiver) in silent.iter().enumerate() {
        let id = stage.subscribe_url(&receiver.url("/").replace("http://", "https://"), "");
        if at == 0 {
            stage.db.psql(&format!("update outbox.subscription set status = 'paused' where id = {id}"));
        }
    }
    let begun = std::time::Instant::now();
    let told = report(&stage);
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    assert_eq!(told.matches("passed before the handshake was over").count(), 11, "{told}");
    assert_eq!(silent[0].connections(), 0);
}
