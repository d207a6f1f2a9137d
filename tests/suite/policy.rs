//! What follows from an answer, and when the next attempt is: the table of `src/relay/verdict.rs` over the wire.

use serde_json::Value;

use crate::installed::installed;
use crate::stage::{HASTY, Stage, text};
use crate::support::Reply;

/// Answers one event so, and gives what is in the ledger of it.
fn answered(stage: &Stage, reply: Reply) -> Value {
    let before = stage.attempts().len();
    stage.receiver.reply(reply);
    stage.emit(1);
    stage.once();
    let attempts = stage.attempts();
    assert_eq!(attempts.len(), before + 1, "one attempt: {attempts:?}");
    attempts.into_iter().next_back().unwrap()
}

fn outcome(row: &Value) -> (i64, &str, &str) {
    (row["status"].as_i64().unwrap_or_default(), text(row, "class"), text(row, "outcome"))
}

#[test]
fn success_codes_are_those_of_the_subscription() {
    let stage = Stage::new("success_codes");
    stage.subscribe("success_codes => '{200}', max_attempts => 1");
    assert_eq!(outcome(&answered(&stage, Reply::status(200))), (200, "delivered", "delivered"));
    let row = answered(&stage, Reply::status(204));
    assert_eq!(outcome(&row), (204, "rejected", "dead"));
    assert_eq!(
        text(&row, "error"),
        "the subscriber answered 204 No Content: a success is 200 here (success_codes)"
    );
}

#[test]
fn what_would_never_be_taken_is_not_sent_again() {
    let stage = Stage::new("permanent");
    stage.subscribe("permanent_codes => '{400,413}'");
    let row = answered(&stage, Reply::status(400));
    assert_eq!(outcome(&row), (400, "rejected", "dead"));
    let reason =
        "the subscriber answered 400 Bad Request; no other attempt would change that (permanent_codes)";
    assert_eq!(text(&row, "error"), reason);
    assert_eq!(stage.db.psql("select reason from outbox.dead_letter"), reason);
    let row = answered(&stage, Reply::status(500).header("outbox-retry", "no"));
    assert_eq!(outcome(&row), (500, "rejected", "dead"));
    assert!(text(&row, "error").ends_with("wants no other attempt (outbox-retry: no)"), "{row}");
    let row = answered(&stage, Reply::status(413).header("retry-after", "3600"));
    assert_eq!(outcome(&row), (413, "rejected", ""), "413 with Retry-After is temporary");
}

#[test]
fn a_subscriber_that_is_gone_ends_its_subscription_and_what_is_open_for_it() {
    let stage = Stage::new("gone");
    let gone = stage.subscribe("gone_codes => '{404,410}'");
    stage.emit(2);
    stage.db.psql("update outbox.delivery set due_at = due_at + interval '1 hour' where id > 1");
    stage.receiver.reply(Reply::status(404));
    let output = stage.once();
    assert_eq!(output.stdout, "delivered 0, will retry 0, dead 0, cancelled 1\n", "{}", output.stderr);
    assert_eq!(stage.receiver.count(), 1, "the second is not sent any more");
    let status = format!("select status from outbox.subscription where id = {gone}");
    assert_eq!(stage.db.psql(&status), "gone");
    stage.once();
    let rows = stage.attempts();
    let first = (404, "rejected", "cancelled");
    assert_eq!([outcome(&rows[0]), outcome(&rows[1])], [first, (0, "", "cancelled")], "{rows:?}");
    assert!(text(&rows[0], "error").ends_with("by that it ends its subscription (gone_codes)"), "{rows:?}");
    assert_eq!(text(&rows[1], "error"), "the subscription was removed");
    assert_eq!(stage.count("outbox.dead_letter"), 0);
    stage.emit(1);
    assert_eq!(stage.count("outbox.delivery"), 0);
}

/// The answer may be to a URL that somebody has corrected meanwhile.
#[test]
fn a_subscription_that_was_changed_since_is_asked_once_more() {
    let db = installed("gone_edited");
    let settle =
        "select outbox.settle('r', false, array[id], '{1}', '{1}', array[event_slot], array[event_id],
        '{60000}', '{5}', '{rejected}', '{410}', array[null::text], '{words}', array[null::text],
        '{gone}', array[null::float8]) from outbox.delivery";
    db.psql(&format!(
        "select outbox.define_event_type('A'); select outbox.subscribe('a', 'A', 'https://e.com/'); select outbox.emit('A');
         select outbox.claim('r', 1, '{{}}', '{{}}', 0);
         update outbox.subscription set url = 'https://e.com/right'; {settle}"
    ));
    let open = "select s.status, d.leased_by is null, d.due_at - clock_timestamp() between '1 s' and '5 s'
        from outbox.subscription s join outbox.delivery d on d.subscription = s.id";
    assert_eq!(db.psql(open), "active|t|t");
    assert_eq!(db.psql("select outcome is null from outbox.attempt"), "t");
    let now = settle
        .replace("60000", "0")
        .replace("'{1}', '{1}', array[event_slot]", "'{2}', '{1}', array[event_slot]");
    db.psql(&format!(
        "update outbox.delivery set due_at = clock_timestamp();
         select outbox.claim('r', 1, '{{}}', '{{}}', 0); {now}"
    ));
    assert_eq!(db.psql("select status from outbox.subscription"), "gone");
    assert_eq!(db.psql("select outcome from outbox.attempt where attempt = 2"), "cancelled");
}

#[test]
fn a_subscriber_that_asks_for_time_gets_it() {
    let stage = Stage::new("retry_after");
    stage.subscribe(HASTY);
    answered(&stage, Reply::status(429).header("retry-after", "3600"));
    let due = "select round(extract(epoch from due_at - clock_timestamp()) / 60) from outbox.delivery";
    assert_eq!(stage.db.psql(due), "60");
}

#[test]
fn immediate_retries_come_first_and_then_the_delays() {
    let stage = Stage::new("delays");
    stage.subscribe("immediate_retries => 2, delays => '{1 hour,2 hours}'");
    stage.receiver.reply(Reply::status(500));
    stage.emit(1);
    let due = "select attempt, round(extract(epoch from due_at - clock_timestamp()) / 3600, 1) from outbox.delivery";
    stage.once();
    assert_eq!(stage.receiver.count(), 3, "three at once");
    let (attempt, hours) =
        stage.db.psql(due).split_once('|').map(|(a, h)| (a.to_owned(), h.parse().unwrap())).unwrap();
    let hours: f64 = hours;
    assert_eq!(attempt, "3");
    assert!((1.0..=1.1).contains(&hours), "an hour and at most a tenth: {hours}");
}

#[test]
fn what_is_too_old_to_be_of_use_expires_without_a_post() {
    let stage = Stage::new("ttl");
    stage.subscribe("ttl => '10 min', delays => '{1 day}'");
    stage.receiver.reply(Reply::status(503));
    stage.emit(1);
    stage.once();
    let due = "select due_at - clock_timestamp() between '9 min' and '10 min' from outbox.delivery";
    assert_eq!(stage.db.psql(due), "t", "it is looked at when its time is over, not a day later");
    stage.db.psql("update outbox.event set occurred_at = occurred_at - interval '10 min'");
    stage.end_leases();
    stage.receiver.reply(Reply::default());
    assert_eq!(stage.once().stdout, "delivered 0, will retry 0, dead 0, cancelled 0, expired 1\n");
    assert_eq!(stage.receiver.count(), 1, "no late POST");
    let row = stage.attempts().remove(1);
    assert_eq!((text(&row, "class"), text(&row, "outcome")), ("", "expired"));
    assert_eq!(text(&row, "error"), "it is of no use after 600s (ttl)");
    assert_eq!(stage.count("outbox.dead_letter"), 0);
}

#[test]
fn max_age_gives_up_and_a_retry_by_hand_begins_anew() {
    let stage = Stage::new("max_age");
    stage.subscribe(&format!("max_age => '1 hour', {HASTY}"));
    stage.receiver.reply(Reply::status(500));
    stage.emit(1);
    stage.db.psql("update outbox.event set occurred_at = occurred_at - interval '1 hour'");
    assert_eq!(stage.once().stdout, "delivered 0, will retry 0, dead 1, cancelled 0\n");
    assert_eq!(stage.receiver.count(), 0);
    assert_eq!(
        stage.db.psql("select reason from outbox.dead_letter"),
        "it is tried for no longer than 3600s (max_age)"
    );
    stage.db.psql("select outbox.retry(delivery) from outbox.dead_letter");
    stage.receiver.reply(Reply::default());
    assert_eq!(stage.once().stdout, "delivered 1, will retry 0, dead 0, cancelled 0\n");
}

#[test]
fn published_schedules_have_names() {
    let db = installed("schedules");
    db.psql(
        "select outbox.subscribe(name, '*', 'https://e.com/', schedule => name) from outbox.schedule();
         select outbox.subscribe('plain', '*', 'https://e.com/')",
    );
    let rows = db.psql(
        "select subscriber, deadline, success_codes, immediate_retries, delays, max_attempts, severity_thresholds
         from outbox.subscription order by id",
    );
    assert_eq!(
        rows.lines().collect::<Vec<_>>(),
        [
            "standard|00:00:20||0|{00:00:05,00:05:00,00:30:00,02:00:00,05:00:00,10:00:00,14:00:00,20:00:00,24:00:00}|10|",
            "github|00:00:10||0||1|",
            "shopify|00:00:05||0|{00:01:00,00:02:00,00:04:00,00:08:00,00:16:00,00:32:00,01:04:00,01:53:00}|9|",
            "milmove|00:00:30|{200}|2|{00:01:00}|1000|{00:30:00,04:00:00}",
            "plain|00:00:20||0||30|",
        ]
    );
    let standard = "select sum(d) from outbox.schedule('standard') s, unnest(s.delays) d";
    assert_eq!(db.psql(standard), "75:35:05", "as Standard Webhooks says it");
    assert_eq!(db.psql(&standard.replace("standard", "shopify")), "04:00:00");
    db.psql(
        "select outbox.subscribe('milmove', '*', 'https://e.com/', schedule => 'milmove', max_attempts => 5)",
    );
    let given =
        "select max_attempts, immediate_retries from outbox.subscription where subscriber = 'milmove'";
    assert_eq!(db.psql(given), "5|2", "what is given beside it counts more");
    let error =
        db.try_psql("select outbox.subscribe('x', '*', 'https://e.com/', schedule => 'often')").unwrap_err();
    assert_eq!((error.sqlstate.as_str(), error.message.as_str()), ("OX021", "no such schedule: 'often'"));
}

/// What is wrong is told by the name of the limit, and the row, which may hold credentials, is not shown.
#[test]
fn limits_of_a_policy_are_kept_by_whatever_statement() {
    let db = installed("policy_limits");
    db.psql("select outbox.subscribe('a', '*', 'https://e.com/')");
    for (column, value, constraint) in [
        ("success_codes", "'{}'", "success_codes_are_200_to_299"),
        ("success_codes", "'{200,300}'", "success_codes_are_200_to_299"),
        ("permanent_codes", "'{200}'", "permanent_codes_are_300_to_599"),
        ("gone_codes", "'{500}'", "gone_codes_are_400_to_499"),
        ("immediate_retries", "11", "immediate_retries_is_0_to_10"),
        ("delays", "'{}'", "delays_are_1_to_100_of_0_to_7_days"),
        ("delays", "'{8 days}'", "delays_are_1_to_100_of_0_to_7_days"),
        ("max_age", "'0'", "max_age_is_1_s_to_90_days"),
        ("ttl", "'91 days'", "ttl_is_1_s_to_90_days"),
        ("severity_thresholds", "'{}'", "severity_thresholds_are_1_to_9_of_1_s_and_more"),
        ("rate", "0", "rate_is_above_0_to_10000"),
        ("rate", "'NaN'", "rate_is_above_0_to_10000"),
        ("breaker_after", "0", "breaker_after_is_1_to_1000"),
        ("ordering", "'fifo'", "ordering_is_known"),
    ] {
        let error = db.try_psql(&format!("update outbox.subscription set {column} = {value}")).unwrap_err();
        assert_eq!(error.sqlstate, "23514", "{column} = {value}: {}", error.raw);
        assert!(error.message.ends_with(constraint), "{column} = {value}: {}", error.message);
    }
    for (column, value) in [
        ("delays", "'{1 s,null}'"),
        ("success_codes", "'{200,null}'"),
        ("barrier", "null"),
        ("ordering", "null"),
    ] {
        let error = db.try_psql(&format!("update outbox.subscription set {column} = {value}")).unwrap_err();
        assert_eq!(error.sqlstate, "23502", "{column} = {value}: {}", error.raw);
    }
}
