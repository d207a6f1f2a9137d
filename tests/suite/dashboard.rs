//! The Grafana dashboard in contrib/monitoring: it asks only for what a relay exposes, and shows all of it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::alerts::rules;
use crate::promql::{Exposed, family_of};
use crate::source::text_of;
use crate::stage::Stage;
use crate::yaml::items;

fn dashboard() -> Value {
    serde_json::from_str(&text_of("contrib/monitoring/dashboard.json")).unwrap()
}

/// Grafana puts intervals and choices in before it asks.
fn as_asked(expression: &str) -> String {
    expression.replace("$__rate_interval", "5m")
}

#[test]
fn panels_ask_for_what_a_relay_exposes_and_everything_is_shown() {
    let stage = Stage::new("dashboard");
    let exposed = Exposed::by_a_relay(&stage);
    let dashboard = dashboard();
    let mut names = BTreeSet::new();
    for panel in items(&dashboard["panels"]).iter().filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().unwrap();
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        let targets = items(&panel["targets"]);
        assert!(!targets.is_empty(), "{title}");
        let mut letters = BTreeSet::new();
        for target in targets {
            assert!(letters.insert(target["refId"].as_str().unwrap()), "{title}: one letter each");
            let expression = as_asked(target["expr"].as_str().unwrap());
            let asked = exposed.ask(&expression).unwrap_or_else(|why| panic!("{title}: {why}"));
            assert!(expression.contains("job=~\"$job\""), "{title} heeds the choice of jobs");
            let legend = target["legendFormat"].as_str().unwrap();
            for label in legend.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap()) {
                assert!(asked.labels.contains(label), "{title}: no {label} in {:?}", asked.labels);
            }
            names.extend(asked.names);
        }
        if let Some((_, sql)) = panel["description"].as_str().and_then(|text| text.split_once("SQL: ")) {
            stage.db.psql(sql);
        }
    }
    for rule in rules() {
        names.extend(exposed.ask(rule["expr"].as_str().unwrap()).unwrap().names);
    }
    let shown: BTreeSet<&str> = names.iter().map(|name| family_of(name)).collect();
    assert_eq!(shown, exposed.families(), "every metric is in a panel or a rule");
}

#[test]
fn variables_ask_for_what_a_relay_exposes() {
    let exposed = Exposed::by_a_relay(&Stage::new("dashboard_variables"));
    let dashboard = dashboard();
    let variables = items(&dashboard["templating"]["list"]);
    let names: Vec<_> = variables.iter().map(|variable| variable["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["datasource", "job", "subscriber"]);
    for variable in &variables[1..] {
        let query = variable["query"]["query"].as_str().unwrap();
        let inside = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
        let (expression, label) = inside.and_then(|inside| inside.rsplit_once(", ")).expect(query);
        let asked = exposed.ask(expression).unwrap();
        assert!(asked.labels.contains(label) && variable["name"] == label, "{query}");
    }
}

#[test]
fn panels_lie_beside_each_other() {
    let dashboard = dashboard();
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in items(&dashboard["panels"]) {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(x + w <= 24, "{panel}");
        for field in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(field), "{} lies on another", panel["title"]);
        }
    }
    let rows: Vec<_> = items(&dashboard["panels"]).iter().filter(|panel| panel["type"] == "row").collect();
    assert_eq!(rows.len(), 5);
}
