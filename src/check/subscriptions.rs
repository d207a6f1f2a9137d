//! Subscriptions in trouble.

use serde_json::Value;

use super::{Finding, list, text, whole};
use crate::screen::count;

/// How many of a kind are told one by one.
const TOLD: usize = 5;

/// What became of deliveries lately.
#[must_use]
pub fn subscriptions(facts: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(list(facts, "failing").iter().take(TOLD).map(fails));
    findings.extend(list(facts, "disabled").iter().take(TOLD).map(disabled));
    findings.extend(list(facts, "stalled").iter().take(TOLD).map(stalled));
    for one in list(facts, "buried").iter().take(TOLD) {
        let (id, subscriber, dead) = (whole(one, "id"), text(one, "subscriber"), whole(one, "dead"));
        findings.push(
            Finding::warning(
                "subscriptions",
                format!("{} of subscription {id} of {subscriber} given up", count(dead, "delivery")),
            )
            .why("they are kept for outbox.setting.dead_letter_retention")
            .remedy(format!(
                "select outbox.retry(delivery) from outbox.dead_letter where subscription = {id};"
            )),
        );
    }
    for one in list(facts, "held_back").iter().take(TOLD) {
        let (id, status, open) = (whole(one, "id"), text(one, "status"), whole(one, "open"));
        let what = format!(
            "subscription {id} of {} is {status}, {} behind it",
            text(one, "subscriber"),
            waiting(open)
        );
        findings.push(Finding::warning("subscriptions", what).remedy(format!("select outbox.resume({id});")));
    }
    findings.extend(list(facts, "unsigned").iter().take(TOLD).map(unsigned));
    let told = |key: &str| i64::try_from(list(facts, key).len().min(TOLD)).unwrap_or(0);
    let more: i64 = ["failing", "disabled", "stalled", "buried", "unsigned"]
        .into_iter()
        .map(|key| whole(facts, &format!("{key}_in_all")) - told(key))
        .sum();
    if more > 0 {
        findings.push(
            Finding::warning(
                "subscriptions",
                format!("{more} more fail, are disabled, stalled, unsigned or have dead letters"),
            )
            .remedy("outboxd status"),
        );
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            "subscriptions",
            format!("{} active, none fails", count(whole(facts, "active"), "subscription")),
        ));
    }
    findings
}

/// One that is held is not tried, a ping neither: what holds it goes first.
fn fails(one: &Value) -> Finding {
    let (id, subscriber) = (whole(one, "id"), text(one, "subscriber"));
    let failures = count(whole(one, "consecutive_failures"), "time");
    let (held, remedy) = match text(one, "held_why") {
        "" => ("", format!("select outbox.ping({id});  -- when mended: it tries, and a success ends this")),
        why => {
            let by =
                if why == "breaker" { ", its breaker is open" } else { ", and is held by its Retry-After" };
            (by, format!("select outbox.close_breaker({id});  -- when mended: what waits is tried"))
        }
    };
    Finding::warning(
        "subscriptions",
        format!("subscription {id} of {subscriber} has failed {failures}{held}"),
    )
    .why(text(one, "last_error"))
    .remedy(remedy)
}

/// It failed for too long, or somebody wanted it so.
fn disabled(one: &Value) -> Finding {
    let (id, subscriber, open) = (whole(one, "id"), text(one, "subscriber"), whole(one, "open"));
    let events = if text(one, "while_off") == "skip" {
        "what happens meanwhile is skipped".to_owned()
    } else {
        match open {
            0 => "nothing waits behind it yet".to_owned(),
            1 => "1 delivery waits behind it".to_owned(),
            _ => format!("{} wait behind it", count(open, "delivery")),
        }
    };
    let why = match (text(one, "changed_by"), text(one, "reason")) {
        (_, "") => "no reason is on record".to_owned(),
        (by, reason) => format!("{reason} (by {by})"),
    };
    Finding::problem("subscriptions", format!("subscription {id} of {subscriber} is disabled, and {events}"))
        .why(&why)
        .remedy(format!("select outbox.enable({id});  -- when mended"))
}

/// Due, with relays there, and nothing happens.
fn stalled(one: &Value) -> Finding {
    let (id, subscriber, due) = (whole(one, "id"), text(one, "subscriber"), whole(one, "due"));
    let (due, are) = (count(due, "delivery"), if due == 1 { "is" } else { "are" });
    let what = format!(
        "nothing has gone to subscription {id} of {subscriber} for a minute although {due} {are} due"
    );
    Finding::problem("subscriptions", what)
        .why("relays are alive and it does not fail; see /readyz or the log of the relays, and who holds back what")
        .remedy("select * from outbox.oldest_xmin;")
}

/// A dump may have left the secrets out.
fn unsigned(one: &Value) -> Finding {
    let (id, subscriber) = (whole(one, "id"), text(one, "subscriber"));
    let what = format!(
        "subscription {id} of {subscriber} has no signing secret: its POSTs go out without a signature"
    );
    Finding::warning("subscriptions", what)
        .why("a receiver that verifies refuses them; the secret that the subscriber holds is set by outbox.set_signing_secret()")
        .remedy(format!("select outbox.rotate_signing_secret({id});  -- makes a new one, which the subscriber must be given"))
}

fn waiting(open: i64) -> String {
    match open {
        1 => "and 1 delivery waits".to_owned(),
        _ => format!("and {} wait", count(open, "delivery")),
    }
}
