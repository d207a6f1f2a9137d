//! What a `PromQL` expression asks for, held against what a relay exposes: names, labels, and the values of labels that are
//! words of ours.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{AggregateExpr, BinaryExpr, Expr, LabelModifier, VectorSelector};

use crate::exposition::Exposition;
use crate::ops_client::Ops;
use crate::stage::Stage;

type Labels = BTreeSet<String>;

/// What Prometheus adds to every series of a scrape.
const TARGET: [&str; 2] = ["job", "instance"];
/// Labels whose values are not ours.
const OPEN: [&str; 6] = ["job", "instance", "subscription", "subscriber", "version", "le"];

/// The series that Prometheus gets from a relay: by name, each label with its values.
pub(super) struct Exposed(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

/// What one expression asks for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Names of series.
    pub(super) names: BTreeSet<String>,
    /// The labels that its result may have.
    pub(super) labels: Labels,
    problems: Vec<String>,
}

impl Exposed {
    /// What a real relay exposes, with one subscription and a doorbell.
    pub(super) fn by_a_relay(stage: &Stage) -> Self {
        stage.subscribe("");
        let relay = stage.relay_with(&["--ops-listen", "0"]);
        let complete = |seen: &Exposition| {
            ["outboxd_backlog", "outboxd_doorbell_state"].iter().all(|name| !seen.series(name).is_empty())
        };
        let exposed = Self::new(&Ops::of(&relay).wait_for_metrics(complete));
        relay.signal("KILL");
        exposed
    }

    fn new(exposition: &Exposition) -> Self {
        let mut by_name = BTreeMap::new();
        for (family, kind) in &exposition.families {
            let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            for name in suffixes.iter().map(|suffix| format!("{family}{suffix}")) {
                let mut labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
                for series in exposition.series(&name) {
                    for (label, value) in labels_of(series) {
                        labels.entry(label).or_default().insert(value);
                    }
                }
                for label in TARGET {
                    // Prometheus keeps its own word and moves ours aside.
                    if let Some(values) = labels.remove(label) {
                        labels.insert(format!("exported_{label}"), values);
                    }
                    labels.insert(label.to_owned(), BTreeSet::new());
                }
                by_name.insert(name, labels);
            }
        }
        Self(by_name)
    }

    /// The families, by the name that README.md has for them.
    pub(super) fn families(&self) -> BTreeSet<&str> {
        self.0.keys().map(|name| family_of(name)).collect()
    }

    /// Parses an expression and says what it asks for.
    ///
    /// # Errors
    /// Whatever a relay does not expose, and whatever does not parse.
    pub(super) fn ask(&self, expression: &str) -> Result<Asked, String> {
        let parsed =
            promql_parser::parser::parse(expression).map_err(|why| format!("{expression}: {why}"))?;
        let mut asked = Asked::default();
        asked.labels = self.walk(&parsed, &mut asked);
        if asked.names.is_empty() {
            asked.problems.push("it asks for nothing".to_owned());
        }
        if asked.problems.is_empty() {
            Ok(asked)
        } else {
            Err(format!("{expression}: {}", asked.problems.join("; ")))
        }
    }

    /// The labels that the result of an expression may have.
    fn walk(&self, expression: &Expr, asked: &mut Asked) -> Labels {
        match expression {
            Expr::VectorSelector(selector) => self.select(selector, asked),
            Expr::MatrixSelector(matrix) => self.select(&matrix.vs, asked),
            Expr::Paren(inner) => self.walk(&inner.expr, asked),
            Expr::Unary(inner) => self.walk(&inner.expr, asked),
            Expr::Subquery(inner) => self.walk(&inner.expr, asked),
            Expr::Aggregate(inner) => self.aggregate(inner, asked),
            Expr::Binary(inner) => self.combine(inner, asked),
            Expr::Call(call) => {
                let mut labels = Labels::new();
                for argument in &call.args.args {
                    labels.extend(self.walk(argument, asked));
                }
                let function = call.func.name;
                if function == "histogram_quantile" && !labels.remove("le") {
                    asked.problems.push("a quantile of what has no label le".to_owned());
                }
                for argument in &call.args.args {
                    if let Expr::MatrixSelector(matrix) = &**argument {
                        check_kind(function, matrix.vs.name.as_deref().unwrap_or_default(), asked);
                    }
                }
                if function.starts_with("absent") { Labels::new() } else { labels }
            }
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Labels::new(),
        }
    }

    fn select(&self, selector: &VectorSelector, asked: &mut Asked) -> Labels {
        let name = selector.name.clone().unwrap_or_default();
        if name == "ALERTS" {
            // Prometheus's own, with the labels of the rules' results besides.
            return ["alertname", "alertstate", "job"].map(str::to_owned).into();
        }
        let Some(labels) = self.0.get(&name) else {
            asked.problems.push(format!("no relay exposes {name:?}"));
            return Labels::new();
        };
        let alternatives = selector.matchers.or_matchers.iter().flatten();
        for Matcher { op, name: label, value } in selector.matchers.matchers.iter().chain(alternatives) {
            let exact = matches!(op, MatchOp::Equal | MatchOp::NotEqual) && !OPEN.contains(&label.as_str());
            match labels.get(label) {
                None => asked.problems.push(format!("{name} has no label {label}")),
                Some(values) if exact && !values.contains(value) => {
                    asked.problems.push(format!("{name} is never {label}={value:?}"));
                }
                Some(_) => {}
            }
        }
        asked.names.insert(name);
        labels.keys().cloned().collect()
    }

    fn aggregate(&self, aggregate: &AggregateExpr, asked: &mut Asked) -> Labels {
        let inner = self.walk(&aggregate.expr, asked);
        let keeps = ["topk", "bottomk"].contains(&aggregate.op.to_string().as_str());
        match &aggregate.modifier {
            Some(modifier) => {
                let named: Labels = modifier.labels().labels.iter().cloned().collect();
                let unknown: Vec<_> = named.difference(&inner).collect();
                if !unknown.is_empty() {
                    asked.problems.push(format!("grouped by {unknown:?}, which is not there"));
                }
                match modifier {
                    _ if keeps => inner,
                    LabelModifier::Include(_) => named,
                    LabelModifier::Exclude(_) => inner.difference(&named).cloned().collect(),
                }
            }
            None if keeps => inner,
            None => Labels::new(),
        }
    }

    /// Two sides that have different labels never meet, unless it is said which count.
    fn combine(&self, binary: &BinaryExpr, asked: &mut Asked) -> Labels {
        let (left, right) = (self.walk(&binary.lhs, asked), self.walk(&binary.rhs, asked));
        let is_or = binary.op.to_string() == "or";
        let numbers = left.is_empty() || right.is_empty();
        let matching = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
        match matching.map(LabelModifier::labels) {
            None if !is_or && !numbers && left != right => {
                asked.problems.push(format!("{left:?} and {right:?} never match"));
            }
            Some(named)
                if named.labels.iter().any(|label| !left.contains(label) || !right.contains(label)) =>
            {
                asked.problems.push(format!("matched by {named}, which one side does not have"));
            }
            _ => {}
        }
        left.union(&right).cloned().collect()
    }
}

/// Of a gauge no rate, of a counter no difference, which a restart would make negative.
fn check_kind(function: &str, name: &str, asked: &mut Asked) {
    let counts = name.ends_with("_total") || family_of(name) != name;
    let fits = match function {
        "rate" | "irate" | "increase" => counts,
        "delta" | "idelta" | "deriv" => !counts,
        _ => true,
    };
    if !fits {
        asked.problems.push(format!("{function} does not fit {name}"));
    }
}

/// `outboxd_x` of `outboxd_x_bucket`.
pub(super) fn family_of(name: &str) -> &str {
    ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

/// The labels of a series as the text has it; no value of ours has a comma or a quote in it.
fn labels_of(series: &str) -> Vec<(String, String)> {
    let inside = series.split_once('{').map_or("", |(_, rest)| rest.trim_end_matches('}'));
    let pairs = inside.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(label, value)| (label.to_owned(), value.trim_matches('"').to_owned())).collect()
}

#[test]
fn what_no_relay_exposes_is_noticed() {
    let text = "# HELP outboxd_a_total A thing.\n# TYPE outboxd_a_total counter\noutboxd_a_total{job=\"claim\"} 1\n\
         # HELP outboxd_b B thing.\n# TYPE outboxd_b gauge\noutboxd_b 1\n\
         # HELP outboxd_h H thing.\n# TYPE outboxd_h histogram\noutboxd_h_sum 0\noutboxd_h_count 0\n\
         outboxd_h_bucket{le=\"+Inf\"} 0\n";
    let exposed = Exposed::new(&Exposition::parse(text));
    for good in [
        "sum by (exported_job) (rate(outboxd_a_total{exported_job!=\"claim\"}[5m]))",
        "sum by (job) (outboxd_a_total) / on (job) group_left sum by (job) (outboxd_b)",
        "histogram_quantile(0.5, sum by (le, job) (rate(outboxd_h_bucket[5m])))",
        "topk(3, outboxd_b{job=~\"$job\"}) > 0 or absent(outboxd_b)",
        "group by (job) (outboxd_b or ALERTS{alertname=\"A\"})",
    ] {
        exposed.ask(good).expect(good);
    }
    for bad in [
        "outboxd_c",
        "outboxd_a",
        "outboxd_h",
        "outboxd_b_bucket",
        "outboxd_a_total{class=\"x\"}",
        "outboxd_a_total{exported_job=\"claims\"}",
        "sum by (exported_job) (outboxd_b)",
        "sum by (class) (outboxd_a_total)",
        "outboxd_a_total / outboxd_b",
        "outboxd_a_total and on (exported_job) outboxd_b",
        "rate(outboxd_b)",
        "rate(outboxd_b[5m])",
        "deriv(outboxd_a_total[5m])",
        "histogram_quantile(0.5, sum(rate(outboxd_h_bucket[5m])))",
        "sum(outboxd_b",
        "vector(1)",
        "ALERTS",
    ] {
        assert!(exposed.ask(bad).is_err(), "{bad}");
    }
    let asked = exposed.ask("sum by (job) (outboxd_b)").unwrap();
    assert_eq!(asked.labels, Labels::from(["job".to_owned()]));
}
