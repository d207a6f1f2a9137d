//! The alert rules in contrib/monitoring: they ask only for what a relay exposes, and name SQL that runs.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::promql::Exposed;
use crate::stage::Stage;
use crate::yaml::{document, items};

/// The file.
const RULES: &str = "contrib/monitoring/alerts.yaml";

/// Every rule of the file.
pub(super) fn rules() -> Vec<Value> {
    let file = document(RULES);
    let groups = items(&file["groups"]);
    let rules: Vec<Value> = groups.iter().flat_map(|group| items(&group["rules"])).cloned().collect();
    assert!(rules.len() > 10, "{file}");
    rules
}

/// What a rule says under a key.
#[track_caller]
fn text<'a>(rule: &'a Value, path: &str) -> &'a str {
    rule.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("no {path} in {rule}"))
}

/// The labels that a template names.
fn labels_in(template: &str) -> impl Iterator<Item = &str> {
    let behind = template.split("$labels.").skip(1);
    behind.map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default())
}

#[test]
fn rules_ask_for_what_a_relay_exposes_and_say_what_to_do() {
    let stage = Stage::new("alerts");
    let exposed = Exposed::by_a_relay(&stage);
    let mut names = Vec::new();
    for rule in rules() {
        let name = text(&rule, "/alert").to_owned();
        assert!(name.starts_with("Outboxd") && !names.contains(&name), "{name}");
        let asked = exposed.ask(text(&rule, "/expr")).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert!(text(&rule, "/for").ends_with('m'), "{name}");
        let severity = text(&rule, "/labels/severity");
        assert!(["info", "warning", "critical"].contains(&severity), "{name}");
        let (summary, description) =
            (text(&rule, "/annotations/summary"), text(&rule, "/annotations/description"));
        for label in labels_in(summary).chain(labels_in(description)) {
            assert!(asked.labels.contains(label), "{name}: no {label} in {:?}", asked.labels);
        }
        for other in text(&rule, "/expr").split("alertname=\"").skip(1) {
            assert_eq!(other.split('"').next(), Some(name.as_str()), "a rule may remember itself");
        }
        let mut ran = 0;
        for sql in description.split('`').skip(1).step_by(2) {
            // As it stands: a label need not be what SQL wants, as subscription="other" is not.
            stage.db.psql(sql);
            ran += 1;
        }
        assert!(ran > 0, "{name}: which SQL explains it?");
        names.push(name);
    }
}

#[test]
fn prometheus_accepts_the_rules_and_plays_them() {
    let Ok(version) = Command::new("promtool").arg("--version").output() else {
        let words = "SKIPPED: no promtool here (Debian: prometheus) to play the alert rules\n";
        std::io::stderr().write_all(words.as_bytes()).unwrap();
        return;
    };
    assert!(version.status.success(), "{version:?}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/monitoring");
    for arguments in [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]] {
        let output = Command::new("promtool").args(arguments).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

/// So that a rule without a test is noticed also where there is no promtool.
#[test]
fn every_rule_is_played() {
    let played = fired_in(&document("contrib/monitoring/alerts.test.yaml"));
    let rules: BTreeSet<_> = rules().iter().map(|rule| text(rule, "/alert").to_owned()).collect();
    assert_eq!(played, rules, "what alerts.test.yaml expects to fire, and what can");
}

/// The alerts that a test expects to fire: by name with their labels and words, or as samples of ALERTS.
fn fired_in(played: &Value) -> BTreeSet<String> {
    let mut fired = BTreeSet::new();
    for test in items(&played["tests"]) {
        for alert in items(&test["alert_rule_test"]) {
            if !items(&alert["exp_alerts"]).is_empty() {
                fired.insert(text(alert, "/alertname").to_owned());
            }
        }
        for asked in items(&test["promql_expr_test"]) {
            let firing = text(asked, "/expr").contains("alertstate=\"firing\"");
            for sample in items(&asked["exp_samples"]) {
                let labels = text(sample, "/labels");
                let Some((_, rest)) = labels.split_once("alertname=\"") else { continue };
                if firing || labels.contains("alertstate=\"firing\"") {
                    fired.insert(rest.split('"').next().unwrap().to_owned());
                }
            }
        }
    }
    fired
}

#[test]
fn a_rule_that_is_only_named_is_not_played() {
    let played = json!({"tests": [{
        "name": "OutboxdA",
        "alert_rule_test": [
            {"alertname": "OutboxdB", "exp_alerts": []},
            {"alertname": "OutboxdC", "exp_alerts": [{"exp_labels": {}}]},
        ],
        "promql_expr_test": [
            {"expr": "ALERTS{alertname!=\"OutboxdD\"}", "exp_samples": [
                {"labels": "{alertname=\"OutboxdE\", alertstate=\"firing\"}", "value": 1},
                {"labels": "{alertname=\"OutboxdF\", alertstate=\"pending\"}", "value": 1},
            ]},
            {"expr": "count(ALERTS{alertstate=\"firing\", alertname=\"OutboxdG\"})", "exp_samples": []},
        ],
    }]});
    assert_eq!(fired_in(&played), BTreeSet::from(["OutboxdC".to_owned(), "OutboxdE".to_owned()]));
}
