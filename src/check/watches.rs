//! Watches that do not do what they promise, and events and subscriptions that pass each other by.

use serde_json::Value;

use super::{Finding, list, text, whole};
use crate::screen::count;

/// What the catalogue of watches comes to.
#[must_use]
pub fn watches(facts: &Value) -> Vec<Finding> {
    let mut findings: Vec<_> = list(facts, "broken")
        .iter()
        .map(|one| {
            let relation = one["relation"].as_str().unwrap_or("a dropped table");
            let what = format!("the watch of {relation} as {} does not work", text(one, "object"));
            Finding::problem("watches", what)
                .why(text(one, "reason"))
                .remedy(format!("{};", text(one, "remedy")))
        })
        .collect();
    if findings.is_empty() {
        let watches = whole(facts, "watches");
        findings.push(match watches {
            0 => Finding::ok("watches", "no table is watched"),
            _ => Finding::ok(
                "watches",
                format!("the triggers of {} are there and enabled", count(watches, "watch")),
            ),
        });
    }
    for object in list(facts, "unheard").iter().filter_map(Value::as_str) {
        findings.push(
            Finding::warning("watches", format!("nobody subscribes to {object}: its changes leave no event"))
                .remedy(format!("select outbox.subscribe('WHO', '{object}.*', 'https://HOST/PATH');")),
        );
    }
    for one in list(facts, "unmatched") {
        let pattern = text(one, "pattern");
        let finding = Finding::warning(
            "subscriptions",
            format!("no event type matches {pattern}, which is subscribed to"),
        )
        .why(format!("subscription {} gets nothing", whole(one, "id")));
        findings.push(if pattern.contains('*') {
            finding.remedy(format!("select outbox.unsubscribe({});", whole(one, "id")))
        } else {
            finding.remedy(format!("select outbox.define_event_type('{pattern}');"))
        });
    }
    findings
}
