//! What a transaction sets for its events: which of it becomes a header or part of the body, and what never does.

use crate::installed::{installed, login_roles};
use crate::listening::{Listening, SECRET, post};
use crate::stage::{HASTY, Stage};
use crate::support::{Request, shared, verify_signature};

/// Names of headers; whether a subscription, and so a transaction, may set them.
const NAMES: &[(&str, bool)] = &[
    ("X-CorrelationId", true),
    ("x_under", true),
    ("tracestate", true),
    ("Authorization", true),
    ("X-!#$%&'*+.^`|~", true),
    ("Host", false),
    ("Connection", false),
    ("Content-Length", false),
    ("content-type", false),
    ("Content-Encoding", false),
    ("Transfer-Encoding", false),
    ("TE", false),
    ("Trailer", false),
    ("Upgrade", false),
    ("Expect", false),
    ("Keep-Alive", false),
    ("Accept-Encoding", false),
    ("webhook-id", false),
    ("Webhook-Signature", false),
    ("outbox-attempt", false),
    ("OUTBOX-TRACE-ID", false),
    ("proxy-authorization", false),
    ("not a name", false),
    ("größe", false),
    ("x:y", false),
    ("", false),
];

#[test]
fn what_a_transaction_has_set_is_sent_unless_it_is_ours_or_the_subscriptions() {
    let stage = Stage::new("context_wire");
    let subscription = stage.subscribe(&format!(r#"{HASTY}, headers => '{{"X-Team": "billing"}}'"#));
    stage.emit(1);
    let mut headers: serde_json::Map<String, serde_json::Value> =
        NAMES.iter().map(|(name, _)| ((*name).to_owned(), "from the writer".into())).collect();
    headers.insert("X-Team".into(), "from the writer".into());
    headers.insert("X-Line".into(), "one\r\nX-Two: two".into());
    headers.insert("X-Umlaut".into(), "ä".into());
    headers.insert("X-Empty".into(), "".into());
    headers.insert("X-Number".into(), 7.into());
    let headers = serde_json::Value::Object(headers).to_string().replace('\'', "''");
    stage.db.psql(&format!(
        "update outbox.event set headers = '{headers}', trace_id = 'trace 1', \
         traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'"
    ));
    assert_eq!(stage.once().stdout, "delivered 1, will retry 0, dead 0, cancelled 0\n");
    let requests = stage.receiver.requests();
    let request = &requests[0];
    assert_eq!(written(request), NAMES.iter().filter(|(_, may)| *may).count());
    for (name, may) in NAMES {
        let sql = format!("select outbox.check_headers(jsonb_build_object({}, 'x'))", quoted(name));
        assert_eq!(stage.db.try_psql(&sql).is_ok(), *may, "{name} for a subscription");
        let sent = request.header(&name.to_lowercase()) == Some("from the writer");
        assert_eq!(sent, *may, "{name} from a transaction");
    }
    assert_eq!(request.header("x-team"), Some("billing"));
    for name in ["x-line", "x-two", "x-umlaut", "x-empty", "x-number"] {
        assert_eq!(request.header(name), None, "{name}");
    }
    assert_eq!(
        request.header("traceparent"),
        Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    );
    assert_eq!(request.header("outbox-trace-id"), Some("trace 1"));
    assert_eq!(request.header("outbox-attempt"), Some("1"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    let once = |name: &str| request.headers.iter().filter(|(key, _)| key == name).count();
    for name in ["host", "content-length", "content-type", "webhook-id", "outbox-attempt", "outbox-trace-id"]
    {
        assert_eq!(once(name), 1, "{name}");
    }
    verify_signature(&stage.secret(subscription), request).unwrap();
}

fn written(request: &Request) -> usize {
    request.headers.iter().filter(|(_, value)| value == "from the writer").count()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[test]
fn the_trace_id_is_in_the_body_when_there_is_one() {
    let stage = Stage::new("context_body");
    stage.subscribe("");
    stage.db.psql("select outbox.emit('Order.Update', '{\"n\": 1}', 'Order', '17')");
    let body = |trace_id: &str| {
        stage.db.psql(&format!(
            "update outbox.event set trace_id = {trace_id}; select outbox.body(e) from outbox.event e"
        ))
    };
    let ends = |trace: &str| format!(r#","object":"Order","object_id":"17"{trace},"data":{{"n": 1}}}}"#);
    assert!(body("null").ends_with(&ends("")));
    let traced = body("'a\"b'");
    assert!(traced.ends_with(&ends(r#","trace_id":"a\"b""#)), "{traced}");
    stage.once();
    assert_eq!(stage.receiver.requests()[0].text(), traced);
    let id = stage.receiver.requests()[0].header("webhook-id").unwrap().to_owned();
    assert_eq!(stage.db.psql(&format!("select trace_id from outbox.find('{id}')")), "a\"b");
    assert_eq!(stage.db.psql("select trace_id from outbox.delivery_history"), "a\"b");
}

#[test]
fn a_receiver_for_developers_shows_the_trace_id() {
    let listening = Listening::start(&["--json"]);
    listening.send(&post("webhook-id: a\r\noutbox-trace-id: t1\r\n", br#"{"trace_id":"t2"}"#)).unwrap();
    listening.send(&post("webhook-id: b\r\n", br#"{"trace_id":"t2"}"#)).unwrap();
    listening.send(&post("webhook-id: c\r\n", b"{}")).unwrap();
    let told: Vec<_> = (1..=3).map(|n| listening.json(n)["trace_id"].clone()).collect();
    assert_eq!(told, [serde_json::json!("t1"), "t2".into(), serde_json::Value::Null]);
    let listening = Listening::start(&["--secret", SECRET]);
    listening.webhook(
        "a",
        r#"{"type":"Order.Update","object":"Order","object_id":"17","trace_id":"t\u001b1","data":{}}"#,
    );
    listening
        .process
        .wait_for_line(" verified Order.Update Order 17, trace t\\u001b1, answered 200", crate::stage::SOON);
}

// What is read of the settings of a transaction.

#[test]
fn a_transaction_sets_the_headers_that_are_listed_and_no_others() {
    let db = installed("context_settings");
    let said = |settings: &str| {
        db.psql(&format!("begin; {settings}; select coalesce(outbox.context_headers()::text, 'none')"))
    };
    let tenant = "set local outbox.header.x_tenant = 'a b'";
    assert_eq!(said(tenant), "none", "nothing is listed");
    db.psql("update outbox.setting set context_headers = '{X-CorrelationId, X-Tenant, x_odd}'");
    assert_eq!(said("select 1 where false"), "none");
    assert_eq!(said(tenant), r#"{"X-Tenant": "a b"}"#);
    assert_eq!(said(&format!("{tenant}; set local outbox.header.x_tenant = ''")), "none");
    assert_eq!(
        said(
            "set local outbox.header.x_correlationid = 'c'; set local outbox.header.X_TENANT = E'\\n\"ä'; \
             set local outbox.header.x_odd = '1'; \
             set local outbox.header.x_other = 'o'"
        ),
        r#"{"x_odd": "1", "X-Tenant": "\n\"ä", "X-CorrelationId": "c"}"#
    );
    let long = "set local outbox.header.x_odd = '1'; \
        select set_config('outbox.header.x_tenant', repeat('x', 8193), true) is null";
    assert_eq!(said(long), "f\n{\"x_odd\": \"1\"}");
    // As after the end of a transaction that has set it.
    assert_eq!(db.psql(&format!("begin; {tenant}; commit; select outbox.context_headers() is null")), "t");
}

/// Writers run it with the rights of the owner and a `search_path` of their own.
#[test]
fn nothing_in_the_way_of_a_writer_is_run_by_reading_them() {
    let db = installed("context_traps");
    login_roles(shared(), &["context_writer"]);
    db.psql(
        "update outbox.setting set context_headers = '{X-Tenant}';
         create schema evil authorization context_writer; create sequence evil.ran;
         create function evil.capture() returns jsonb language plpgsql security definer as $$
             begin return outbox.context_headers(); end $$",
    );
    let caught = db.psql_as(
        "context_writer",
        "create function evil.sprung() returns boolean language sql as $$ select nextval('evil.ran') > 0 $$;
         create function evil.lower(text) returns text language plpgsql as $$ begin perform evil.sprung(); return ''; end $$;
         create function evil.replace(text, text, text) returns text language plpgsql as $$
             begin perform evil.sprung(); return ''; end $$;
         create function evil.cat(text, text) returns text language plpgsql as $$ begin perform evil.sprung(); return ''; end $$;
         create operator evil.|| (leftarg = text, rightarg = text, function = evil.cat);
         create function evil.more(int, int) returns boolean language sql as $$ select evil.sprung() $$;
         create operator evil.> (leftarg = int, rightarg = int, function = evil.more);
         create operator evil.>= (leftarg = int, rightarg = int, function = evil.more);
         create operator evil.<= (leftarg = int, rightarg = int, function = evil.more);
         create domain pg_temp.text as pg_catalog.text check (evil.sprung());
         create domain pg_temp.jsonb as pg_catalog.jsonb check (evil.sprung());
         set search_path = evil, pg_temp, pg_catalog; set outbox.header.x_tenant = 'a'; select evil.capture()",
    );
    assert_eq!(caught, r#"{"X-Tenant": "a"}"#);
    assert_eq!(db.psql("select is_called from evil.ran"), "f");
}

#[test]
fn a_name_that_could_not_be_sent_or_set_is_refused_when_it_is_listed() {
    let db = installed("context_listed");
    login_roles(shared(), &["context_admin"]);
    db.psql("grant outbox_admin to context_admin");
    for (names, sqlstate, why) in [
        ("{Content-Type}", "OX007", "header Content-Type may not be set"),
        ("{webhook-id}", "OX007", "header webhook-id may not be set"),
        ("{X-A,Outbox-Attempt}", "OX007", "header Outbox-Attempt may not be set"),
        ("{Traceparent}", "OX007", "header Traceparent may not be listed"),
        ("{X-A,x_a}", "OX007", "header x_a is listed twice"),
        ("{X-A,X-A}", "OX007", "header X-A is listed twice"),
        ("{\"X A\"}", "OX007", "not the name of a header that a transaction can set: 'X A'"),
        ("{1-A}", "OX007", "not the name of a header"),
        ("{X.A}", "OX007", "not the name of a header"),
        ("{X-Ä}", "OX007", "not the name of a header"),
        ("{\"\"}", "OX007", "not the name of a header"),
        ("{NULL}", "23502", "a name in context_headers is NULL"),
    ] {
        let sql = format!("update outbox.setting set context_headers = '{names}'");
        let error = db.try_psql_as("context_admin", &sql).unwrap_err();
        assert_eq!(error.sqlstate, sqlstate, "{names}: {}", error.raw);
        assert!(error.message.contains(why), "{names}: {}", error.raw);
    }
    let many =
        "update outbox.setting set context_headers = array(select 'X-' || n from generate_series(1, 33) n)";
    assert_eq!(db.try_psql(many).unwrap_err().sqlstate, "OX007");
    db.psql_as(
        "context_admin",
        "update outbox.setting set context_headers = '{X-CorrelationId, X-Tenant}', http_allowed = true",
    );
    let found = db.psql("select array_to_json(context_headers) from outbox.setting");
    assert_eq!(found, r#"["X-CorrelationId","X-Tenant"]"#);
}
