//! Where a relay does not go: from each way to write an address, by name, and to what is its own.

use crate::ops_client::Ops;
use crate::stage::{SOON, Stage, outboxd, text};
use crate::support::{Output, RawReceiver, Receiver, ReceiverOptions, Reply};

/// One POST by hand.
fn post(url: &str, allowed: &str) -> Output {
    outboxd().run(&["post", "--to", url], &[("OUTBOXD_ALLOW_ADDRESS", allowed)])
}

/// 127.0.0.1 as people and resolvers write it: each is refused, and gets there once it is allowed.
#[test]
fn no_way_to_write_loopback_leads_there_unless_it_is_allowed() {
    let receiver = Receiver::start(&ReceiverOptions::plain());
    let forms = [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "0177.0.0.1",
        "[::ffff:127.0.0.1]",
        "LOCALHOST",
    ];
    for form in forms {
        let url = format!("http://{form}:{}/", receiver.port());
        for allowed in ["", "10.0.0.0/8", "127.0.0.0/8:1", "127.0.0.2"] {
            let refused = post(&url, allowed);
            assert_eq!(refused.code, 1, "{form} {allowed}: {refused:?}");
            let told = refused.stdout.contains("not sent after ")
                && refused.stdout.contains("is not a public address but loopback");
            assert!(told, "{form} {allowed}: {refused:?}");
        }
        assert_eq!(receiver.connections(), 0, "{form}");
    }
    for (at, form) in forms.into_iter().enumerate() {
        let url = format!("http://{form}:{}/", receiver.port());
        let allowed = format!("127.0.0.1:{}", receiver.port());
        let sent = post(&url, &format!("10.0.0.0/8, {allowed}"));
        assert_eq!((sent.code, receiver.count()), (0, at + 1), "{form}: {sent:?}");
    }
    // Not every machine knows this name.
    assert_eq!(post(&format!("http://localhost.:{}/", receiver.port()), "").code, 1);
    assert_eq!(receiver.count(), forms.len());
    // Elsewhere, without a word to anybody there; each says where that would have been.
    for (form, place) in [
        ("0", "0.0.0.0/8"),
        ("[::]", "::/64"),
        ("[::1]", "::1/128"),
        ("[::127.0.0.1]", "::/64"),
        ("[64:ff9b::7f00:1]", "64:ff9b::/96"),
        ("[2002:7f00:1::1]", "2002::/16"),
        ("[fd00:ec2::254]", "fc00::/7"),
        ("169.254.169.254", "169.254.0.0/16"),
        ("10.0.0.1", "10.0.0.0/8"),
        ("100.64.0.1", "100.64.0.0/10"),
    ] {
        let refused = post(&format!("http://{form}:{}/", receiver.port()), "127.0.0.0/8");
        assert!(refused.code == 1 && refused.stdout.contains(&format!("({place})")), "{form}: {refused:?}");
    }
}

#[test]
fn an_option_that_is_none_is_told_and_nothing_starts() {
    let output = post("http://127.0.0.1:1/", "10.0.0.0/8,everywhere,10.0.0.1:x");
    assert_eq!(output.code, 2, "{output:?}");
    for told in ["--allow-address is \"everywhere\": it must be", "\"10.0.0.1:x\": its ports must be"] {
        assert!(output.stderr.contains(told), "{}", output.stderr);
    }
    // Several in one, or one after the other.
    let receiver = Receiver::start(&ReceiverOptions::plain());
    let url = receiver.url("/");
    let arguments =
        ["post", "--to", &url, "--allow-address", "10.0.0.0/8", "--allow-address", "::1,127.0.0.1"];
    assert_eq!(outboxd().run(&arguments, &[]).code, 0);
}

/// One relay that allows nothing, one that allows all, and what both leave alone.
#[test]
fn a_relay_refuses_by_default_and_its_own_always() {
    let stage = Stage::new("addresses");
    stage.receiver.reply(Reply::status(200).body("inner secrets"));
    let identities = stage.identities().to_str().unwrap();
    let url = stage.db.url();
    let subscription = stage.subscribe("max_attempts => 1");
    stage.db.psql(&format!("select outbox.ping({subscription})"));
    let run = ["run", "--once", "--database-url", &url, "--identities", identities];
    let output = outboxd().run(&run, &[("OUTBOXD_ALLOW_ADDRESS", "")]);
    assert_eq!(output.stdout, "delivered 0, will retry 0, dead 1, cancelled 0\n", "{output:?}");
    let row = stage.attempts().remove(0);
    assert_eq!((text(&row, "class"), text(&row, "error_class")), ("not_sent", "address_denied"), "{row}");
    let port = stage.receiver.port();
    let sentence = format!(
        "127.0.0.1:{port} (localhost) is not a public address but loopback (127.0.0.0/8); where subscribers may be there, \
         start the relay with --allow-address 127.0.0.1:{port}, or a network, or say so in OUTBOXD_ALLOW_ADDRESS"
    );
    // Where the machine has ::1 as well, that may be named.
    assert!(text(&row, "error") == sentence || text(&row, "error").contains("loopback (::1/128)"), "{row}");
    assert!(row["response"].is_null() && row["status"].is_null(), "{row}");
    let handshake = ["check", "--handshake", "--identities", identities, "--database-url", &url];
    let checked = outboxd().run(&handshake, &[("OUTBOXD_ALLOW_ADDRESS", ""), ("COLUMNS", "500")]);
    assert!(checked.stdout.contains("is not a public address but loopback"), "{checked:?}");
    assert_eq!(stage.receiver.connections(), 0);

    let relay = stage.relay_with(&["--ops-listen", "0", "--allow-address", "0.0.0.0/0,::/0"]);
    let ops = Ops::of(&relay);
    let server = stage.db.psql("select current_setting('port')");
    let bait = RawReceiver::start(None, |_| {});
    for (host, port, own) in [
        ("127.0.0.1", ops.0.port().to_string(), "the relay's own --ops-listen"),
        ("localhost", ops.0.port().to_string(), "the relay's own --ops-listen"),
        ("127.0.0.1", server.clone(), "the relay's own database"),
        ("127.0.0.77", server.clone(), "the relay's own database"),
        ("[::ffff:127.0.0.1]", server, "the relay's own database"),
        ("localhost", bait.port().to_string(), ""),
    ] {
        let id = stage.subscribe_url(&format!("https://{host}:{port}/"), "max_attempts => 1");
        stage.db.psql(&format!("select outbox.ping({id})"));
        let ended = format!("select exists (select from outbox.attempt where subscription = {id})");
        stage.db.wait_until(&ended, SOON);
        let row = stage.attempts().pop().unwrap();
        assert_eq!(text(&row, "error_class") == "address_denied", !own.is_empty(), "{row}");
        assert!(text(&row, "error").contains(own), "{row}");
        stage.db.psql(&format!("select outbox.unsubscribe({id})"));
    }
    assert_eq!(bait.connections(), 1, "what is not ours is allowed");
    stage.db.psql(&format!("select outbox.ping({subscription})"));
    stage.receiver.wait_for(1, SOON);
}

/// What libraries for HTTP read from the environment is not read here.
#[test]
fn a_proxy_in_the_environment_is_not_asked() {
    let proxy = Receiver::start(&ReceiverOptions::plain());
    let receiver = Receiver::start(&ReceiverOptions::plain());
    let at = proxy.url("/");
    let names = ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
    let environment: Vec<_> = names.iter().map(|name| (*name, at.as_str())).collect();
    let output = outboxd().run(&["post", "--to", &receiver.url("/")], &environment);
    assert_eq!((output.code, receiver.count(), proxy.connections()), (0, 1, 0), "{output:?}");
}
