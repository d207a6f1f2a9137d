//! What a subscriber is sent: one true path from an ordinary UPDATE to a signed POST, and what stays the same
//! over attempts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::stage::{HASTY, SOON, Stage, text};
use crate::support::{Reply, Request, verify_signature};

/// Header values in the order of the requests.
fn header<'a>(requests: &'a [Request], name: &str) -> Vec<&'a str> {
    requests.iter().map(|request| request.header(name).unwrap_or_default()).collect()
}

fn unix(time: SystemTime) -> i64 {
    i64::try_from(time.duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

#[test]
fn an_ordinary_update_arrives_as_a_signed_post_over_mutual_tls() {
    let stage = Stage::new("true_path");
    let url = stage.receiver.url("/hooks/orders?team=7");
    let subscription =
        stage.subscribe_url(&url, r#"headers => '{"X-Team": "billing", "Accept": "text/plain"}'"#);
    stage.db.psql("insert into orders (id, note) values (1, 'new')");
    let _relay = stage.relay();
    stage.receiver.wait_for(1, SOON);
    stage.db.psql("update orders set note = 'paid' where id = 1");
    let requests = stage.receiver.wait_for(2, SOON);
    stage.wait_until_drained();

    let request = &requests[1];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/hooks/orders?team=7"));
    assert_eq!(request.peer_common_name.as_deref(), Some("relay"));
    assert_eq!(request.header("host"), Some(&*format!("localhost:{}", stage.receiver.port())));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("content-length"), Some(&*request.body.len().to_string()));
    assert_eq!(request.header("user-agent"), Some(concat!("outboxd/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(request.header("outbox-attempt"), Some("1"));
    assert_eq!((request.header("x-team"), request.header("accept")), (Some("billing"), Some("text/plain")));
    assert_eq!(request.header("accept-encoding"), None, "a compressed answer would have to be decompressed");
    verify_signature(&stage.secret(subscription), request).unwrap();

    let event = "select uid, id from outbox.event where type = 'Order.Update'";
    let event = stage.db.psql(event);
    let (uid, sequence) = event.split_once('|').unwrap();
    let key = stage.db.psql(&format!("select key from outbox.subscription where id = {subscription}"));
    assert_eq!(request.header("webhook-id"), Some(&*format!("{}_{key}", uid.replace('-', ""))));
    let body = request.json();
    assert_eq!(body["type"], "Order.Update");
    assert_eq!(body["id"], uid);
    assert_eq!(body["sequence"].to_string(), sequence);
    assert_eq!((&body["object"], &body["object_id"]), (&json!("Order"), &json!("1")));
    let fields: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["data", "id", "object", "object_id", "sequence", "timestamp", "type"]);
    let happened =
        format!("select occurred_at = '{}' from outbox.event where uid = '{uid}'", text(&body, "timestamp"));
    assert_eq!(stage.db.psql(&happened), "t");
    assert_eq!(stage.count("outbox.attempt where class = 'delivered' and status = 200"), 2);
}

#[test]
fn the_data_arrive_byte_for_byte_as_they_are_stored() {
    let stage = Stage::new("bytes");
    let subscription = stage.subscribe("");
    stage.db.psql(
        r#"insert into orders values (9007199254740993,
        E'\u0001\t\u001f "quoted" \\ äöü 漢字 😀 </script>',
        12345678901234567890123.000, '{"zz": 1e2, "a": 0.10, "b": {"z": null, "aa": [1, 2.50]}, "": ""}')"#,
    );
    assert_eq!(stage.once().code, 0);
    let requests = stage.receiver.wait_for(1, SOON);
    let request = &requests[0];
    let stored = stage.db.psql("select data::text from outbox.event");
    assert!(
        stored.contains("12345678901234567890123.000") && stored.contains("9007199254740993"),
        "{stored}"
    );
    assert!(request.text().ends_with(&format!(r#","data":{stored}}}"#)), "{}", request.text());
    assert!(request.text().contains(r"\u0001\t\u001f") && request.text().contains("漢字 😀"));
    assert!(request.text().starts_with(r#"{"type":"Order.Create","timestamp":""#));
    verify_signature(&stage.secret(subscription), request).unwrap();
}

#[test]
fn all_attempts_carry_the_same_id_and_bytes_under_a_fresh_signature() {
    let stage = Stage::new("attempts");
    let subscription = stage.subscribe(HASTY);
    // The second attempt comes when the clock shows another second.
    stage.receiver.reply_with(|_, nth| match nth {
        1 => Reply::status(503).after(Duration::from_millis(1100)),
        2 => Reply::close(),
        _ => Reply::status(202),
    });
    stage.emit(1);
    assert_eq!(stage.once().stdout, "delivered 1, will retry 2, dead 0, cancelled 0\n");
    let requests = stage.receiver.requests();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_eq!(request.header("outbox-event-type"), Some(text(&request.json(), "type")));
        assert_eq!(request.body, requests[0].body);
        assert_eq!(request.header("webhook-id"), requests[0].header("webhook-id"));
        let stamp: i64 = request.header("webhook-timestamp").unwrap().parse().unwrap();
        assert!((stamp - unix(request.arrived_at)).abs() <= 1, "{stamp} is when it was sent");
        verify_signature(&stage.secret(subscription), request).unwrap();
    }
    let stamps = header(&requests, "webhook-timestamp");
    assert_ne!(stamps[0], stamps[1]);
    assert_ne!(requests[0].header("webhook-signature"), requests[1].header("webhook-signature"));
    assert_eq!(header(&requests, "outbox-attempt"), ["1", "2", "3"]);
    assert_eq!(stage.attempts().len(), 3, "one row in the ledger for each request");
}

#[test]
fn a_delivery_that_waited_is_stamped_when_it_is_sent() {
    let stage = Stage::new("stamp");
    let subscription = stage.subscribe("");
    stage.emit(1);
    stage.db.psql("update outbox.event set occurred_at = occurred_at - interval '1 hour'");
    assert_eq!(stage.once().code, 0);
    let request = &stage.receiver.requests()[0];
    verify_signature(&stage.secret(subscription), request).unwrap();
    let an_hour = format!(
        "select clock_timestamp() - '{}' > interval '59 minutes'",
        text(&request.json(), "timestamp")
    );
    assert_eq!(stage.db.psql(&an_hour), "t", "the body keeps the time of the event");
}

#[test]
fn two_secrets_give_two_signatures_and_none_gives_no_header() {
    let stage = Stage::new("secrets");
    let subscription = stage.subscribe("");
    let old = stage.secret(subscription);
    stage.db.psql(&format!(
        "insert into outbox.signing_key (subscription, secret) \
         values ({subscription}, repeat('n', 32)::bytea); \
         update outbox.subscription set updated_at = updated_at"
    ));
    stage.emit(1);
    stage.once();
    stage.db.psql("delete from outbox.signing_key; update outbox.subscription set updated_at = updated_at");
    stage.emit(1);
    let told = stage.once().stderr;
    assert!(told.contains("it has no signing secret, and its POSTs go out without a signature"), "{told}");
    let requests = stage.receiver.requests();
    verify_signature(&old, &requests[0]).unwrap();
    verify_signature("whsec_bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4=", &requests[0]).unwrap();
    assert_eq!(requests[1].header("webhook-signature"), None);
}

#[test]
fn each_subscription_has_its_own_id_for_one_event() {
    let stage = Stage::new("own_ids");
    stage.subscribe_url(&stage.receiver.url("/a"), "");
    stage.subscribe_url(&stage.receiver.url("/b"), "");
    stage.emit(1);
    assert_eq!(stage.once().stdout, "delivered 2, will retry 0, dead 0, cancelled 0\n");
    let requests = stage.receiver.requests();
    assert_eq!(requests[0].body, requests[1].body);
    assert_ne!(requests[0].header("webhook-id"), requests[1].header("webhook-id"));
    for request in &requests {
        let id = request.header("webhook-id").unwrap();
        let found =
            stage.db.psql(&format!("select count(*) from outbox.delivery_history where webhook_id = '{id}'"));
        assert_eq!(found, "1", "the ledger is found by what the subscriber quotes");
    }
}
