//! Resolvers that nobody would run, against real sockets.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::delivery::address::Allowed;

const SOON: Duration = Duration::from_secs(10);

fn dialler(allowed: &[&str], resolve: fn(String) -> Looking) -> Dialler {
    let allowed: Vec<Allowed> = allowed.iter().map(|text| text.parse().expect(text)).collect();
    Dialler { guard: Guard::new(allowed), resolve, under_way: UnderWay::default() }
}

fn answer(addresses: &'static [&'static str]) -> Looking {
    Box::pin(async { Ok(addresses.iter().map(|ip| ip.parse().expect(ip)).collect()) })
}

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.set_nonblocking(true).expect("it need not wait");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

/// Whether anybody has come: what is connected is in the listener's queue already.
fn visited(listener: &TcpListener) -> bool {
    listener.accept().is_ok()
}

#[tokio::test]
async fn a_name_is_resolved_once_and_dialled_as_it_was_judged() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let (listener, port) = listener();
    // Where it may lead the first time, and elsewhere from then on.
    let rebinding = dialler(&["127.0.0.2"], |_| match ASKED.fetch_add(1, Ordering::SeqCst) {
        0 => answer(&["127.0.0.2"]),
        _ => answer(&["127.0.0.1"]),
    });
    let failure = rebinding.dial("rebind.example", port, Instant::now() + SOON).await.expect_err("refused");
    assert!(failure.sentence.starts_with(&format!("no connection to 127.0.0.2:{port}")), "{failure:?}");
    assert_eq!(ASKED.load(Ordering::SeqCst), 1);
    let failure = rebinding.dial("rebind.example", port, Instant::now() + SOON).await.expect_err("denied");
    assert_eq!(failure.word, "address_denied");
    assert!(!visited(&listener));
}

#[tokio::test]
async fn of_many_addresses_those_that_may_be_dialled_are() {
    let (listener, port) = listener();
    let mixed = dialler(&["127.0.0.1:1-65535"], |_| answer(&["10.0.0.1", "::1", "127.0.0.2", "127.0.0.1"]));
    mixed.dial("mixed.example", port, Instant::now() + SOON).await.expect("one of them");
    assert!(visited(&listener));
    let none = dialler(&[], |_| answer(&["127.0.0.1", "::ffff:127.0.0.1", "::1", "0.0.0.0"]));
    let failure = none.dial("none.example", port, Instant::now() + SOON).await.expect_err("none of them");
    let sentence =
        format!("127.0.0.1:{port} (none.example) is not a public address but loopback (127.0.0.0/8)");
    assert!(failure.sentence.starts_with(&sentence), "{failure:?}");
    let empty = dialler(&[], |_| answer(&[]));
    let failure = empty.dial("empty.example", port, Instant::now() + SOON).await.expect_err("nothing");
    assert_eq!((failure.word, failure.sentence.contains("has no address")), ("dns", true), "{failure:?}");
    assert!(!visited(&listener));
}

/// However many wait for a name that nobody answers, one thread of the system's resolver does.
#[tokio::test]
async fn a_name_that_is_never_answered_is_asked_for_once() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let (_listener, port) = listener();
    let silent = dialler(&["127.0.0.0/8"], |name| match name.as_str() {
        "silent.example" => {
            ASKED.fetch_add(1, Ordering::SeqCst);
            Box::pin(std::future::pending())
        }
        _ => answer(&["127.0.0.1"]),
    });
    for _ in 0..3 {
        let until = Instant::now() + Duration::from_millis(20);
        let failure = silent.dial("silent.example", port, until).await.expect_err("no answer");
        assert_eq!(failure.word, "dns");
        assert!(failure.sentence.contains("no answer within 0.0 s"), "{failure:?}");
        silent.dial("healthy.example", port, Instant::now() + SOON).await.expect("somebody else");
    }
    assert_eq!(ASKED.load(Ordering::SeqCst), 1);
}

/// An answer is nobody's for ever: the next attempt asks again.
#[tokio::test]
async fn a_name_that_comes_and_goes_is_followed() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let (_listener, port) = listener();
    let flapping = dialler(&["127.0.0.0/8"], |_| match ASKED.fetch_add(1, Ordering::SeqCst) % 2 {
        0 => Box::pin(async { Err(io::Error::other("no such name")) }),
        _ => answer(&["127.0.0.1"]),
    });
    for _ in 0..2 {
        let failure = flapping.dial("flaps.example", port, Instant::now() + SOON).await.expect_err("unknown");
        assert!(failure.sentence.contains("flaps.example cannot be resolved: no such name"), "{failure:?}");
        flapping.dial("flaps.example", port, Instant::now() + SOON).await.expect("it is back");
    }
}

#[tokio::test]
async fn what_is_ours_is_out_of_reach_by_every_name() {
    let (listener, port) = listener();
    let own = |host, port| Own { what: "the relay's own database", host, port };
    let local = IpAddr::from([127, 0, 0, 1]);
    for host in [OwnHost::Machine, OwnHost::Address(local), OwnHost::Name("db.example".to_owned())] {
        let mut guarded = dialler(&["0.0.0.0/0", "::/0"], |name| match name.as_str() {
            "v6.example" => answer(&["::ffff:127.0.0.1"]),
            "any.example" => answer(&["0.0.0.0"]),
            _ => answer(&["127.0.0.1"]),
        });
        guarded.guard.protect(own(host.clone(), port));
        for name in ["127.0.0.1", "127.0.0.9", "0.0.0.0", "hooks.example", "v6.example", "any.example"] {
            let refused = guarded.dial(name, port, Instant::now() + SOON).await;
            let failure = refused.expect_err("it is ours");
            assert_eq!(failure.word, "address_denied", "{host:?} {name}");
            assert!(failure.sentence.contains("is the relay's own database"), "{failure:?}");
        }
        // Another port of the same place is another matter.
        let (_other, free) = self::listener();
        guarded.dial("hooks.example", free, Instant::now() + SOON).await.expect("allowed");
    }
    let mut lost = dialler(&["127.0.0.0/8"], |_| Box::pin(async { Err(io::Error::other("no such name")) }));
    lost.guard.protect(own(OwnHost::Name("db.example".to_owned()), port));
    let failure = lost.dial("127.0.0.1", port, Instant::now() + SOON).await.expect_err("nobody can tell");
    assert_eq!(failure.word, "address_denied", "{failure:?}");
    assert!(!visited(&listener));
}
