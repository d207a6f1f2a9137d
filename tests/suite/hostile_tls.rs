//! Subscribers that misbehave before there is a request: see `hostile`. What is wrong with certificates is in `tls`; not tried
//! are revoked ones, since revocation lists are not read, and renegotiation, which OpenSSL refuses where it is insecure.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509NameBuilder};

use crate::source::sources;
use crate::stage::{Stage, text};
use crate::support::{RawReceiver, write_identity};

/// A certificate of localhost that signs itself, and who shows it without a scruple.
fn weak(bits: u32, digest: MessageDigest) -> (String, SslAcceptor) {
    let key = PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "localhost").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(30).unwrap()).unwrap();
    let names = SubjectAlternativeName::new().dns("localhost").build(&builder.x509v3_context(None, None));
    builder.append_extension(names.unwrap()).unwrap();
    builder.sign(&key, digest).unwrap();
    let certificate = builder.build();
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_security_level(0);
    acceptor.set_certificate(&certificate).unwrap();
    acceptor.set_private_key(&key).unwrap();
    (String::from_utf8(certificate.to_pem().unwrap()).unwrap(), acceptor.build())
}

/// What is trusted by name is still not taken when it proves nothing; with the same made well, the request comes.
#[test]
fn a_weak_certificate_is_refused_although_it_is_trusted() {
    let stage = Stage::new("hostile_weak");
    for (name, bits, refused) in [("short", 1024, true), ("long", 2048, false)] {
        let (pem, acceptor) = weak(bits, MessageDigest::sha256());
        write_identity(stage.identities(), name, None, Some(&pem));
        let (shown, read) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (showing, reading) = (Arc::clone(&shown), Arc::clone(&read));
        let receiver = RawReceiver::start(None, move |stream| {
            showing.fetch_add(1, Ordering::SeqCst);
            if let Ok(mut stream) = acceptor.accept(stream) {
                let bytes = stream.read(&mut [0; 64]).unwrap_or(0);
                reading.fetch_add(bytes, Ordering::SeqCst);
            }
        });
        let url = receiver.url("/").replace("http://", "https://");
        let id = stage.subscribe_url(&url, &format!("max_attempts => 1, identity => '{name}'"));
        stage.db.psql(&format!("select outbox.ping({id})"));
        stage.once();
        let row = stage.attempts().pop().unwrap();
        assert_eq!(text(&row, "class") == "not_sent", refused, "{row}");
        assert!(!refused || text(&row, "error_class").starts_with("tls_"), "{row}");
        assert_eq!((shown.load(Ordering::SeqCst), read.load(Ordering::SeqCst) == 0), (1, refused), "{row}");
    }
}

/// Nothing is said, or half of something: the limit for connecting ends it, long before that of the attempt.
#[test]
fn a_handshake_that_comes_to_no_end_ends_with_the_connect_deadline() {
    let stage = Stage::new("hostile_handshake");
    let mut all = Vec::new();
    // The beginning of a record that says it is longer.
    for said in [&b""[..], b"\x16\x03\x03\x40\x00\x02"] {
        let heard = Arc::new(AtomicUsize::new(0));
        let hearing = Arc::clone(&heard);
        let receiver = RawReceiver::start(None, move |stream| {
            hearing.fetch_add(stream.read(&mut [0; 4096]).unwrap(), Ordering::SeqCst);
            stream.write_all(said).unwrap();
            // Until the relay has gone away.
            while stream.read(&mut [0; 64]).is_ok_and(|n| n > 0) {}
        });
        let url = receiver.url("/").replace("http://", "https://");
        let settings = "max_attempts => 1, connect_deadline => '1 s', deadline => '20 s'";
        let id = stage.subscribe_url(&url, settings);
        stage.db.psql(&format!("select outbox.ping({id})"));
        all.push((receiver, heard));
    }
    stage.once();
    for row in stage.attempts() {
        assert_eq!(
            (text(&row, "class"), text(&row, "error_class")),
            ("not_sent", "connect_timeout"),
            "{row}"
        );
        let sentence = "the connect deadline of 1s passed before it had a connection; check host and port";
        assert!(text(&row, "error").starts_with(sentence), "{row}");
    }
    assert_eq!(stage.attempts().len(), 2);
    for (receiver, heard) in all {
        assert_eq!((receiver.connections(), heard.load(Ordering::SeqCst) > 0), (1, true), "it had our hello");
    }
}

/// What would switch off the check of certificates is not in the program, so no option leads to it.
#[test]
fn certificates_are_checked_whatever_the_options_say() {
    for source in sources("src") {
        for word in ["danger_accept", "set_verify(", "SslVerifyMode::NONE", "use_sni(false)"] {
            let excused =
                source.path.starts_with("src/database/") || source.path.starts_with("src/receiver/");
            assert!(excused || !source.code.contains(word), "{} has {word}", source.path);
        }
    }
}
