//! The forms of a POST: which bytes and headers each format sends, what is copied into headers, what is refused.

use std::collections::BTreeMap;

use crate::installed::{installed, login_roles};
use crate::stage::{HASTY, Stage};
use crate::support::{Database, Reply, Request, shared, verify_signature};

const FORMATS: [&str; 4] = ["standard", "cloudevents", "cloudevents-binary", "raw"];
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Subscribes each of these formats, at a path of its name; the ids are 1 and so on.
fn subscribe(stage: &Stage, settings: &str) {
    for format in FORMATS {
        let url = stage.receiver.url(&format!("/{format}"));
        stage.subscribe_url(&url, &format!("format => '{format}', {settings}"));
    }
}

fn at<'a>(requests: &'a [Request], path: &str) -> Vec<&'a Request> {
    requests.iter().filter(|request| request.path == path).collect()
}

fn attributes(request: &Request) -> BTreeMap<&str, &str> {
    let pairs = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    pairs.filter(|(name, _)| name.starts_with("ce-")).collect()
}

/// One event whose bytes any JSON library would change, and whose id no header could hold as it is.
#[test]
fn each_format_sends_its_bytes_and_headers_the_same_over_attempts() {
    let stage = Stage::new("formats_wire");
    subscribe(&stage, HASTY);
    stage.receiver.reply_with(|request, _| {
        Reply::status(if request.header("outbox-attempt") == Some("1") { 503 } else { 200 })
    });
    stage.db.psql(&format!(
        "update outbox.setting set cloudevents_source = 'https://shop.example/a?b=c%20d';
         set outbox.traceparent = '{PARENT}';
         select outbox.emit('Order.Update', '{{\"n\": 9007199254740993.10, \"z\": 1, \"a\": 1e2}}', 'Order', 'Euro € 😀')"
    ));
    let _relay = stage.relay();
    let requests = stage.receiver.wait_for(2 * FORMATS.len(), crate::stage::SOON);
    stage.wait_until_drained();
    let sql = "select e.uid, lpad(e.id::text, 20, '0'),
        to_char(e.occurred_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), outbox.body(e), e.data
        from outbox.event e";
    let row = stage.db.psql(sql);
    let [uid, sequence, time, body, data] = row.split('|').collect::<Vec<_>>()[..] else { panic!("{row}") };
    assert_eq!(data, r#"{"a": 100, "n": 9007199254740993.10, "z": 1}"#);
    let event = [
        format!(r#"{{"id": "{uid}", "time": "{time}", "type": "Order.Update", "#),
        format!(r#""source": "https://shop.example/a?b=c%20d", "subject": "Euro € 😀", "sequence": "{sequence}", "#),
        format!(r#""specversion": "1.0", "traceparent": "{PARENT}", "partitionkey": "Euro € 😀", "#),
        format!(r#""datacontenttype": "application/json", "data": {data}}}"#),
    ]
    .concat();
    for (subscription, path, content_type, sent) in [
        (1, "/standard", "application/json", body),
        (2, "/cloudevents", "application/cloudevents+json; charset=utf-8", &event),
        (3, "/cloudevents-binary", "application/json", data),
        (4, "/raw", "application/json", data),
    ] {
        let both = at(&requests, path);
        assert_eq!(both.len(), 2, "{path}");
        for request in &both {
            assert_eq!(request.text(), sent, "{path}");
            assert_eq!(request.header("content-type"), Some(content_type), "{path}");
            assert_eq!(request.header("traceparent"), Some(PARENT), "{path}");
            assert_eq!(request.header("outbox-batch"), None, "{path}");
            verify_signature(&stage.secret(subscription), request).unwrap();
            if path != "/cloudevents-binary" {
                assert_eq!(attributes(request), BTreeMap::new(), "{path}");
            }
        }
        assert_eq!(both[0].header("webhook-id"), both[1].header("webhook-id"), "{path}");
    }
    let object = "Euro%20%E2%82%AC%20%F0%9F%98%80";
    let expected = BTreeMap::from([
        ("ce-id", uid),
        ("ce-partitionkey", object),
        ("ce-sequence", sequence),
        ("ce-source", "https://shop.example/a?b=c%2520d"),
        ("ce-specversion", "1.0"),
        ("ce-subject", object),
        ("ce-time", time),
        ("ce-traceparent", PARENT),
        ("ce-type", "Order.Update"),
    ]);
    for request in at(&requests, "/cloudevents-binary") {
        assert_eq!(attributes(request), expected);
    }
}

#[test]
fn a_ping_arrives_in_every_format() {
    let stage = Stage::new("formats_ping");
    subscribe(&stage, HASTY);
    stage.db.psql("select outbox.ping(n) from generate_series(1, 4) n");
    assert_eq!(stage.once().stdout, "delivered 4, will retry 0, dead 0, cancelled 0\n");
    let requests = stage.receiver.requests();
    assert_eq!(at(&requests, "/standard")[0].json()["type"], "outbox.ping");
    let event = at(&requests, "/cloudevents")[0].json();
    assert_eq!((&event["type"], &event["data"]["subscription"]), (&"outbox.ping".into(), &2.into()));
    assert_eq!(event.get("subject"), None, "an event about no object has none");
    let request = at(&requests, "/cloudevents-binary")[0];
    assert_eq!((request.header("ce-type"), request.header("ce-subject")), (Some("outbox.ping"), None));
    assert_eq!(request.json()["subscription"], 3);
    assert_eq!(at(&requests, "/raw")[0].json()["subscription"], 4);
}

/// Strings of `CloudEvents` have no control characters and no noncharacters; ids of objects may.
#[test]
fn what_a_cloudevent_may_not_have_is_left_out_of_it() {
    let db = installed("formats_attributes");
    db.psql("select outbox.define_event_type('A')");
    let attribute = |id: &str, parent: &str, name: &str| {
        db.psql(&format!(
            "truncate outbox.event cascade; select outbox.subscribe('a', '*', 'https://e.com/');
             select outbox.emit('A', '1', 'Thing', {id}); update outbox.event set traceparent = {parent};
             select coalesce(outbox.cloudevent(e) ->> '{name}', 'none') from outbox.event e"
        ))
        .lines()
        .last()
        .unwrap()
        .to_owned()
    };
    for (id, subject) in [
        ("'17'", "17"),
        ("'[17, 1]'", "[17, 1]"),
        ("'ä 漢 😀'", "ä 漢 😀"),
        ("null", "none"),
        ("''", "none"),
        ("E'a\\nb'", "none"),
        ("E'\\u007f'", "none"),
        ("E'\\u009f'", "none"),
        ("E'\\ufdd0'", "none"),
        ("E'x\\uffff'", "none"),
    ] {
        assert_eq!(attribute(id, "null", "subject"), subject, "{id}");
        assert_eq!(attribute(id, "null", "partitionkey"), subject, "{id}");
    }
    let zero = PARENT.replace("b7ad6b7169203331", "0000000000000000");
    for (parent, sent) in [
        (PARENT, PARENT),
        (&zero, "none"),
        ("00-1-2-01", "none"),
        (&PARENT.to_uppercase(), "none"),
        (&format!("{PARENT}-x"), "none"),
    ] {
        assert_eq!(attribute("'1'", &format!("'{parent}'"), "traceparent"), sent);
    }
}

#[test]
fn the_source_is_what_the_setting_says_or_the_name_of_the_database() {
    let db = installed("formats_source");
    login_roles(shared(), &["formats_admin"]);
    db.psql("grant outbox_admin to formats_admin");
    let source = |db: &Database| db.psql("select outbox.cloudevents_source()");
    assert_eq!(source(&db), format!("/{}", db.psql("select current_database()")));
    for wrong in ["", "a b", "größe", "%zz", "a\"b", "a\nb"] {
        let sql = format!("update outbox.setting set cloudevents_source = '{wrong}'");
        let error = db.try_psql_as("formats_admin", &sql).unwrap_err();
        assert_eq!(error.sqlstate, "OX029", "{wrong}: {}", error.raw);
    }
    let long = "update outbox.setting set cloudevents_source = repeat('x', 1001)";
    assert_eq!(db.try_psql_as("formats_admin", long).unwrap_err().sqlstate, "OX029");
    db.psql_as("formats_admin", "update outbox.setting set cloudevents_source = 'urn:shop:%C3%A4'");
    assert_eq!(source(&db), "urn:shop:%C3%A4");
    let odd = shared().database("formats source ä/b");
    let name = odd.psql("select current_database()");
    crate::stage::outboxd().run(&["migrate", "--database-url", &odd.url()], &[]);
    let encoded = name.replace(' ', "%20").replace('ä', "%C3%A4").replace('/', "%2F");
    assert_eq!(source(&odd), format!("/{encoded}"));
}

// Headers.

#[test]
fn headers_are_copied_from_the_event_where_they_can_be_sent() {
    let stage = Stage::new("formats_copied");
    let subscription = stage.subscribe(&format!(
        r#"{HASTY}, format => 'raw', headers => '{{"X-Team": "billing", "X-Event-Key": {{"copy": "$.type"}},
            "X-Order": {{"copy": "$.object_id"}}, "X-Total": {{"copy": "$.data.total"}},
            "X-Paid": {{"copy": "$.data.paid"}},
            "X-First": {{"copy": "$.data.parts[*] ? (@.n > 1).name"}}, "X-Trace": {{"copy": "$.trace_id"}},
            "X-None": {{"copy": "$.data.none"}}, "X-Null": {{"copy": "$.data.null"}}, "X-Parts": {{"copy": "$.data.parts"}},
            "X-Line": {{"copy": "$.data.line"}}, "X-Umlaut": {{"copy": "$.data.umlaut"}},
            "X-Error": {{"copy": "strict $.data.a.b.c"}}}}'"#
    ));
    stage.db.psql(
        r#"update outbox.setting set context_headers = '{X-Order, X-None}'; set outbox.header.x_order = 'writer';
        set outbox.header.x_none = 'writer'; set outbox.trace_id = 't1';
        select outbox.emit('Order.Update', '{"total": 12345678901234567890.10, "paid": true, "null": null, "line": "a\r\nX-B: c",
            "umlaut": "ä", "parts": [{"n": 1, "name": "one"}, {"n": 2, "name": "two"}, {"n": 3, "name": "three"}]}',
            'Order', '17')"#,
    );
    assert_eq!(stage.once().stdout, "delivered 1, will retry 0, dead 0, cancelled 0\n");
    let requests = stage.receiver.requests();
    let request = &requests[0];
    for (name, value) in [
        ("x-team", Some("billing")),
        ("x-event-key", Some("Order.Update")),
        ("x-order", Some("17")),
        ("x-total", Some("12345678901234567890.10")),
        ("x-paid", Some("true")),
        ("x-first", Some("two")),
        ("x-trace", Some("t1")),
        ("x-none", Some("writer")),
        ("x-null", None),
        ("x-parts", None),
        ("x-line", None),
        ("x-b", None),
        ("x-umlaut", None),
        ("x-error", None),
    ] {
        assert_eq!(request.header(name), value, "{name}");
    }
    verify_signature(&stage.secret(subscription), request).unwrap();
}

// What is refused.

#[test]
fn what_cannot_be_sent_is_refused_at_registration() {
    let db = installed("formats_refused");
    db.psql(
        "create schema app;
         create function app.words(event outbox.event) returns text language sql stable as $$ select 'a' $$;
         create function app.object(event outbox.event) returns json language sql stable as $$ select '{}'::json $$;
         select outbox.subscribe('batch', '*', 'https://e.com/', format => 'cloudevents', batch_max => 10),
             outbox.subscribe('object', '*', 'https://e.com/', envelope => 'app.object', batch_max => 10),
             outbox.subscribe('words', '*', 'https://e.com/', envelope => 'app.words'),
             outbox.subscribe('binary', '*', 'https://e.com/', format => 'cloudevents-binary')",
    );
    for (sql, sqlstate, why) in [
        ("select outbox.subscribe('a', '*', 'https://e.com/', format => 'xml')", "23514", "format_is_known"),
        (
            "select outbox.subscribe('a', '*', 'https://e.com/', format => 'cloudevents-binary', batch_max => 2)",
            "OX029",
            "cloudevents-binary carries one event",
        ),
        (
            "update outbox.subscription set batch_max = 2 where subscriber = 'binary'",
            "OX029",
            "batch_max is 2",
        ),
        (
            "update outbox.subscription set format = 'cloudevents-binary' where subscriber = 'batch'",
            "OX029",
            "batch_max is 10",
        ),
        (
            "update outbox.subscription set batch_max = 2 where subscriber = 'words'",
            "OX029",
            "envelope app.words returns text",
        ),
        (
            "update outbox.subscription set envelope = 'app.words' where subscriber = 'object'",
            "OX029",
            "returns text",
        ),
    ] {
        let error = db.try_psql(sql).unwrap_err();
        assert_eq!(error.sqlstate, sqlstate, "{sql}: {}", error.raw);
        assert!(error.raw.contains(why), "{sql}: {}", error.raw);
    }
    for copy in [
        r#"{"copy": "$."}"#,
        r#"{"copy": 7}"#,
        r#"{"copy": null}"#,
        r#"{"copy": "$.id", "more": 1}"#,
        r#"{"other": "$.id"}"#,
        "{}",
        r#"["$.id"]"#,
        "7",
    ] {
        let sql =
            format!("select outbox.subscribe('a', '*', 'https://e.com/', headers => '{{\"X-A\": {copy}}}')");
        let error = db.try_psql(&sql).unwrap_err();
        assert_eq!(error.sqlstate, "OX007", "{copy}: {}", error.raw);
        assert!(error.message.contains("header X-A"), "{copy}: {}", error.raw);
    }
    let long = "select outbox.check_headers(jsonb_build_object('X-A', jsonb_build_object('copy', '$.' || repeat('a', 199))))";
    assert_eq!(db.try_psql(long).unwrap_err().sqlstate, "OX007");
    // Who has one that will do no more must be able to pause it.
    db.psql(
        "create or replace function app.words2(event outbox.event) returns json language sql stable as $$ select '{}'::json $$;
         select outbox.subscribe('later', '*', 'https://e.com/', envelope => 'app.words2', batch_max => 2);
         drop function app.words2; create function app.words2(event outbox.event) returns text language sql as $$ select 'a' $$;
         update outbox.subscription set status = 'paused' where subscriber = 'later'",
    );
}
