//! Subscriptions that want some events only: by what the data contain, by a jsonpath, by the object, not by a source.

use crate::installed::login_roles;
use crate::published::{publisher, wanted_by};
use crate::support::{Database, shared};

/// Subscribes to `Order.*` with further arguments; the id.
fn subscribe(db: &Database, settings: &str) -> String {
    db.psql(&format!("select outbox.subscribe('a', 'Order.*', 'https://example.com/', {settings})"))
}

/// Who gets an event with these arguments of `publish()`. Both ways to make deliveries come to the same.
#[track_caller]
fn gets(db: &Database, publish: &str) -> String {
    let found = wanted_by(db, &db.psql(&format!("select publish({publish})")));
    let split = wanted_by(db, &db.psql(&format!("select publish_split({publish})")));
    assert_eq!(found, split, "deliver() and deliver_special() differ for {publish}");
    found
}

/// A filter, data, and whether the data contain it.
const CONTAINMENT: &[(&str, &str, bool)] = &[
    (r#"{"status": "PAID"}"#, r#"{"status": "PAID", "n": 1}"#, true),
    (r#"{"status": "PAID"}"#, r#"{"status": "OPEN"}"#, false),
    (r#"{"status": "PAID"}"#, r#"{"Status": "PAID"}"#, false),
    (r#"{"status": "PAID"}"#, "{}", false),
    (r#"{"status": "PAID"}"#, "null", false),
    (r#"{"status": "PAID"}"#, r#""PAID""#, false),
    (r#"{"status": "PAID"}"#, r#"[{"status": "PAID"}]"#, false),
    ("{}", r#"{"any": 1}"#, true),
    ("{}", "{}", true),
    ("{}", "null", false),
    (r#"{"a": {"b": {"c": true}}}"#, r#"{"a": {"b": {"c": true, "d": 0}}, "e": 1}"#, true),
    (r#"{"a": {"b": {"c": true}}}"#, r#"{"a": {"b": {"c": false}}}"#, false),
    (r#"{"a": {"b": {"c": true}}}"#, r#"{"a": {"b": [{"c": true}]}}"#, false),
    (r#"{"a": {}}"#, r#"{"a": {"b": 1}}"#, true),
    (r#"{"a": {}}"#, r#"{"a": 1}"#, false),
    (r#"{"tags": ["x", "y"]}"#, r#"{"tags": ["y", "z", "x"]}"#, true),
    (r#"{"tags": ["x", "y"]}"#, r#"{"tags": ["x"]}"#, false),
    (r#"{"tags": ["x"]}"#, r#"{"tags": "x"}"#, false),
    (r#"{"tags": "x"}"#, r#"{"tags": ["x"]}"#, false),
    (r#"{"lines": [{"sku": 7}]}"#, r#"{"lines": [{"sku": 6}, {"sku": 7, "n": 1}]}"#, true),
    (r#"{"n": 1}"#, r#"{"n": 1.00}"#, true),
    (r#"{"n": 100.0}"#, r#"{"n": 1e2}"#, true),
    (r#"{"n": 1}"#, r#"{"n": "1"}"#, false),
    (r#"{"n": "1"}"#, r#"{"n": 1}"#, false),
    // 2^53 and one, and what no double holds.
    (r#"{"n": 9007199254740993}"#, r#"{"n": 9007199254740993}"#, true),
    (r#"{"n": 9007199254740993}"#, r#"{"n": 9007199254740992}"#, false),
    (r#"{"n": 1e400}"#, r#"{"n": 1e400}"#, true),
    (r#"{"n": 1e400}"#, r#"{"n": 1e401}"#, false),
    (
        r#"{"n": 0.1000000000000000000000000000000000000000000000000000000000000000000001}"#,
        r#"{"n": 0.1}"#,
        false,
    ),
    (
        r#"{"n": 0.1}"#,
        r#"{"n": 0.10000000000000000000000000000000000000000000000000000000000000000000}"#,
        true,
    ),
    (r#"{"n": -0}"#, r#"{"n": 0.0}"#, true),
    (r#"{"n": null}"#, r#"{"n": null}"#, true),
    (r#"{"n": null}"#, "{}", false),
    (r#"{"n": null}"#, r#"{"n": "null"}"#, false),
    (r#"{"b": true}"#, r#"{"b": "true"}"#, false),
    (r#"{"a.b": 1}"#, r#"{"a.b": 1}"#, true),
    (r#"{"a.b": 1}"#, r#"{"a": {"b": 1}}"#, false),
    (r#"{"a,{}\"\\": 1}"#, r#"{"a,{}\"\\": 1}"#, true),
    (r#"{"": {"": ""}}"#, r#"{"": {"": ""}}"#, true),
    (r#"{"a": {"0": 5}}"#, r#"{"a": {"0": 5}}"#, true),
    (r#"{"a": {"0": 5}}"#, r#"{"a": [5]}"#, false),
    (r#"{"größe": "5 €"}"#, r#"{"größe": "5 €"}"#, true),
];

#[test]
fn a_filter_is_what_the_data_must_contain() {
    for (filter, data, matches) in CONTAINMENT {
        // Several share a database, so that each is looked up among others.
        let db = containment();
        let event = db.psql(&format!("select publish($j${data}$j$)"));
        let found = db.psql(&format!(
            "select count(*) from outbox.delivery d join outbox.subscription s on s.id = d.subscription \
             where d.event_id = {event} and s.filter = $j${filter}$j$"
        ));
        assert_eq!(found, if *matches { "1" } else { "0" }, "{filter} and {data}");
    }
    let db = containment();
    let wrong = "select count(*) from outbox.event e cross join outbox.subscription s
        where (e.data @> s.filter) <> exists (
            select from outbox.delivery d where d.event_id = e.id and d.subscription = s.id)";
    assert_eq!(db.psql(wrong), "0", "the look-up and the operator differ");
    assert_eq!(
        db.psql("select count(*) from (select 1 from outbox.delivery group by subscription, event_id having count(*) > 1) x"),
        "0"
    );
}

/// A database with a subscription for each filter above, made once.
fn containment() -> &'static Database {
    static MADE: std::sync::OnceLock<Database> = std::sync::OnceLock::new();
    MADE.get_or_init(|| {
        let db = publisher("filters_containment");
        for (filter, ..) in CONTAINMENT {
            subscribe(&db, &format!("filter => $j${filter}$j$"));
        }
        db
    })
}

#[test]
fn long_values_and_many_places_are_found_too() {
    let db = publisher("filters_long");
    let long = |end: &str| format!(r#"{{"id": "{}{end}"}}"#, "ä".repeat(2000));
    subscribe(&db, &format!("filter => '{}'", long("1")));
    subscribe(&db, &format!("filter => '{}'", long("2")));
    assert_eq!(gets(&db, &format!("'{}'", long("2"))), "2");
    assert_eq!(gets(&db, &format!("'{}'", long(""))), "");
    // A key that no index entry holds: looked at each time.
    let key = "k".repeat(4000);
    subscribe(&db, &format!("filter => '{{\"{key}\": 1}}'"));
    assert_eq!(gets(&db, &format!("'{{\"{key}\": 1}}'")), "3");
    // Beyond 32 places of a pattern there are no anchors, but matches.
    db.psql(
        "select outbox.subscribe('a', 'Order.Update', 'https://example.com/', filter => jsonb_build_object('k' || n, n)) \
         from generate_series(1, 40) n",
    );
    let anchors = "select count(anchor), count(distinct anchor_path), count(*) from outbox.subscription \
        where pattern = 'Order.Update'";
    assert_eq!(db.psql(anchors), "32|32|40");
    assert_eq!(gets(&db, r#"'{"k1": 1, "k2": 1, "k32": 32, "k33": 33, "k40": 40}'"#), "4,35,36,43");
}

#[test]
fn an_event_finds_a_filter_by_what_fewest_filters_share() {
    let db = publisher("filters_anchor");
    db.psql(
        "select outbox.subscribe('a', 'Order.*', 'https://example.com/', \
             filter => jsonb_build_object('orderId', n, 'status', 'APPROVED')) from generate_series(1, 200) n",
    );
    let anchors =
        "select anchor_path, count(*), count(distinct anchor) from outbox.subscription group by 1 order by 1";
    assert_eq!(db.psql(anchors), "{orderId}|199|199\n{status}|1|1", "the first did not know");
    assert_eq!(gets(&db, r#"'{"orderId": 150, "status": "APPROVED"}'"#), "150");
    assert_eq!(gets(&db, r#"'{"orderId": 150, "status": "OPEN"}'"#), "");
    assert_eq!(gets(&db, r#"'{"orderId": 1, "status": "APPROVED"}'"#), "1");
}

#[test]
fn a_path_is_a_predicate_and_what_is_not_true_is_no_match() {
    let db = publisher("filters_path");
    for path in [
        "$.amount > 100",
        "strict $.customer.name == \"Ada\"",
        "exists($.lines[*] ? (@.n > 3))",
        "$.note like_regex \"^urgent\"",
        "$.at.datetime() < \"2020-01-01T00:00:00+00:00\".datetime()",
        "$.amount / $.by > 1",
        "$.**.deep == 1",
    ] {
        subscribe(&db, &format!("filter_path => $p${path}$p$"));
    }
    for (data, by) in [
        (r#"{"amount": 101}"#, "1"),
        (r#"{"amount": 100}"#, ""),
        (r#"{"amount": "101"}"#, ""),
        (r#"{"amount": [1, 101]}"#, "1"),
        (r#"{"customer": {"name": "Ada"}}"#, "2"),
        (r#"{"customer": 7}"#, ""),
        (r#"{"lines": [{"n": 1}, {"n": 4}]}"#, "3"),
        (r#"{"note": "urgent: now"}"#, "4"),
        (r#"{"note": 5}"#, ""),
        (r#"{"at": "2019-12-31T23:00:00+00:00"}"#, "5"),
        // To compare these takes a time zone, an error that no operator suppresses.
        (r#"{"at": "2019-12-31"}"#, ""),
        (r#"{"at": "no time"}"#, ""),
        (r#"{"amount": 4, "by": 2}"#, "6"),
        (r#"{"amount": 4, "by": 0}"#, ""),
        ("null", ""),
        ("[]", ""),
    ] {
        assert_eq!(gets(&db, &format!("$j${data}$j$")), by, "{data}");
    }
    // So deep that a recursive path needs more stack than there is: the writer does not fail.
    let deep = "(repeat('{\"a\":', 5000) || '1' || repeat('}', 5000))::jsonb";
    assert_eq!(gets(&db, deep), "");
}

#[test]
fn the_id_of_an_object_is_compared_as_events_have_it() {
    let db = publisher("filters_object");
    subscribe(&db, "object_id => '7'");
    subscribe(&db, "object_id => ''");
    subscribe(&db, "object_id => repeat('x', 1000)");
    subscribe(&db, "object_id => repeat('x', 5000)");
    for (id, by) in [
        ("'7'", "1"),
        ("'8'", ""),
        ("null", ""),
        ("''", "2"),
        ("repeat('x', 1000)", "3"),
        ("outbox.short_id(repeat('x', 5000))", "4"),
        ("outbox.short_id(repeat('x', 5001))", ""),
    ] {
        assert_eq!(gets(&db, &format!("'{{}}', {id}")), by, "{id}");
    }
    assert_eq!(subscribe(&db, "object_id => repeat('x', 5000)"), "4", "the same again");
    assert_eq!(db.psql("select max(length(object_id)) from outbox.subscription"), "1000");
    db.psql("update outbox.subscription set object_id = repeat('y', 5000) where id = 4");
    assert_eq!(gets(&db, "'{}', outbox.short_id(repeat('y', 5000))"), "4");
}

#[test]
fn all_that_is_given_must_hold() {
    let db = publisher("filters_together");
    subscribe(&db, "object_id => '7', filter => '{\"a\": 1}', filter_path => '$.b > 1'");
    subscribe(&db, "filter => '{\"a\": 1}', filter_path => '$.b > 1'");
    subscribe(&db, "object_id => '7', filter_path => '$.b > 1'");
    subscribe(&db, "object_id => '7', filter => '{\"a\": 1}'");
    for (data, id, by) in [
        (r#"{"a": 1, "b": 2}"#, "7", "1,2,3,4"),
        (r#"{"a": 1, "b": 2}"#, "8", "2"),
        (r#"{"a": 1, "b": 1}"#, "7", "4"),
        (r#"{"a": 2, "b": 2}"#, "7", "3"),
    ] {
        assert_eq!(gets(&db, &format!("'{data}', '{id}'")), by, "{data} {id}");
    }
}

#[test]
fn a_source_is_excluded_for_who_asked_for_it_and_that_is_on_record() {
    let db = publisher("filters_source");
    subscribe(&db, "exclude_source => 'billing'");
    subscribe(&db, "object_id => '7'");
    subscribe(&db, "exclude_source => 'billing', filter => '{\"a\": 1}'");
    assert_eq!(gets(&db, "'{}', '7'"), "1,2");
    assert_eq!(gets(&db, "'{}', '7', 'shop'"), "1,2");
    assert_eq!(db.psql("select count(*) from outbox.attempt"), "0");
    let event = db.psql("select publish('{}', '7', 'billing')");
    assert_eq!(wanted_by(&db, &event), "2");
    let record = "select subscription, event_id, attempt, class is null, outcome, error from outbox.attempt";
    assert_eq!(
        db.psql(record),
        format!("1|{event}|0|t|skipped|made by source billing, which this subscription excludes")
    );
    // Found by who asks what became of it.
    let state = format!(
        "select f.state, f.error from outbox.event e, outbox.find(e.uid::text) f where e.id = {event} and f.subscription = 1"
    );
    assert_eq!(db.psql(&state), "skipped|made by source billing, which this subscription excludes");
    assert_eq!(
        db.psql("select count(*) from outbox.attempt a join outbox.delivery d on d.id = a.delivery"),
        "0",
        "a number of its own"
    );
}

#[test]
fn a_change_counts_from_its_commit_on() {
    let db = publisher("filters_change");
    subscribe(&db, "filter => '{\"a\": 1}'");
    assert_eq!(gets(&db, r#"'{"a": 1}'"#), "1");
    for (change, gets_1, gets_2) in [
        ("set filter = '{\"a\": 2}'", "", "1"),
        ("set filter = null, object_id = '7'", "", ""),
        ("set object_id = null, filter_path = '$.a > 1'", "", "1"),
        ("set filter_path = null", "1", "1"),
        ("set pattern = 'Order.Create', filter = '{\"a\": 1}'", "", ""),
        ("set pattern = '*', anchor = 'nonsense'", "1", ""),
        ("set anchor_path = '{x}', anchor = null", "1", ""),
        ("set status = 'paused'", "1", ""),
    ] {
        db.psql(&format!("update outbox.subscription {change}"));
        assert_eq!(
            (gets(&db, r#"'{"a": 1}'"#), gets(&db, r#"'{"a": 2}'"#)),
            (gets_1.into(), gets_2.into()),
            "{change}"
        );
    }
    db.psql("delete from outbox.subscription");
    assert_eq!(gets(&db, r#"'{"a": 1}'"#), "");
    assert_eq!(
        db.psql("select status, filter from outbox.subscription"),
        "gone|{\"a\": 1}",
        "history names it and what it wanted"
    );
}

/// Every combination of what may narrow a subscription down, found in one way only.
#[test]
fn nobody_gets_an_event_twice() {
    let db = publisher("filters_once");
    db.psql(
        "insert into outbox.subscription (subscriber, pattern, url, object_id, filter, filter_path, exclude_source)
         select 'a', p, 'https://example.com/' || row_number() over (), o, f, j::jsonpath, x
         from unnest('{*,Order.*,Order.Update,Order.Create}'::text[]) p, unnest('{7,NULL}'::text[]) o,
             unnest(array['{\"a\": 1}', '{\"a\": {}}', '{\"a\": [1]}', '{}', null]::jsonb[]) f,
             unnest('{$.a == 1,NULL}'::text[]) j,
             unnest('{billing,NULL}'::text[]) x",
    );
    let expected = "select count(*) from outbox.subscription s
        where pattern <> 'Order.Create' and (filter is null or '{\"a\": 1}' @> filter) and exclude_source is null";
    for publish in ["publish", "publish_split"] {
        let event = db.psql(&format!("select {publish}('{{\"a\": 1}}', '7', 'billing')"));
        let counted = db.psql(&format!(
            "select count(*), count(distinct subscription) from outbox.delivery where event_id = {event}"
        ));
        let expected = db.psql(expected);
        assert_eq!(counted, format!("{expected}|{expected}"), "{publish}");
        let skipped = db.psql(&format!(
            "select count(*) > 0, count(*) = count(distinct subscription) from outbox.attempt where event_id = {event}"
        ));
        assert_eq!(skipped, "t|t", "{publish}");
    }
}

#[test]
fn an_event_that_holds_an_error_is_delivered_to_nobody() {
    let db = publisher("filters_error");
    db.psql("select outbox.subscribe('a', '*', 'https://example.com/')");
    subscribe(&db, "object_id => '7'");
    let made = "with e as (insert into outbox.event (slot, type, object, object_id, data, error)
            values (3, 'Order.Update', 'Order', '7', 'null', 'builder failed') returning id)
        select array_agg(id) as ids into temp t from e;
        select outbox.deliver(3::smallint, ids), outbox.deliver_special(3::smallint, ids) from t";
    assert_eq!(db.psql(made), "0|0");
    assert_eq!(db.psql("select count(*) from outbox.delivery"), "0");
}

#[test]
fn the_same_narrowing_again_is_the_same_subscription() {
    let db = publisher("filters_same");
    db.psql("create function f(e outbox.event) returns json language sql as $$ select json_build_object('id', e.id) $$");
    let all = "object_id => '7', filter => '{\"a\": 1, \"b\": [2]}', filter_path => '$.c > 1'";
    assert_eq!(subscribe(&db, "object_id => '7'"), "1");
    assert_eq!(subscribe(&db, all), "2");
    assert_eq!(subscribe(&db, "filter => '{\"a\": 1}'"), "3");
    assert_eq!(subscribe(&db, "filter_path => '$.c > 1'"), "4");
    assert_eq!(subscribe(&db, "secret => null"), "5");
    let again = "object_id => '7', filter_path => '$.c>1', filter => '{\"b\":[2],\"a\":1}', exclude_source => 'x', \
        envelope => 'public.f', concurrency => 3";
    assert_eq!(subscribe(&db, again), "2");
    assert_eq!(subscribe(&db, all), "2");
    let kept = "select exclude_source, envelope, concurrency, special from outbox.subscription where id = 2";
    assert_eq!(db.psql(kept), "x|public.f|3|t");
    assert_eq!(db.psql("select string_agg(id::text, ',') from outbox.subscription where not special"), "5");
}

/// What is given, and words of the message and of the way out.
const BAD: &[(&str, &str, &str)] = &[
    ("filter => '[1]'", "filter is not a JSON object but: array", "filter_path"),
    ("filter => '\"hush\"'", "filter is not a JSON object but: string", "For example"),
    ("filter => 'null'", "filter is not a JSON object but: null", "For example"),
    ("filter => jsonb_build_object('hush', repeat('x', 9000))", "filter is too large: 9012 bytes", "small"),
    ("filter_path => '$.a >'", "filter_path is not a jsonpath", "For example"),
    ("filter_path => ''", "filter_path is not a jsonpath", "For example"),
    ("filter_path => '$.a'", "filter_path is not a predicate", "exists("),
    ("filter_path => '$.a ? (@ > 1)'", "filter_path is not a predicate", "exists("),
    ("filter_path => '$.a > $x'", "filter_path is not a predicate", "true or false"),
    ("filter_path => '$.a == \"' || repeat('x', 1100) || '\"'", "filter_path is too large", "filter"),
    ("exclude_source => ''", "exclude_source has 0 characters", "NULL"),
    ("exclude_source => repeat('x', 201)", "exclude_source has 201 characters", "NULL"),
];

#[test]
fn what_could_never_match_is_refused_when_it_is_registered() {
    let db = publisher("filters_bad");
    for (given, message, hint) in BAD {
        let error = db
            .try_psql(&format!("select outbox.subscribe('a', 'Order.*', 'https://example.com/', {given})"))
            .expect_err(given);
        assert_eq!(
            (error.sqlstate.as_str(), error.message.contains(message)),
            ("OX016", true),
            "{given}: {}",
            error.raw
        );
        assert!(error.hint.as_ref().is_some_and(|said| said.contains(hint)), "{given}: {}", error.raw);
        assert!(!error.raw.contains("hush") || given.contains("9000"), "{given}: {}", error.raw);
    }
    subscribe(&db, "secret => null");
    for change in ["filter = '7'", "filter_path = '$.a'", "exclude_source = ''"] {
        let error = db.try_psql(&format!("update outbox.subscription set {change}")).expect_err(change);
        assert_eq!(error.sqlstate, "OX016", "{change}: {}", error.raw);
    }
}

/// The functions run with the `search_path` of whoever writes, and with the rights of the owner of schema outbox.
#[test]
fn nothing_that_a_writer_has_laid_in_the_way_is_used() {
    let db = publisher("filters_traps");
    subscribe(&db, "object_id => '7'");
    subscribe(&db, "filter => '{\"a\": 1}', filter_path => '$.a == 1'");
    subscribe(&db, "exclude_source => 'billing'");
    db.psql("insert into outbox.object (name, owner, mode) values ('Order', 'postgres', 'latest')");
    let mut traps = vec!["create schema trap".to_owned()];
    for (operator, left, right, result) in [
        ("=", "text", "text", "boolean"),
        ("=", "bigint", "bigint", "boolean"),
        ("=", "smallint", "smallint", "boolean"),
        ("=", "text[]", "text[]", "boolean"),
        (">", "text[]", "text[]", "boolean"),
        ("<>", "text", "text", "boolean"),
        (">", "bigint", "integer", "boolean"),
        ("<=", "bigint", "integer", "boolean"),
        (">", "bigint", "bigint", "boolean"),
        ("+", "bigint", "bigint", "bigint"),
        ("+", "integer", "integer", "integer"),
        ("||", "text", "text", "text"),
        ("@>", "jsonb", "jsonb", "boolean"),
        ("@@", "jsonb", "jsonpath", "boolean"),
        ("#>", "jsonb", "text[]", "jsonb"),
        ("#>>", "jsonb", "text[]", "text"),
    ] {
        let number = traps.len();
        traps.push(format!(
            "create function trap.sprung_{number}({left}, {right}) returns {result} language plpgsql as \
             $$ begin raise 'a trap: {operator} of {left}'; end $$; \
             create operator trap.{operator} (leftarg = {left}, rightarg = {right}, function = trap.sprung_{number})"
        ));
    }
    for function in [
        "count(bigint)",
        "jsonb_typeof(jsonb)",
        "octet_length(text)",
        "concat(text, text, text)",
        "strpos(text, text)",
    ] {
        traps.push(format!(
            "create function trap.{function} returns text language plpgsql as $$ begin raise 'a trap: {function}'; end $$"
        ));
    }
    db.psql(&traps.join("; "));
    let publish = |id: &str, source: &str| {
        let call = format!(
            "set search_path = trap, pg_catalog, public; \
             select public.publish('{{\"a\": 1}}'::pg_catalog.jsonb, '{id}', {source})"
        );
        wanted_by(&db, &db.psql(&call))
    };
    assert_eq!(publish("7", "null"), "1,2,3");
    assert_eq!(publish("7", "'billing'"), "1,2");
    assert_eq!(db.psql("select string_agg(error, ';') from outbox.attempt").matches("superseded").count(), 2);
}

#[test]
fn readers_see_what_subscriptions_want_and_only_relays_and_admins_make_deliveries() {
    let db = publisher("filters_rights");
    login_roles(shared(), &["filters_reader", "filters_relay", "filters_admin"]);
    db.psql(
        "grant outbox_reader to filters_reader; grant outbox_relay to filters_relay; \
         grant outbox_admin to filters_admin",
    );
    let wants = "object_id => '7', filter => '{\"a\": 1}', filter_path => '$.b == 1', exclude_source => 'x'";
    db.psql_as(
        "filters_admin",
        &format!(
            "select outbox.subscribe('a', 'Order.*', 'https://example.com/', {wants});
            select outbox.subscribe('a', 'Order.*', 'https://example.com/', filter => '{{\"a\": 1}}')"
        ),
    );
    let seen = "select object_id, filter, filter_path, exclude_source, special from outbox.subscription where id = 1;
        select count(*) from outbox.fanning_out";
    assert_eq!(db.psql_as("filters_reader", seen), "7|{\"a\": 1}|($.\"b\" == 1)|x|t\n0");
    for role in ["filters_relay", "filters_admin"] {
        assert_eq!(db.psql_as(role, "select outbox.expand() is null"), "t", "{role}");
        for function in ["deliver(1::smallint, '{1}')", "deliver_special(1::smallint, '{1}')"] {
            let error = db.try_psql_as(role, &format!("select outbox.{function}")).unwrap_err();
            assert_eq!(error.sqlstate, "42501", "{role} {function}");
        }
    }
    assert_eq!(db.try_psql_as("filters_reader", "select outbox.expand()").unwrap_err().sqlstate, "42501");
}
