//! Tokens by client credentials: fetched through the same guarded way, kept, fetched again, and never shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::stage::{HASTY, LOCAL, Stage, outboxd, text};
use crate::support::{Receiver, ReceiverOptions, Reply, Request, TlsOptions};

const CLIENT_SECRET: &str = "marker client/secret";

/// Gives token after token, `token-1` first, which live as long as `expires_in` says.
fn tokens(stage: &Stage, expires_in: u32) -> Receiver {
    let options = ReceiverOptions::mutual(stage.authority.server(&LOCAL), &stage.authority.pem());
    let receiver = Receiver::start(&options);
    receiver.reply_with(move |_, nth| {
        let body = format!(
            r#"{{"access_token": "token-{nth}", "token_type": "Bearer", "expires_in": {expires_in}}}"#
        );
        Reply::status(200).header("content-type", "application/json").body(body)
    });
    receiver
}

fn subscribe(stage: &Stage, endpoint: &Receiver, further: &str) -> i64 {
    stage.subscribe(&format!(
        "auth => '{{\"type\": \"oauth2\", \"token_url\": \"{}\", \"client_id\": \"us\", \
         \"secret\": \"acme\", \"scope\": \"hooks all\"}}', {further} {HASTY}",
        endpoint.url("/token?x=1")
    ))
}

fn run(stage: &Stage) -> String {
    let (url, identities) = (stage.db.url(), stage.identities().to_str().unwrap());
    let arguments = ["run", "--once", "--database-url", &url, "--identities", identities];
    let output = outboxd().run(&arguments, &[("OUTBOXD_SECRET_ACME", CLIENT_SECRET)]);
    assert!(!output.stderr.contains("token-") && !output.stderr.contains("marker"), "{}", output.stderr);
    output.stdout
}

fn bearers(stage: &Stage) -> Vec<String> {
    stage
        .receiver
        .requests()
        .iter()
        .map(|request| request.header("authorization").unwrap().to_owned())
        .collect()
}

#[test]
fn one_fetch_serves_many_posts_and_a_token_that_is_refused_is_fetched_again_once() {
    let stage = Stage::new("oauth");
    let endpoint = tokens(&stage, 3600);
    subscribe(&stage, &endpoint, "concurrency => 8,");
    stage.emit(20);
    assert!(run(&stage).starts_with("delivered 20,"));
    assert_eq!(bearers(&stage), ["Bearer token-1"; 20]);
    let asked = endpoint.requests();
    assert_eq!(asked.len(), 1, "eight at once wait for one fetch");
    let header = |name| asked[0].header(name).unwrap();
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("POST", "/token?x=1"));
    assert_eq!(header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(asked[0].text(), "grant_type=client_credentials&scope=hooks+all");
    // us:marker+client%2Fsecret
    assert_eq!(header("authorization"), "Basic dXM6bWFya2VyK2NsaWVudCUyRnNlY3JldA==");
    assert_eq!(asked[0].peer_common_name.as_deref(), Some("relay"), "by the identity of the subscription");

    stage.receiver.clear();
    endpoint.clear();
    stage.receiver.reply_with(|request, _| match request.header("authorization") {
        Some("Bearer token-2") => Reply::default(),
        _ => Reply::status(401),
    });
    stage.emit(1);
    run(&stage);
    assert_eq!(bearers(&stage), ["Bearer token-1", "Bearer token-2"]);
    assert_eq!(stage.count("outbox.attempt where status = 401"), 1, "each POST is on record");
    assert_eq!(endpoint.count(), 2);
}

#[test]
fn a_token_is_used_up_before_it_ends_and_none_is_an_attempt_that_was_not_sent() {
    let stage = Stage::new("oauth_fails");
    let endpoint = tokens(&stage, 0);
    subscribe(&stage, &endpoint, "concurrency => 1, max_attempts => 1,");
    stage.emit(3);
    assert!(run(&stage).starts_with("delivered 3,"));
    let (mut got, counted) = (bearers(&stage), endpoint.count());
    got.dedup();
    assert_eq!((got.len(), counted), (3, 3), "each is over at once");
    // Whatever an endpoint says may repeat the secret: of its words only codes that are known are told.
    let nth = Arc::new(AtomicUsize::new(0));
    endpoint.reply_with(move |request, _| {
        let credentials = request.header("authorization").unwrap().to_owned();
        let answers = [
            Reply::status(401)
                .body(format!(r#"{{"error": "invalid_client", "error_description": "{credentials}"}}"#)),
            Reply::status(500).body(format!("marker {credentials}")),
            Reply::status(200).body(r#"{"access_token": "marker\nmarker"}"#),
            Reply::status(200).body("x".repeat(70_000)),
            Reply::close(),
        ];
        answers[nth.fetch_add(1, Ordering::SeqCst)].clone()
    });
    for expected in [
        "it answered 401 (invalid_client); check client_id and scope of auth",
        "it answered 500; check",
        "its answer has no access_token of type Bearer",
        "its answer broke off, or is larger than 64 KiB",
        "the subscriber closed the connection without an answer",
    ] {
        stage.emit(1);
        assert!(run(&stage).starts_with("delivered 0, will retry 0, dead 1"));
        let row = stage.attempts().pop().unwrap();
        assert_eq!((text(&row, "class"), text(&row, "error_class")), ("not_sent", "oauth"), "{row}");
        let begin = format!("no token from localhost:{}: {expected}", endpoint.port());
        assert!(text(&row, "error").starts_with(&begin), "{row}");
        assert!(!row.to_string().contains("marker") && !row.to_string().contains("Basic"), "{row}");
    }
    assert_eq!(stage.receiver.count(), 3, "nothing more was sent");
}

#[test]
fn posts_that_share_a_connection_share_a_token_as_well() {
    let stage = Stage::new("oauth_http2");
    let endpoint = tokens(&stage, 3600);
    let tls = TlsOptions::new(stage.authority.server(&LOCAL)).require_client(&stage.authority.pem()).http2();
    let subscriber = Receiver::start(&ReceiverOptions::tls(tls));
    let auth = format!(
        "http2 => true, concurrency => 8, {HASTY}, auth => '{{\"type\": \"oauth2\", \"token_url\": \"{}\", \
         \"client_id\": \"us\", \"secret\": \"acme\"}}'",
        endpoint.url("/token")
    );
    stage.subscribe_url(&subscriber.url("/hook"), &auth);
    stage.emit(20);
    assert!(run(&stage).starts_with("delivered 20,"));
    let bearers = |requests: &[Request]| -> Vec<String> {
        let header = |request: &Request| request.header("authorization").unwrap().to_owned();
        assert!(requests.iter().all(|request| request.version == "HTTP/2.0"), "{requests:?}");
        requests.iter().map(header).collect()
    };
    assert_eq!(bearers(&subscriber.requests()), ["Bearer token-1"; 20]);
    assert_eq!((endpoint.count(), subscriber.connections()), (1, 1));

    subscriber.clear();
    subscriber.reply_with(|request, _| match request.header("authorization") {
        Some("Bearer token-3") => Reply::default(),
        _ => Reply::status(401),
    });
    stage.emit(1);
    run(&stage);
    assert_eq!(
        bearers(&subscriber.requests()),
        ["Bearer token-2", "Bearer token-3"],
        "a relay that starts has none"
    );
}
