//! Several events in one POST: what goes together, what one answer means for each of them, and what it counts as.

use serde_json::Value;

use crate::installed::installed;
use crate::stage::{HASTY, SOON, Stage, text};
use crate::support::{Database, Gate, Reply, Request, verify_signature};

/// Where each of these events is told, `[[1, 2, 3], [4]]`.
fn numbers(requests: &[Request]) -> Vec<Vec<i64>> {
    let number = |element: &Value| element["data"]["n"].as_i64().unwrap();
    requests.iter().map(|request| elements(request).iter().map(number).collect()).collect()
}

fn elements(request: &Request) -> Vec<Value> {
    request.json().as_array().unwrap_or_else(|| panic!("no array: {}", request.text())).clone()
}

fn sorted(mut numbers: Vec<Vec<i64>>) -> Vec<Vec<i64>> {
    numbers.sort();
    numbers
}

/// What a claim gives, `1:1,2,3 2:4`: the numbers of batches and the ids of their deliveries.
fn claimed(db: &Database, free: i32) -> String {
    db.psql(&format!(
        "select coalesce(string_agg(batch || ':' || ids, ' ' order by batch), '') from (
             select coalesce(batch, 0) as batch, string_agg(delivery::text, ',' order by event_id) as ids
             from outbox.claim('r', {free}, '{{}}', '{{}}', 0) group by 1) c"
    ))
}

/// A database with subscription 1, and as many events as asked for, each with a delivery of its number.
fn waiting(hint: &str, settings: &str, events: i32) -> Database {
    let db = installed(hint);
    db.psql(&format!(
        "select outbox.define_event_type('A'); select outbox.subscribe('a', 'A', 'https://e.com/', {settings});
         select count(outbox.emit('A', jsonb_build_object('n', n))) from generate_series(1, {events}) n"
    ));
    db
}

// What arrives.

#[test]
fn several_events_are_one_signed_array_and_one_row_each() {
    let stage = Stage::new("batches_wire");
    let subscription = stage.subscribe(&format!("batch_max => 3, {HASTY}"));
    stage.emit(5);
    assert_eq!(stage.once().stdout, "delivered 5, will retry 0, dead 0, cancelled 0\n");
    let requests = stage.receiver.requests();
    assert_eq!(sorted(numbers(&requests)), [vec![1, 2, 3], vec![4, 5]]);
    let bodies = stage.db.psql("select outbox.body(e) from outbox.event e order by id");
    let bodies: Vec<&str> = bodies.lines().collect();
    for request in &requests {
        let events = elements(request).len();
        let whole = if events == 3 { bodies[..3].join(",") } else { bodies[3..].join(",") };
        assert_eq!(request.text(), format!("[{whole}]"));
        assert_eq!(request.header("outbox-batch"), Some(&*events.to_string()));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("outbox-attempt"), Some("1"));
        verify_signature(&stage.secret(subscription), request).unwrap();
    }
    let id = requests[0].header("webhook-id").unwrap();
    assert!(id.len() == 38 && id.starts_with("batch_"), "{id}");
    let error = stage.db.try_psql(&format!("select outbox.find('{id}')")).unwrap_err();
    assert!(error.sqlstate == "OX011" && error.raw.contains("look for one of them"), "{}", error.raw);
    let element = text(&elements(&requests[0])[0], "id").to_owned();
    assert_eq!(stage.db.psql(&format!("select state from outbox.find('{element}')")), "delivered");
    let rows = stage.attempts();
    assert_eq!(rows.len(), 5);
    assert!(rows.iter().all(|row| row["attempt"] == 1 && text(row, "outcome") == "delivered"), "{rows:?}");
}

#[test]
fn each_format_has_its_own_array() {
    let stage = Stage::new("batches_formats");
    stage.db.psql(
        "create schema app;
         create function app.wrap(event outbox.event) returns json language plpgsql stable as $$ begin
             if (event).data ->> 'n' = '2' then raise exception 'no luck'; end if;
             return json_build_object('wrapped', (event).data); end $$",
    );
    for (path, form) in [
        ("/cloudevents", "format => 'cloudevents'"),
        ("/raw", "format => 'raw'"),
        ("/envelope", "envelope => 'app.wrap'"),
    ] {
        let settings = format!("{form}, batch_max => 10, max_attempts => 1, {HASTY}");
        stage.subscribe_url(&stage.receiver.url(path), &settings);
    }
    stage.emit(3);
    assert_eq!(stage.once().stdout, "delivered 8, will retry 0, dead 1, cancelled 0\n");
    let requests = stage.receiver.requests();
    let at = |path: &str| requests.iter().filter(|r| r.path == path).collect::<Vec<_>>();
    let [request] = at("/cloudevents")[..] else { panic!("{requests:?}") };
    assert_eq!(request.header("content-type"), Some("application/cloudevents-batch+json; charset=utf-8"));
    let whole = stage.db.psql(
        "select '[' || string_agg(outbox.formatted(e, 'cloudevents'), ',' order by id) || ']' from outbox.event e",
    );
    assert_eq!(request.text(), whole);
    assert_eq!(at("/raw")[0].text(), r#"[{"n": 1},{"n": 2},{"n": 3}]"#);
    let mut wrapped: Vec<&str> = at("/envelope").iter().map(|request| request.text()).collect();
    wrapped.sort_unstable();
    // What has no body is by itself, and the others are not held up. Which of them share a POST depends on nothing else.
    assert_eq!(wrapped, [r#"[{"wrapped" : {"n": 1}}]"#, r#"[{"wrapped" : {"n": 3}}]"#]);
    let dead = stage.db.psql("select reason from outbox.dead_letter");
    assert_eq!(dead, "envelope app.wrap raised P0001: no luck");
}

#[test]
fn the_same_members_again_have_the_same_id_and_bytes() {
    let stage = Stage::new("batches_again");
    stage.subscribe(&format!("batch_max => 10, {HASTY}"));
    stage.receiver.reply_with(|_, nth| Reply::status(if nth == 1 { 503 } else { 200 }));
    stage.emit(4);
    let _relay = stage.relay();
    stage.receiver.wait_for(2, SOON);
    stage.wait_until_drained();
    let requests = stage.receiver.requests();
    assert_eq!(numbers(&requests), [[1, 2, 3, 4], [1, 2, 3, 4]]);
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(requests[0].header("webhook-id"), requests[1].header("webhook-id"));
    assert_eq!(requests[1].header("outbox-attempt"), Some("2"));
    // One failure, not four, and no row without its reason.
    assert_eq!(
        stage.db.psql("select consecutive_failures, last_status from outbox.subscription_health"),
        "0|503"
    );
    let failed = "outbox.attempt where status = 503 and error like '%503%(a POST of 4 events)'";
    assert_eq!(stage.count(failed), 4);
}

// What one answer means.

#[test]
fn an_event_that_is_refused_takes_no_other_with_it() {
    let stage = Stage::new("batches_refused");
    stage.subscribe("batch_max => 10, max_attempts => 2, backoff_base => '1 ms', backoff_cap => '1 ms'");
    stage.receiver.reply_with(|request, _| {
        let poison = elements(request).iter().any(|element| element["data"]["n"] == 3);
        Reply::status(if poison { 413 } else { 200 })
    });
    stage.emit(4);
    let _relay = stage.relay();
    stage.wait_until_drained();
    let requests = stage.receiver.requests();
    assert_eq!(numbers(&requests)[0], [1, 2, 3, 4]);
    assert_eq!(sorted(numbers(&requests)[1..].to_vec()), [[1], [2], [3], [4]]);
    // By itself, and so without the others, but still an array.
    assert!(requests[1..].iter().all(|request| request.header("outbox-batch") == Some("1")));
    assert_eq!(stage.count("outbox.dead_letter"), 1);
    let dead = "select data ->> 'n' from outbox.dead_letter l join outbox.event e on e.id = l.event_id";
    assert_eq!(stage.db.psql(dead), "3");
    assert_eq!(stage.count("outbox.attempt where outcome = 'delivered' and attempt = 2"), 3);
}

#[test]
fn nothing_dies_by_a_post_that_others_were_in() {
    let stage = Stage::new("batches_dead");
    stage.subscribe(&format!("batch_max => 10, max_attempts => 1, {HASTY}"));
    stage
        .receiver
        .reply_with(|request, _| Reply::status(if elements(request).len() > 1 { 500 } else { 200 }));
    stage.emit(3);
    let _relay = stage.relay();
    stage.wait_until_drained();
    assert_eq!(stage.count("outbox.dead_letter"), 0);
    assert_eq!(stage.count("outbox.attempt where outcome = 'delivered' and attempt = 2"), 3);
    assert_eq!(stage.receiver.count(), 4);
}

/// What is in a relay's hands when it is stopped is due again, all of it.
#[test]
fn a_batch_that_was_cut_off_is_due_again() {
    let stage = Stage::new("batches_cut");
    stage.subscribe(&format!("batch_max => 10, {HASTY}"));
    let gate = Gate::new();
    stage.receiver.reply(Reply::default().gate(&gate));
    stage.emit(3);
    let relay = stage.relay_with(&["--grace-s", "0"]);
    stage.receiver.wait_for(1, SOON);
    relay.signal("TERM");
    assert_eq!(relay.wait(SOON), 0);
    assert_eq!(stage.count("outbox.attempt where class = 'unknown' and error_class = 'stopped'"), 3);
    assert_eq!(stage.count("outbox.delivery where due_at <= clock_timestamp() and leased_by is null"), 3);
    gate.open();
    assert_eq!(stage.once().stdout, "delivered 3, will retry 0, dead 0, cancelled 0\n");
    assert_eq!(numbers(&stage.receiver.requests()), [[1, 2, 3], [1, 2, 3]]);
}

// How much goes together.

/// POSTs are what a subscription has a number of, not events.
#[test]
fn concurrency_counts_posts() {
    let stage = Stage::new("batches_concurrency");
    stage.subscribe("batch_max => 2, concurrency => 2");
    let gate = Gate::new();
    stage.receiver.reply(Reply::default().gate(&gate));
    stage.emit(7);
    let _relay = stage.relay();
    stage.receiver.wait_for(2, SOON);
    assert_eq!(stage.count("outbox.delivery where leased_by is not null"), 4);
    assert_eq!(sorted(numbers(&stage.receiver.requests())), [[1, 2], [3, 4]]);
    gate.open();
    stage.wait_until_drained();
    assert_eq!(sorted(numbers(&stage.receiver.requests()))[2..], [vec![5, 6], vec![7]]);
}

#[test]
fn a_claim_fills_the_posts_that_may_be_made_and_no_more() {
    let db = waiting("batches_claim", "batch_max => 3, concurrency => 2", 9);
    assert_eq!(claimed(&db, 100), "1:1,2,3 2:4,5,6");
    // Two are under way for this subscription, though the claim is not told.
    assert_eq!(claimed(&db, 1), "1:7,8,9");
    let db = waiting("batches_claim_free", "batch_max => 100", 150);
    assert_eq!(claimed(&db, 1).split(',').count(), 100, "one POST, one slot");
    assert_eq!(
        db.psql("select count(*), count(*) filter (where attempt = 1) from outbox.delivery"),
        "150|100"
    );
    // However many are due, a claim ends.
    let db = waiting("batches_claim_most", "batch_max => 1000, concurrency => 1000", 2500);
    let all = "select count(*), count(distinct batch) from outbox.claim('r', 100, '{}', '{}', 0)";
    assert_eq!(db.psql(all), "2100|3");
}

#[test]
fn a_post_has_as_many_bytes_as_it_may_and_what_is_larger_goes_alone() {
    let db = waiting(
        "batches_bytes",
        "batch_max => 100, batch_bytes => 1024, format => 'raw', concurrency => 3",
        0,
    );
    // As text {"n": "…"}: 9 bytes more, and one for the comma or bracket; the bracket at the end.
    db.psql(
        "select count(outbox.emit('A', jsonb_build_object('n', repeat('x', bytes - 9))))
         from unnest('{340,340,340,341,2000,10,10}'::int[]) bytes",
    );
    assert_eq!(
        db.psql("select string_agg(length(data::text)::text, ',' order by id) from outbox.event"),
        "340,340,340,341,2000,10,10"
    );
    // [ and three of them with a comma or ] each: 1024; the fourth would be one too many.
    assert_eq!(claimed(&db, 100), "1:1,2,3 2:4 3:5");
    assert_eq!(claimed(&db, 100), "1:6,7");
    let left = db.psql("select count(*) from outbox.delivery where attempt = 0");
    assert_eq!(
        left, "0",
        "what did not go into the POSTs of the first claim was left untouched for the second"
    );
}

#[test]
fn what_is_to_go_alone_does_and_what_has_no_event_is_cancelled() {
    let db = waiting("batches_alone", "batch_max => 10", 5);
    db.psql("update outbox.delivery set alone = true where id = 3; delete from outbox.event where data = '{\"n\": 5}'");
    assert_eq!(claimed(&db, 100), "1:1,2 2:3 3:4 4:5");
    let stage = Stage::new("batches_gone");
    stage.subscribe("batch_max => 10");
    stage.emit(3);
    stage.db.psql("delete from outbox.event where data = '{\"n\": 2}'");
    assert_eq!(stage.once().stdout, "delivered 2, will retry 0, dead 0, cancelled 1\n");
    assert_eq!(sorted(numbers(&stage.receiver.requests())), [[1], [3]]);
}

/// A probe is one event; a rate and what the breaker counts are POSTs.
#[test]
fn a_rate_and_a_breaker_are_about_posts() {
    let db = waiting("batches_rate", "batch_max => 10, concurrency => 1, rate => 2", 25);
    // In one breath: after half a second there is room for a third.
    let claim = "select count(*) from outbox.claim('r', 100, '{}', '{}', 0)";
    assert_eq!(db.psql(&format!("{claim}; {claim}; {claim}")), "10\n10\n0", "two POSTs a second");
    let db = waiting("batches_probe", "batch_max => 10", 5);
    db.psql(
        "insert into outbox.subscription_health (subscription, breaker_opened, held_since, held_until, held_why)
         values (1, 1, now(), now(), 'breaker')",
    );
    assert_eq!(claimed(&db, 100), "1:1", "and an array, as all that this subscriber gets");
    assert_eq!(claimed(&db, 100), "", "while it is under way");
    // What shared a POST does not die by it when that ends the subscription; what had it for itself does.
    for (followers, left) in [("false,true", "0|3"), ("null,null", "1|2")] {
        let db = waiting("batches_severity", "batch_max => 10, severity_thresholds => '{1 s}'", 3);
        claimed(&db, 100);
        db.psql(
            "insert into outbox.subscription_health (subscription, consecutive_failures, failing_since)
                 values (1, 3, now() - interval '1 minute')",
        );
        db.psql(&format!(
            "select outbox.settle('r', false, '{{1,2}}', '{{1,1}}', '{{1,1}}', array[0,0]::smallint[], '{{1,2}}', '{{1,1}}',
                '{{1,1}}', '{{rejected,rejected}}', '{{500,500}}', '{{null,null}}', '{{no,no}}', '{{null,null}}', '{{null,null}}',
                '{{0,0}}', alones => '{{false,false}}', followers => '{{{followers}}}')"
        ));
        assert_eq!(db.psql("select status from outbox.subscription"), "disabled", "{followers}");
        let counted =
            "select (select count(*) from outbox.dead_letter), (select count(*) from outbox.delivery)";
        assert_eq!(db.psql(counted), left, "{followers}");
    }
}

#[test]
fn what_has_an_order_goes_one_by_one() {
    let db = installed("batches_order");
    for ordering in ["object", "strict"] {
        let call = format!(
            "select outbox.subscribe('a', '*', 'https://e.com/', batch_max => 10, ordering => '{ordering}')"
        );
        let error = db.try_psql(&call).unwrap_err();
        assert_eq!(error.sqlstate, "OX029");
        assert!(error.raw.contains("batch_max => 1"), "{}", error.raw);
    }
    db.psql("select outbox.subscribe('a', '*', 'https://e.com/', batch_max => 10)");
    let error = db.try_psql("update outbox.subscription set ordering = 'object'").unwrap_err();
    assert_eq!(error.sqlstate, "OX029");
    db.psql("update outbox.subscription set ordering = 'object', batch_max = 1");
}

/// Events are counted, not POSTs.
#[test]
fn no_more_are_sent_than_the_subscription_may_have() {
    let db = waiting("batches_allowance", "batch_max => 10, max_deliveries => 3", 5);
    assert_eq!(claimed(&db, 100), "1:1,2,3");
    assert_eq!(claimed(&db, 100), "", "while they are under way");
}

/// Deliveries of other subscriptions are claimed as ever, beside those in batches.
#[test]
fn subscriptions_with_and_without_batches_are_claimed_together() {
    let db = waiting("batches_mixed", "batch_max => 10", 3);
    db.psql("select outbox.subscribe('b', 'A', 'https://e.com/'); select outbox.emit('A'), outbox.emit('A')");
    let rows = db.psql(
        "select subscription, count(*), count(distinct batch), bool_and(body is not null)
         from outbox.claim('r', 100, '{}', '{}', 0) group by 1 order by 1",
    );
    assert_eq!(rows, "1|5|1|t\n2|2|0|t");
}
