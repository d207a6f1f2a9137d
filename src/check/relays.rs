//! Relays that were seen.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Finding, list, text, whole};
use crate::screen::{count, span};

/// A relay that has just started shows itself before it listens. Seconds.
const LISTENS_AFTER: f64 = 25.0;

/// Whether anybody delivers, with one release, woken by commits.
#[must_use]
pub fn relays(facts: &Value) -> Vec<Finding> {
    let alive = list(facts, "alive");
    let work = facts["work"] == true;
    if alive.is_empty() {
        let last = |key: &str| facts["last"][key].as_f64().map(span);
        let what = match (last("stopped_s_ago"), last("seen_s_ago")) {
            (Some(stopped), _) => format!("no relay is alive; the last stopped {stopped} ago"),
            (None, Some(seen)) => format!("no relay is alive; the last was seen {seen} ago"),
            (None, None) => "no relay was ever seen".to_owned(),
        };
        // Before the first start it is no problem yet.
        let finding = match (work, whole(facts, "seen")) {
            (true, 1..) => Finding::problem("relays", what).why("deliveries are open and nobody sends them"),
            _ => Finding::warning("relays", what),
        };
        return vec![finding.remedy("outboxd run --identities FOLDER")];
    }
    let mut findings = vec![Finding::ok(
        "relays",
        format!("{} alive", count(i64::try_from(alive.len()).unwrap_or(0), "relay")),
    )];
    let releases: BTreeSet<&str> = alive.iter().map(|relay| text(relay, "release")).collect();
    if releases.len() > 1 {
        let all = releases.into_iter().collect::<Vec<_>>().join(", ");
        findings.push(
            Finding::warning("relays", format!("relays of several releases run: {all}"))
                .why("that is meant for the time of an upgrade")
                .remedy("start the older ones again with the newer binary"),
        );
    }
    let deaf: Vec<&str> = alive
        .iter()
        .filter(|relay| text(relay, "doorbell") == "none")
        .filter(|relay| relay["age_s"].as_f64().is_some_and(|age| age > LISTENS_AFTER))
        .map(|relay| text(relay, "name"))
        .collect();
    if !deaf.is_empty() && facts["doorbell_setting"] != "off" {
        findings.push(
            Finding::warning("relays", format!("commits do not wake {}", deaf.join(", ")))
                .why("--no-listen was given, or the session that listens is lost or behind a pooler; its log says which")
                .remedy("give it --listen-url with a direct connection to the database"),
        );
    }
    findings
}
