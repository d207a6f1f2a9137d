//! Who wants which events: registering, changing and ending subscriptions, their secrets, pings and retries.

use std::time::Duration;

use crate::installed::{EVENTS, installed, login_roles};
use crate::support::{Database, shared};

const SOON: Duration = Duration::from_secs(30);

/// A database with types `Order.Paid`, `Order.Line.Added`, `Order` and `Invoice.Paid`.
fn catalogue(hint: &str) -> Database {
    let db = installed(hint);
    db.psql(
        "select outbox.define_event_type(t) from \
            unnest('{Order.Paid,Order.Line.Added,Order,Invoice.Paid}'::text[]) t",
    );
    db
}

#[test]
fn a_pattern_matches_what_it_says() {
    let db = catalogue("subscription_patterns");
    for (pattern, matched) in [
        ("Order.Paid", "Order.Paid"),
        ("Order", "Order"),
        ("Order.*", "Order.Line.Added,Order.Paid"),
        ("Order.Line.*", "Order.Line.Added"),
        ("*", "Invoice.Paid,Order,Order.Line.Added,Order.Paid"),
        ("outbox.ping", ""),
    ] {
        db.psql(&format!(
            "truncate outbox.event, outbox.delivery; delete from outbox.subscription;
             select outbox.subscribe('a', '{pattern}', 'https://example.com/');
             select outbox.emit(t.name) from outbox.event_type t where t.name <> 'outbox.ping'"
        ));
        let seen = db.psql(
            "select string_agg(e.type, ',' order by e.type) from outbox.delivery d join outbox.event e on \
                e.id = d.event_id",
        );
        assert_eq!(seen, matched, "{pattern}");
    }
}

#[test]
fn a_pattern_that_no_event_type_matches_is_refused() {
    let db = catalogue("subscription_unknown");
    for (pattern, sqlstate) in [
        ("'Order.Payed'", "OX001"),
        ("'order.*'", "OX001"),
        ("'Invoice.Paid.*'", "OX001"),
        ("'Order.'", "OX005"),
        ("'*.Paid'", "OX005"),
        ("'Order*'", "OX005"),
        ("'Order.*.*'", "OX005"),
        ("''", "OX005"),
        ("null", "OX005"),
        ("repeat('a', 100000)", "OX005"),
    ] {
        let calls = [
            format!("select outbox.subscribe('a', {pattern}, 'https://example.com/')"),
            format!(
                "insert into outbox.subscription (subscriber, pattern, url) values ('a', {pattern}, \
                    'https://example.com/')"
            ),
            format!(
                "select outbox.subscribe('a', '*', 'https://example.com/'); update outbox.subscription set \
                    pattern = {pattern}"
            ),
        ];
        for call in calls.iter().take(if pattern == "null" { 2 } else { 3 }) {
            let error = db.try_psql(&format!("begin; {call}")).unwrap_err();
            assert_eq!(error.sqlstate, sqlstate, "{call}: {}", error.raw);
        }
    }
    assert_eq!(db.psql("select count(*) from outbox.subscription"), "0");
}

const GOOD_URLS: &[&str] = &[
    "https://example.com",
    "https://example.com/",
    "https://example.com:8443/a/b?c=d&e=%20",
    "https://EXAMPLE.com/",
    "https://localhost/",
    "https://a_b.example/",
    "https://xn--bcher-kva.example/",
    "https://192.0.2.1/",
    "https://192.0.2.1:1/",
    "https://[2001:db8::1]/",
    "https://[2001:db8::1]:65535/",
    "https://[::ffff:192.0.2.1]/",
    "https://1password.com/",
    "https://example.com/?u=a@b",
    "https://example.com?x",
    "https://e0x.example/0x7f",
];

/// URLs that are refused, and a word of the reason.
const BAD_URLS: &[(&str, &str)] = &[
    ("", "empty"),
    ("/orders", "not absolute"),
    ("example.com", "not absolute"),
    ("//example.com/", "not absolute"),
    ("https:example.com", "not absolute"),
    ("ftp://example.com/", "scheme"),
    ("file:///etc/passwd", "scheme"),
    ("HTTPS://example.com/", "scheme"),
    ("http://example.com/", "http:// is not allowed"),
    ("https:///path", "no host"),
    ("https://:443/", "no host"),
    ("https://hush@example.com/", "user name or password"),
    ("https://user:hush@example.com/", "user name or password"),
    ("https://:@example.com/", "user name or password"),
    ("https://example.com/#hush", "fragment"),
    ("https://exa mple.com/", "white space"),
    (" https://example.com/", "white space"),
    ("https://example.com/ ", "white space"),
    ("https://example.com/\thush", "white space"),
    ("https://example.com/\r\nX: hush", "white space"),
    ("https://bücher.example/", "ASCII"),
    ("https://example.com/ü", "ASCII"),
    ("https://example.com/🎉", "ASCII"),
    ("https://example.com:0/", "port"),
    ("https://example.com:65536/", "port"),
    ("https://example.com:999999999999/", "port"),
    ("https://example.com:-1/", "port"),
    ("https://example.com:/", "port"),
    ("https://example.com:443:443/", "port"),
    ("https://example.com./", "dot"),
    ("https://exa..mple.com/", "not a name"),
    ("https://-example.com/", "not a name"),
    ("https://exa%6dple.com/", "not a name"),
    ("https://exa!mple.com/", "not a name"),
    ("https://example.com\\@evil.example/", "percent-encoded"),
    ("https://example.com/{a}", "percent-encoded"),
    ("https://example.com/<a>", "percent-encoded"),
    ("https://2130706433/", "number"),
    ("https://0x7f000001/", "number"),
    ("https://0x7f.1/", "number"),
    ("https://127.1/", "number"),
    ("https://0177.0.0.1/", "number"),
    ("https://1.2.3.4.5/", "number"),
    ("https://999.1.1.1/", "not an IP address"),
    ("https://256.0.0.1/", "not an IP address"),
    ("https://[fe80::1%eth0]/", "zone"),
    ("https://[fe80::1%25eth0]/", "zone"),
    ("https://[::::]/", "not an IP address"),
    ("https://[1:2:3]/", "not an IP address"),
    ("https://[::1]evil/", "IPv6"),
    ("https://[::1/", "IPv6"),
    ("https://[example.com]/", "IPv6"),
    ("https://[]/", "IPv6"),
];

#[test]
fn a_url_that_can_be_posted_to_is_taken_as_it_is() {
    let db = catalogue("subscription_urls");
    for url in GOOD_URLS {
        let id = db.psql(&format!("select outbox.subscribe('a', '*', '{url}')"));
        assert_eq!(db.psql(&format!("select url from outbox.subscription where id = {id}")), *url);
    }
    db.psql(
        "update outbox.setting set http_allowed = true; select outbox.subscribe('a', '*', \
        'http://example.com/')",
    );
    let error = db.try_psql("select outbox.subscribe('a', '*', 'ftp://example.com/')").unwrap_err();
    assert_eq!(error.sqlstate, "OX006");
}

#[test]
fn a_url_that_cannot_be_posted_to_or_means_two_things_is_refused_at_once() {
    let db = catalogue("subscription_bad_urls");
    let long = format!("https://example.com/{}", "a".repeat(2048));
    let over = (long.as_str(), "2048");
    db.psql("select outbox.subscribe('b', '*', 'https://example.com/')");
    for (url, reason) in BAD_URLS.iter().chain([&over]) {
        let error = db.try_psql(&format!("select outbox.subscribe('a', '*', $u${url}$u$)")).unwrap_err();
        assert_eq!(error.sqlstate, "OX006", "{url}: {}", error.raw);
        assert!(error.message.contains(reason), "{url}: {}", error.message);
        assert!(!error.raw.contains("hush") && error.raw.len() < 2000, "{url}: {}", error.raw);
        let error = db.try_psql(&format!("update outbox.subscription set url = $u${url}$u$")).unwrap_err();
        assert_eq!(error.sqlstate, "OX006", "{url} by update");
    }
    for statement in [
        "select outbox.subscribe('a', '*', null)",
        "insert into outbox.subscription (subscriber, pattern) values ('a', '*')",
        "update outbox.subscription set url = null",
    ] {
        assert_eq!(db.try_psql(statement).unwrap_err().sqlstate, "OX006", "{statement}");
    }
}

/// Header maps that are refused, and a word of the reason.
const BAD_HEADERS: &[(&str, &str)] = &[
    ("[]", "not a JSON object"),
    ("[\"hush\"]", "not a JSON object"),
    ("\"hush\"", "not a JSON object"),
    ("null", "not a JSON object"),
    ("7", "not a JSON object"),
    (r#"{"X-A": 1}"#, "not a string"),
    (r#"{"X-A": null}"#, "not a string"),
    (r#"{"X-A": ["hush"]}"#, "not a string"),
    (r#"{"X-A": {"hush": 1}}"#, "not a string"),
    (r#"{"X-A": "hush\r\nX-B: 1"}"#, "printable ASCII"),
    (r#"{"X-A": "hush\n"}"#, "printable ASCII"),
    (r#"{"X-A": " hush"}"#, "printable ASCII"),
    (r#"{"X-A": "hush\t"}"#, "printable ASCII"),
    (r#"{"X-A": "hüsh hush"}"#, "printable ASCII"),
    (r#"{"": "hush"}"#, "not a header name"),
    (r#"{"X A": "hush"}"#, "not a header name"),
    (r#"{"X-A:": "hush"}"#, "not a header name"),
    (r#"{"X-Ü": "hush"}"#, "not a header name"),
    (r#"{"X-A\r\nX-B": "hush"}"#, "not a header name"),
    (r#"{"x-a": "hush", "X-A": "hush"}"#, "given twice"),
    (r#"{"Host": "hush"}"#, "may not be set"),
    (r#"{"connection": "hush"}"#, "may not be set"),
    (r#"{"Content-Length": "9"}"#, "may not be set"),
    (r#"{"content-TYPE": "hush"}"#, "may not be set"),
    (r#"{"Transfer-Encoding": "hush"}"#, "may not be set"),
    (r#"{"TE": "hush"}"#, "may not be set"),
    (r#"{"Trailer": "hush"}"#, "may not be set"),
    (r#"{"Upgrade": "hush"}"#, "may not be set"),
    (r#"{"Expect": "100-continue"}"#, "may not be set"),
    (r#"{"Keep-Alive": "hush"}"#, "may not be set"),
    (r#"{"Proxy-Authorization": "hush"}"#, "may not be set"),
    (r#"{"webhook-id": "hush"}"#, "may not be set"),
    (r#"{"Webhook-Signature": "hush"}"#, "may not be set"),
    (r#"{"outbox-attempt": "hush"}"#, "may not be set"),
];

#[test]
fn headers_that_would_break_or_forge_a_request_are_refused_without_showing_values() {
    let db = catalogue("subscription_headers");
    db.psql("select outbox.subscribe('b', '*', 'https://example.com/')");
    let many: Vec<String> = (0..65).map(|n| format!("\"X-{n}\": \"\"")).collect();
    let many = format!("{{{}}}", many.join(","));
    let long = format!("{{\"X-A\": \"{}\"}}", "h".repeat(8200));
    let limits = [(many.as_str(), "too large"), (long.as_str(), "too large")];
    for (headers, reason) in BAD_HEADERS.iter().chain(&limits) {
        let error =
            db.try_psql(&format!("update outbox.subscription set headers = $h${headers}$h$")).unwrap_err();
        assert_eq!(error.sqlstate, "OX007", "{headers}: {}", error.raw);
        assert!(error.message.contains(reason), "{headers}: {}", error.message);
        let told = format!("{}{:?}{:?}", error.message, error.detail, error.hint);
        assert!(!told.contains("hush") && told.len() < 1000, "{headers}: {told}");
        let subscribed = db.try_psql(&format!(
            "select outbox.subscribe('a', '*', 'https://e.com/', headers => $h${headers}$h$)"
        ));
        assert_eq!(subscribed.unwrap_err().sqlstate, "OX007", "{headers}");
    }
    let error = db.try_psql("update outbox.subscription set headers = null").unwrap_err();
    assert_eq!(error.sqlstate, "OX007");
    let good = r#"{"Authorization": "Bearer a b", "X-Empty": "", "x!#$%&'*+.^_`|~-9": "~"}"#;
    db.psql(&format!("select outbox.subscribe('a', '*', 'https://e.com/', headers => $h${good}$h$)"));
}

/// Assignments to one column, and the constraint that refuses them.
const LIMITS: &[(&str, &str)] = &[
    ("concurrency = 0", "concurrency_is_1_to_1000"),
    ("concurrency = -1", "concurrency_is_1_to_1000"),
    ("concurrency = 1001", "concurrency_is_1_to_1000"),
    ("deadline = '0'", "deadline_is_100_ms_to_60_s"),
    ("deadline = '-1 s'", "deadline_is_100_ms_to_60_s"),
    ("deadline = '1000000000 s'", "deadline_is_100_ms_to_60_s"),
    ("deadline = '1 month'", "deadline_is_100_ms_to_60_s"),
    ("max_attempts = 0", "max_attempts_is_1_to_1000"),
    ("max_attempts = 2147483647", "max_attempts_is_1_to_1000"),
    ("backoff_base = '0'", "backoff_base_is_1_ms_to_1_day"),
    ("backoff_base = '2 days'", "backoff_base_is_1_ms_to_1_day"),
    ("backoff_cap = '1 s'", "backoff_cap_is_base_to_7_days"),
    ("backoff_cap = '8 days'", "backoff_cap_is_base_to_7_days"),
    ("identity = ''", "identity_is_a_plain_name"),
    ("identity = '../../etc'", "identity_is_a_plain_name"),
    ("identity = '.hidden'", "identity_is_a_plain_name"),
    ("identity = 'a/b'", "identity_is_a_plain_name"),
    ("identity = E'a\\n'", "identity_is_a_plain_name"),
    ("identity = repeat('a', 101)", "identity_is_a_plain_name"),
    ("status = 'sleeping'", "status_is_known"),
    ("status = 'ACTIVE'", "status_is_known"),
];

#[test]
fn a_limit_that_is_broken_is_named_and_the_row_is_not_shown() {
    let db = catalogue("subscription_limits");
    db.psql(
        "select outbox.subscribe('a', '*', 'https://e.com/?token=hush1', headers => '{\"Authorization\": \
            \"hush2\"}')",
    );
    for (assignment, constraint) in LIMITS {
        let (column, value) = assignment.split_once(" = ").unwrap();
        let insert = format!(
            "insert into outbox.subscription (subscriber, pattern, url, headers, {column})
             values ('b', '*', 'https://e.com/?token=hush1', '{{\"Authorization\": \"hush2\"}}', {value})"
        );
        for statement in [format!("update outbox.subscription set {assignment}"), insert] {
            let error = db.try_psql(&statement).unwrap_err();
            assert_eq!(error.sqlstate, "23514", "{statement}: {}", error.raw);
            assert!(error.raw.contains(constraint), "{statement}: {}", error.raw);
            assert!(!error.raw.contains("hush"), "{statement}: {}", error.raw);
        }
    }
    for column in ["concurrency", "deadline", "max_attempts", "backoff_base", "backoff_cap", "status"] {
        let error = db.try_psql(&format!("update outbox.subscription set {column} = null")).unwrap_err();
        assert_eq!(error.sqlstate, "23502", "{column}");
        assert!(!error.raw.contains("hush"), "{column}: {}", error.raw);
    }
}

#[test]
fn a_subscriber_has_a_plain_name() {
    let db = catalogue("subscription_names");
    for name in
        ["''", "null", "' a'", "'a '", "E'a\\nb'", "E'a\\tb'", "repeat('a', 101)", "repeat('a', 1000000)"]
    {
        let error =
            db.try_psql(&format!("select outbox.subscribe({name}, '*', 'https://e.com/')")).unwrap_err();
        assert_eq!(error.sqlstate, "OX005", "{name}: {}", error.raw);
        assert!(error.raw.len() < 2000, "{name}");
    }
    for name in ["a", "Zoë & Söhne GmbH", "🎉", "a\"b", "x;--"] {
        db.psql(&format!("select outbox.subscribe('{name}', '*', 'https://e.com/')"));
    }
    db.psql("update outbox.subscriber set name = 'b' where name = 'a'");
    assert_eq!(
        db.psql("select count(*) from outbox.subscription where subscriber = 'b'"),
        "1",
        "renaming follows"
    );
}

#[test]
fn subscribing_again_is_the_same_subscription_with_the_arguments_given() {
    let db = catalogue("subscription_again");
    let call = "select outbox.subscribe('a', '*', 'https://e.com/'$)";
    let first = db.psql(&call.replace('$', ", concurrency => 3, headers => '{\"X\": \"1\"}'"));
    let secret = db.psql(&format!("select outbox.signing_secret({first})"));
    let again = db.psql(&call.replace('$', ", max_attempts => 5, identity => 'x'"));
    assert_eq!(again, first);
    assert_eq!(
        db.psql("select concurrency, headers, max_attempts, identity, version from outbox.subscription"),
        "3|{\"X\": \"1\"}|5|x|2"
    );
    assert_eq!(db.psql(&format!("select outbox.signing_secret({first})")), secret);
    let others = db.psql(
        "select count(distinct id) from (select outbox.subscribe('b', '*', 'https://e.com/') as id
         union all select outbox.subscribe('a', 'Order.*', 'https://e.com/')
         union all select outbox.subscribe('a', '*', 'https://e.com/2')) s",
    );
    assert_eq!(others, "3");
    db.psql(&format!("select outbox.unsubscribe({first})"));
    assert_ne!(db.psql(&call.replace('$', "")), first, "after it is gone it is a new one");
}

#[tokio::test]
async fn subscribing_twice_at_once_is_subscribing_once() {
    let db = catalogue("subscription_race");
    let call = "select outbox.subscribe('a', '*', 'https://e.com/')";
    let (first, second) = (db.session().await, db.session().await);
    let id = first.query_text(&format!("begin; {call}")).await;
    let waiting = second.clone();
    let task = tokio::spawn(async move { waiting.query_text(call).await });
    db.wait_until_locked_out(second.pid(), SOON).await;
    first.execute("commit").await;
    assert_eq!(task.await.unwrap(), id);
    assert_eq!(db.psql("select count(*) from outbox.subscription"), "1");
    assert_eq!(db.psql("select count(*) from outbox.signing_key"), "1");
}

#[test]
fn every_change_is_counted_and_signed_by_who_made_it() {
    let db = catalogue("subscription_version");
    login_roles(shared(), &["subscription_admin"]);
    db.psql("grant outbox_admin to subscription_admin; select outbox.subscribe('a', '*', 'https://e.com/')");
    assert_eq!(
        db.psql("select version, created_by, updated_by from outbox.subscription"),
        "1|postgres|postgres"
    );
    db.psql_as(
        "subscription_admin",
        "update outbox.subscription set status = 'paused', id = 7, key = repeat('0', 12)",
    );
    assert_eq!(
        db.psql(
            "select version, created_by, updated_by, id, key <> repeat('0', 12), updated_at > \
            created_at from outbox.subscription"
        ),
        "2|postgres|subscription_admin|1|t|t"
    );
}

#[test]
fn plain_statements_do_what_the_functions_do() {
    let db = catalogue("subscription_plain");
    login_roles(shared(), &["subscription_admin"]);
    db.psql("grant outbox_admin to subscription_admin");
    db.psql_as(
        "subscription_admin",
        "insert into outbox.subscription (subscriber, pattern, url) values ('a', '*', 'https://e.com/');
         update outbox.subscription set pattern = 'Order.*';
         select outbox.emit('Order.Paid'), outbox.emit('Invoice.Paid')",
    );
    assert_eq!(db.psql("select count(*) from outbox.delivery"), "1");
    db.psql_as("subscription_admin", "select outbox.signing_secret(1); delete from outbox.subscription");
    assert_eq!(db.psql("select id, status, headers from outbox.subscription"), "1|gone|{}");
    for statement in
        ["update outbox.subscription set status = 'active'", "update outbox.subscription set concurrency = 3"]
    {
        let error = db.try_psql(statement).unwrap_err();
        assert_eq!(error.sqlstate, "OX008", "{}", error.raw);
    }
    for (statement, sqlstate) in [
        ("truncate outbox.subscription", "OX012"),
        ("truncate outbox.subscription cascade", "OX012"),
        ("truncate outbox.subscriber cascade", "OX012"),
        ("delete from outbox.subscriber", "23503"),
        (
            "insert into outbox.subscription (subscriber, pattern, url) values ('a', '*', \
                'https://e.com/'), ('a', '*', 'https://e.com/')",
            "23505",
        ),
    ] {
        assert_eq!(db.try_psql(statement).unwrap_err().sqlstate, sqlstate, "{statement}");
    }
}

#[test]
fn ending_a_subscription_cancels_what_is_open_with_the_reason_on_record() {
    let db = catalogue("subscription_end");
    db.psql(
        "select outbox.subscribe('a', '*', 'https://e.com/'), outbox.subscribe('b', '*', 'https://e.com/');
         select outbox.emit('Order') from generate_series(1, 5)",
    );
    assert_eq!(db.psql("select outbox.unsubscribe(1)"), "5");
    assert_eq!(db.psql("select outbox.unsubscribe(1)"), "0", "twice is once");
    for unknown in ["99", "null"] {
        let error = db.try_psql(&format!("select outbox.unsubscribe({unknown})")).unwrap_err();
        assert_eq!(error.sqlstate, "OX008");
    }
    assert_eq!(
        db.psql("select count(*) from outbox.claim('r', 100, '{}', '{}', 0) where subscription = 1"),
        "0"
    );
    assert_eq!(
        db.psql("select outbox.cancel_gone(3), outbox.cancel_gone(3), outbox.cancel_gone(3)"),
        "3|2|0"
    );
    assert_eq!(db.psql("select subscription, count(*) from outbox.delivery group by 1"), "2|5");
    assert_eq!(
        db.psql("select outcome, error, class, count(*) from outbox.attempt group by 1, 2, 3"),
        "cancelled|the subscription was removed||5"
    );
    assert_eq!(
        db.psql("select count(*) from outbox.signing_key where subscription = 1"),
        "0",
        "the secret goes at once"
    );
    db.psql("select outbox.emit('Order')");
    assert_eq!(db.psql("select count(*) from outbox.delivery where subscription = 1"), "0");
}

#[test]
fn a_delivery_that_is_being_sent_when_its_subscription_ends_is_left_until_its_lease_ends() {
    let db = catalogue("subscription_leased");
    db.psql(
        "select outbox.subscribe('a', '*', 'https://e.com/'); select outbox.emit('Order'), \
            outbox.emit('Order');
         select outbox.claim('r', 1, '{}', '{}', 0); delete from outbox.subscription",
    );
    assert_eq!(db.psql("select outbox.cancel_gone()"), "1");
    assert_eq!(db.psql("select count(*), max(leased_by) from outbox.delivery"), "1|r");
    db.psql("update outbox.delivery set due_at = clock_timestamp()");
    assert_eq!(db.psql("select outbox.cancel_gone(), count(*) from outbox.delivery"), "1|1");
}

#[tokio::test]
async fn a_writer_that_began_before_the_end_leaves_nothing_without_an_owner() {
    let db = catalogue("subscription_late_writer");
    db.psql(
        "create table item (id int primary key); select outbox.watch('item', 'Item');
         select outbox.subscribe('a', '*', 'https://e.com/')",
    );
    let writer = db.session().await;
    writer.execute("begin; insert into item values (1)").await;
    db.psql("delete from outbox.subscription; update outbox.event set occurred_at = occurred_at");
    // Long gone by the clock, but the writer has seen it alive.
    db.psql(
        "alter table outbox.subscription disable trigger subscription_check;
             update outbox.subscription set updated_at = now() - interval '9 days';
             alter table outbox.subscription enable trigger subscription_check",
    );
    assert_eq!(db.psql("select outbox.cancel_gone()"), "0");
    assert_eq!(
        db.psql("select count(*) from outbox.subscription"),
        "1",
        "the tombstone waits for the writer"
    );
    writer.execute("commit").await;
    assert_eq!(db.psql(EVENTS), "Item.Create 1");
    assert_eq!(db.psql("select outbox.cancel_gone()"), "1");
    assert_eq!(db.psql("select outcome from outbox.attempt"), "cancelled");
    // It goes when nothing needs it: as soon as transactions of other tests, in other databases, have ended too.
    let gone = "select outbox.cancel_gone() = 0 and not exists (select from outbox.subscription)";
    db.wait_until_async(gone, Duration::from_mins(1)).await;
}

#[test]
fn a_ping_goes_to_one_subscription_of_any_status() {
    let db = catalogue("subscription_ping");
    db.psql(
        "select outbox.subscribe('a', 'Order', 'https://e.com/'), outbox.subscribe('b', '*', \
            'https://e.com/');
         update outbox.subscription set status = 'paused' where id = 1",
    );
    let id = db.psql("select outbox.ping(1)");
    assert_eq!(
        db.psql(&format!(
            "select event_type, subscription, subscriber, state, data ->> 'subscription' from \
            outbox.find('{id}')"
        )),
        "outbox.ping|1|a|held|1"
    );
    assert_eq!(db.psql("select subscription from outbox.delivery"), "1");
    db.psql("delete from outbox.subscription where id = 2");
    for gone in ["2", "99", "null"] {
        assert_eq!(
            db.try_psql(&format!("select outbox.ping({gone})")).unwrap_err().sqlstate,
            "OX008",
            "{gone}"
        );
    }
}

// Secrets.

#[test]
fn every_subscription_has_a_secret_of_its_own_and_takes_another() {
    let db = catalogue("secret_set");
    db.psql(
        "select outbox.subscribe('a', '*', 'https://e.com/'), outbox.subscribe('b', '*', 'https://e.com/')",
    );
    let made = db.psql(
        "select bool_and(outbox.signing_secret(id) ~ '^whsec_[A-Za-z0-9+/]{43}=$'),
                            count(distinct outbox.signing_secret(id)) from outbox.subscription",
    );
    assert_eq!(made, "t|2");
    let theirs = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    for given in [format!("whsec_{theirs}"), theirs.to_owned(), format!("  whsec_{theirs} ")] {
        db.psql(&format!("select outbox.set_signing_secret(1, '{given}')"));
        assert_eq!(db.psql("select outbox.signing_secret(1)"), format!("whsec_{theirs}"));
    }
    assert_eq!(db.psql("select version from outbox.subscription where id = 1"), "4", "relays read it anew");
    assert_eq!(db.psql("select count(*) from outbox.signing_key"), "2");
    let short = db.psql(
        "select set_config('client_min_messages', 'error', false); select outbox.set_signing_secret(1, \
            'AQ==');
         select outbox.signing_secret(1)",
    );
    assert!(short.ends_with("whsec_AQ=="), "short ones are taken with a warning: {short}");
    let id =
        db.psql(&format!("select outbox.subscribe('c', '*', 'https://e.com/', secret => 'whsec_{theirs}')"));
    assert_eq!(db.psql(&format!("select outbox.signing_secret({id})")), format!("whsec_{theirs}"));
}

#[test]
fn what_is_no_secret_is_refused_and_never_repeated() {
    let db = catalogue("secret_bad");
    db.psql("select outbox.subscribe('a', '*', 'https://e.com/')");
    let before = db.psql("select outbox.signing_secret(1)");
    let long = format!("'hush{}'", "A".repeat(4096));
    for bad in [
        "''",
        "null",
        "'whsec_'",
        "'hush hush hush'",
        "'whsec_hush'",
        "'hush-hush_hus'",
        "'hushh'",
        "'hush===='",
        "'=hush'",
        "'whsec_whsec_hushhush'",
        "E'hush\\nhush'",
        "'hüsh'",
        &long,
    ] {
        // hush alone is base64; keep it from being that.
        let bad = if bad == "'whsec_hush'" { "'whsec_hush!'" } else { bad };
        for call in [
            format!("outbox.set_signing_secret(1, {bad})"),
            format!("outbox.subscribe('b', '*', 'https://e.com/', secret => coalesce({bad}, ''))"),
        ] {
            let error = db.try_psql(&format!("select {call}")).unwrap_err();
            assert_eq!(error.sqlstate, "OX009", "{call}: {}", error.raw);
            assert!(!error.raw.contains("hush"), "{call}: {}", error.raw);
        }
    }
    for unknown in ["99", "null"] {
        for call in
            ["outbox.signing_secret($)", "outbox.set_signing_secret($, 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')"]
        {
            let error = db.try_psql(&format!("select {}", call.replace('$', unknown))).unwrap_err();
            assert_eq!(error.sqlstate, "OX008", "{call}");
        }
    }
    assert_eq!(db.psql("select outbox.signing_secret(1)"), before);
    assert_eq!(db.psql("select count(*) from outbox.subscription"), "1");
}

#[test]
fn a_reader_sees_everything_but_secrets() {
    let db = catalogue("secret_reader");
    login_roles(shared(), &["secret_reader"]);
    db.psql(
        "grant outbox_reader to secret_reader;
         select outbox.subscribe('a', '*', 'https://e.com/hook?token=hush1', headers => \
         '{\"Authorization\": \"hush2\"}');
         select outbox.set_signing_secret(1, 'hush3hush3hush3hush3hush3hush3hu');
         select outbox.emit('Order'), outbox.emit('Order');
         select outbox.claim('r', 1, '{}', '{}', 0);
         select outbox.settle('r', false, '{1}', '{1}', '{1}', array[event_slot], array[event_id], '{10}', \
         '{5}',
             '{rejected}', '{500}', '{status}', '{boom}', '{no}', array[null], '{1000}') from \
             outbox.delivery where id = 1",
    );
    let relations = db.psql(
        "select relname from pg_class where relnamespace = 'outbox'::regnamespace and relkind in ('r', 'p', \
            'v')
             and relname not in ('subscription', 'signing_key') order by relname",
    );
    for relation in relations.lines() {
        let rows = db.psql_as("secret_reader", &format!("select r::text from outbox.{relation} r"));
        assert!(!rows.contains("hush"), "{relation}: {rows}");
    }
    for denied in [
        "select * from outbox.signing_key",
        "select url from outbox.subscription",
        "select * from outbox.subscription",
        "select headers from outbox.subscription",
        "select outbox.signing_secret(1)",
        "select * from outbox.subscription_settings('{1}')",
        "update outbox.subscription set status = 'paused'",
        "select outbox.retry(1)",
        "delete from outbox.delivery",
        "select outbox.ping(1)",
    ] {
        assert_eq!(db.try_psql_as("secret_reader", denied).unwrap_err().sqlstate, "42501", "{denied}");
    }
    let found = db.psql_as(
        "secret_reader",
        "select f::text from outbox.find((select uid::text from outbox.event limit 1)) f",
    );
    assert!(found.contains("https://e.com/hook") && !found.contains("hush"), "{found}");
    let backlog = db.psql_as(
        "secret_reader",
        "select endpoint from outbox.backlog union select endpoint from outbox.failing",
    );
    assert_eq!(backlog, "https://e.com/hook");
}

#[test]
fn a_relay_may_deliver_and_nothing_else() {
    let db = catalogue("secret_relay");
    login_roles(shared(), &["secret_relay"]);
    db.psql(
        "grant outbox_relay to secret_relay; select outbox.subscribe('a', '*', 'https://e.com/'); \
        select outbox.emit('Order')",
    );
    db.psql_as(
        "secret_relay",
        "select outbox.claim('r', 1, '{}', '{}', 0); select outbox.subscription_settings('{1}'); select \
            outbox.cancel_gone();
         select outbox.report_relay('r', 'h', 1, '0', 'kept')",
    );
    for denied in [
        "select from outbox.event",
        "select from outbox.delivery",
        "select outbox.emit('Order')",
        "select from outbox.signing_key",
        "select outbox.retry(1)",
        "update outbox.subscription set url = 'https://evil.example/'",
        "delete from outbox.attempt",
    ] {
        assert_eq!(db.try_psql_as("secret_relay", denied).unwrap_err().sqlstate, "42501", "{denied}");
    }
}

// Looking up and retrying.

#[test]
fn find_takes_every_form_of_a_webhook_id_and_refuses_the_rest() {
    let db = catalogue("find_forms");
    db.psql("select outbox.subscribe('a', '*', 'https://e.com/'); select outbox.emit('Order')");
    let id = db.psql("select outbox.webhook_id(e.uid, s.key) from outbox.event e, outbox.subscription s");
    assert_eq!(id.len(), 45);
    let uid = db.psql("select uid from outbox.event");
    for form in [
        id.clone(),
        id.to_uppercase(),
        format!(" {id} "),
        id[..32].to_owned(),
        uid.clone(),
        format!("{uid}_{}", &id[33..]),
    ] {
        assert_eq!(
            db.psql(&format!("select event_type, subscription, state from outbox.find('{form}')")),
            "Order|1|due",
            "{form}"
        );
    }
    let other = format!("{}_{}", &id[..32], "0".repeat(12));
    assert_eq!(
        db.psql(&format!("select count(*) from outbox.find('{other}')")),
        "0",
        "of another subscription"
    );
    let padded = format!("{id}0");
    for bad in [
        "",
        "x",
        &id[..31],
        &id[..44],
        padded.as_str(),
        "' or true --",
        &id.replace('_', "-"),
        &"a".repeat(100_000),
    ] {
        let error = db.try_psql(&format!("select outbox.find($q${bad}$q$)")).unwrap_err();
        assert_eq!(error.sqlstate, "OX011", "{bad}");
        assert!(error.raw.len() < 1000);
    }
    assert_eq!(db.try_psql("select outbox.find(null)").unwrap_err().sqlstate, "OX011");
}

/// Ends delivery `n` of a database with this outcome; `null` puts it back for an hour.
fn settle(db: &Database, n: u32, attempt: u32, class: &str, outcome: &str) {
    db.psql(&format!(
        "select outbox.settle('r', false, array[d.id], '{{{attempt}}}', array[d.subscription], \
            array[d.event_slot],
             array[d.event_id], '{{10}}', '{{5}}', '{{{class}}}', array[null::int], array[null], \
             array[null], array[null],
             array[{outcome}], '{{3600000}}') from outbox.delivery d where d.id = {n}"
    ));
}

#[test]
fn a_dead_delivery_is_retried_with_a_full_number_of_attempts_and_the_same_id() {
    let db = catalogue("retry_dead");
    db.psql("select outbox.subscribe('a', '*', 'https://e.com/'); select outbox.emit('Order')");
    let id = db.psql("select webhook_id from outbox.claim('r', 1, '{}', '{}', 0)");
    settle(&db, 1, 1, "rejected", "'dead'");
    assert_eq!(db.psql("select delivery, attempt, reason from outbox.dead_letter"), "1|1|rejected");
    assert_eq!(db.psql(&format!("select state from outbox.find('{id}')")), "dead");
    assert_eq!(db.psql("select outbox.retry(delivery) from outbox.dead_letter where subscription = 1"), id);
    assert_eq!(db.psql("select count(*) from outbox.dead_letter"), "0");
    assert_eq!(db.psql(&format!("select distinct state from outbox.find('{id}')")), "due");
    assert_eq!(
        db.psql("select webhook_id, attempt, retry_base from outbox.claim('r', 1, '{}', '{}', 0)"),
        format!("{id}|2|1")
    );
    settle(&db, 1, 2, "delivered", "'delivered'");
    assert_eq!(
        db.psql(&format!("select attempt, state from outbox.find('{id}')")),
        "1|delivered\n0|delivered\n2|delivered",
        "between the two the note of who has retried it"
    );
    assert_eq!(db.try_psql("select outbox.retry(1)").unwrap_err().sqlstate, "OX008", "it was delivered");
}

#[test]
fn a_waiting_delivery_becomes_due_and_one_being_sent_is_left_alone() {
    let db = catalogue("retry_waiting");
    db.psql(
        "select outbox.subscribe('a', '*', 'https://e.com/'); select outbox.emit('Order');
             select outbox.claim('r', 1, '{}', '{}', 0)",
    );
    let lease = db.psql("select due_at, leased_by, attempt from outbox.delivery");
    db.psql("select outbox.retry(1)");
    assert_eq!(db.psql("select due_at, leased_by, attempt from outbox.delivery"), lease);
    settle(&db, 1, 1, "rejected", "null");
    assert_eq!(db.psql("select due_at > clock_timestamp() + interval '50 min' from outbox.delivery"), "t");
    db.psql("select outbox.retry(1)");
    assert_eq!(db.psql("select due_at <= clock_timestamp(), attempt from outbox.delivery"), "t|1");
}

#[test]
fn what_is_gone_or_was_never_there_cannot_be_retried() {
    let db = catalogue("retry_gone");
    db.psql(
        "select outbox.subscribe('a', '*', 'https://e.com/'); select outbox.emit('Order'), \
            outbox.emit('Order');
         select outbox.claim('r', 1, '{}', '{}', 0)",
    );
    settle(&db, 1, 1, "rejected", "'dead'");
    db.psql("delete from outbox.subscription");
    for (delivery, detail) in [("1", "gone"), ("2", "gone"), ("99", "neither"), ("null", "neither")] {
        let error = db.try_psql(&format!("select outbox.retry({delivery})")).unwrap_err();
        assert_eq!(error.sqlstate, "OX008", "{delivery}");
        assert!(error.detail.unwrap().contains(detail), "{delivery}");
    }
    assert_eq!(db.psql("select count(*) from outbox.dead_letter"), "1", "it stays on record");
}

#[tokio::test]
async fn a_dead_letter_retried_twice_at_once_is_opened_once() {
    let db = catalogue("retry_race");
    db.psql(
        "select outbox.subscribe('a', '*', 'https://e.com/'); select outbox.emit('Order');
             select outbox.claim('r', 1, '{}', '{}', 0)",
    );
    settle(&db, 1, 1, "rejected", "'dead'");
    let (first, second) = (db.session().await, db.session().await);
    let id = first.query_text("begin; select outbox.retry(1)").await;
    let waiting = second.clone();
    let task = tokio::spawn(async move { waiting.try_query_text("select outbox.retry(1)").await });
    db.wait_until_locked_out(second.pid(), SOON).await;
    first.execute("commit").await;
    assert_eq!(task.await.unwrap().unwrap(), id);
    assert_eq!(db.psql("select count(*) from outbox.delivery"), "1");
}
