//! What keeps old rows, so that tables grow.

use serde_json::Value;

use super::{Finding, list, text, whole};
use crate::screen::{number, span};

/// Leaves that cannot be emptied, transactions that never end, slots that nobody reads.
#[must_use]
pub fn house(facts: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    for leaf in list(facts, "leaves") {
        let since = span(leaf["age_s"].as_f64().unwrap_or(0.0));
        findings.push(
            Finding::warning(
                "house",
                format!("old rows of {} are still there after {since}", text(leaf, "leaf")),
            )
            .why(text(leaf, "obstacle"))
            .remedy("end what stands in the way; the relay on duty tries again within a minute"),
        );
    }
    for holder in list(facts, "holders") {
        let since = match holder["age_s"].as_f64() {
            Some(age) => format!("for {}", span(age)),
            None => format!("by {} transactions", number(whole(holder, "transactions"))),
        };
        let what = format!(
            "{} {} holds back {} {since}",
            text(holder, "kind"),
            text(holder, "who"),
            text(holder, "holds")
        );
        findings.push(
            Finding::warning("house", what).why("tables grow meanwhile").remedy(text(holder, "remedy")),
        );
    }
    if findings.is_empty() {
        findings.push(Finding::ok("house", "nothing keeps old rows from being cleaned up"));
    }
    findings
}
