//! What is wrong, and what is only worth knowing, one sentence each with what to do.

use serde_json::{Value, json};

use super::{list, text, whole};
use crate::screen::{count, span};

/// Adds to what was read: `release`, `schema` (a sentence when it is not this release's), `healthy`, `problems`, `notes`. Of the
/// last two each has `what` and `remedy`, a line to run or null.
#[must_use]
pub fn judge(mut found: Value, release: &str, schema: Option<&str>) -> Value {
    let problems = problems(&found, schema);
    found["release"] = json!(release);
    found["schema"] = json!(schema);
    found["healthy"] = json!(problems.is_empty());
    found["notes"] = json!(notes(&found));
    found["problems"] = json!(problems);
    found
}

/// What is so, and what to run, if that can be said in a line.
fn say(what: impl Into<String>, remedy: Option<&str>) -> Value {
    json!({"what": what.into(), "remedy": remedy})
}

fn problems(found: &Value, schema: Option<&str>) -> Vec<Value> {
    let totals = &found["totals"];
    let mut problems = Vec::new();
    if found["is_home"] != json!(true) {
        problems.push(say(
            "this database is a copy and delivers nothing; if it is to deliver, and the original no more, adopt it",
            Some("select outbox.adopt_database();"),
        ));
    }
    let anybody = whole(found, "relays_alive") > 0;
    if !anybody {
        problems.push(nobody(found));
    }
    problems.extend(schema.map(|schema| say(schema, None)));
    match whole(totals, "failing") {
        0 => {}
        1 => problems.push(say("1 subscription fails; its last error is below", None)),
        failing => {
            problems.push(say(format!("{failing} subscriptions fail; their last errors are below"), None));
        }
    }
    problems.extend(disabled(found));
    let stalled = whole(totals, "stalled");
    if stalled > 0 && anybody {
        let stalled = count(stalled, "subscription");
        problems.push(say(
            format!(
                "nothing has gone to {stalled} for a minute although deliveries are due; see /readyz or the log of the \
                 relays, and who holds back what"
            ),
            Some("select * from outbox.oldest_xmin;"),
        ));
    }
    let dead = whole(totals, "dead_letters");
    if dead > 0 {
        problems.push(say(
            format!("{} given up; once the cause is mended, send again", count(dead, "delivery")),
            Some("select outbox.retry(delivery) from outbox.dead_letter;"),
        ));
    }
    let (broken, more) = (list(found, "broken_watches"), whole(found, "broken_watches_more"));
    if let Some(first) = broken.first() {
        let all = i64::try_from(broken.len()).unwrap_or(0) + more;
        let others = if all > 1 { format!(" (and {} more: outboxd check)", all - 1) } else { String::new() };
        let what = format!(
            "the watch of {} does not work: {}{others}",
            text(first, "relation"),
            text(first, "reason")
        );
        problems.push(say(what, Some(&format!("{};", text(first, "remedy")))));
    }
    problems
}

/// The first of the disabled subscriptions; they are listed before all others.
fn disabled(found: &Value) -> Option<Value> {
    let first = list(found, "subscriptions").iter().find(|one| text(one, "status") == "disabled")?;
    let (id, subscriber) = (whole(first, "id"), text(first, "subscriber"));
    let others = match whole(&found["totals"], "disabled") - 1 {
        ..=0 => String::new(),
        more => format!(" (and {more} more are)"),
    };
    let what = format!(
        "subscription {id} of {subscriber} is disabled{others}: nothing is sent to it until it is enabled"
    );
    Some(say(what, Some(&format!("select outbox.enable({id});"))))
}

/// No relay is there.
fn nobody(found: &Value) -> Value {
    let waiting = match whole(&found["totals"], "open") {
        0 => String::new(),
        open => format!(" while {} wait", count(open, "delivery")),
    };
    let last = list(found, "relays").first();
    let ago = |key: &str| last.and_then(|relay| relay[key].as_f64()).map(span);
    let last = match (ago("stopped_s_ago"), ago("seen_s_ago")) {
        (Some(stopped), _) => format!("the last stopped {stopped} ago"),
        (None, Some(seen)) => format!("the last was seen {seen} ago"),
        (None, None) => "none was ever seen".to_owned(),
    };
    say(format!("NO RELAY IS ALIVE{waiting}; {last}; start one"), Some("outboxd run"))
}

fn notes(found: &Value) -> Vec<Value> {
    let mut notes = Vec::new();
    let held_back = whole(&found["totals"], "held_back");
    if held_back > 0 {
        notes.push(say(format!("{} held back: paused or disabled", count(held_back, "delivery")), None));
    }
    let fanning_out = whole(&found["totals"], "fanning_out");
    if fanning_out > 0 {
        let events = count(fanning_out, "event");
        let what = format!("{events} wanted by very many: relays are making the deliveries");
        notes.push(say(what, Some("select * from outbox.fanning_out;")));
    }
    if let Some(reason) = found["doorbell_silence"].as_str() {
        let what = format!("commits do not wake relays, which look by themselves: {reason}");
        notes.push(say(what, None));
    }
    for leaf in list(found, "leaves_not_emptied") {
        let what = format!("old rows of {} are still there: {}", text(leaf, "leaf"), text(leaf, "obstacle"));
        notes.push(say(what, None));
    }
    if let Some(oldest) = list(found, "old_transactions").first() {
        let age = span(oldest["age_s"].as_f64().unwrap_or(0.0));
        let what = format!("{} holds back {} for {age}", text(oldest, "who"), text(oldest, "holds"));
        notes.push(say(what, Some(text(oldest, "remedy"))));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(change: impl FnOnce(&mut Value)) -> Value {
        let mut found = json!({"is_home": true, "relays_alive": 1, "relays": [], "totals": {"open": 0}});
        change(&mut found);
        judge(found, "0.1.0", None)
    }

    #[test]
    fn each_trouble_is_a_sentence_and_its_absence_none() {
        assert_eq!(found(|_| ())["healthy"], json!(true));
        let cases: [(&str, Value, &str, Option<&str>); 7] = [
            ("is_home", json!(false), "this database is a copy", Some("select outbox.adopt_database();")),
            (
                "relays_alive",
                json!(0),
                "NO RELAY IS ALIVE; none was ever seen; start one",
                Some("outboxd run"),
            ),
            ("totals", json!({"failing": 2}), "2 subscriptions fail", None),
            (
                "subscriptions",
                json!([{"id": 3, "subscriber": "acme", "status": "disabled"}]),
                "subscription 3 of acme is disabled: nothing is sent",
                Some("select outbox.enable(3);"),
            ),
            (
                "totals",
                json!({"stalled": 1}),
                "nothing has gone to 1 subscription for a minute",
                Some("select * from outbox.oldest_xmin;"),
            ),
            (
                "totals",
                json!({"dead_letters": 3}),
                "3 deliveries given up",
                Some("select outbox.retry(delivery) from outbox.dead_letter;"),
            ),
            (
                "broken_watches",
                json!([{"relation": "t", "reason": "r", "remedy": "s"}, {}]),
                "the watch of t does not work: r (and 1 more: outboxd check)",
                Some("s;"),
            ),
        ];
        for (key, value, sentence, remedy) in cases {
            let found = found(|found| found[key] = value);
            let problems = list(&found, "problems");
            assert!(problems.len() == 1 && found["healthy"] == json!(false), "{found:#}");
            assert!(
                text(&problems[0], "what").starts_with(sentence) && problems[0]["remedy"] == json!(remedy),
                "{problems:?}"
            );
        }
        let behind = judge(found(|_| ()), "0.1.0", Some("run `outboxd migrate`"));
        assert_eq!(behind["problems"], json!([{"what": "run `outboxd migrate`", "remedy": null}]));
    }

    #[test]
    fn what_is_worth_knowing_is_no_trouble() {
        let found = found(|found| {
            found["totals"]["held_back"] = json!(5);
            found["totals"]["fanning_out"] = json!(1);
            found["doorbell_silence"] = json!("it is off");
            found["leaves_not_emptied"] = json!([{"leaf": "event_1", "obstacle": "pid 7"}]);
            found["old_transactions"] =
                json!([{"who": "pid 7", "holds": "vacuum", "age_s": 7200, "remedy": "end it"}]);
        });
        assert_eq!((found["healthy"].clone(), list(&found, "notes").len()), (json!(true), 5), "{found:#}");
    }
}
