//! What the role may do: deliver, look, migrate.

use serde_json::Value;

use super::{Finding, joined, list, text};

/// What a relay, and whoever migrates, needs.
#[must_use]
pub fn rights(facts: &Value) -> Vec<Finding> {
    let (role, owner) = (text(facts, "role"), text(facts, "owner"));
    let mut findings = Vec::new();
    let refused = list(facts, "refused");
    if refused.is_empty() && facts["may_use"] == true && facts["may_ring"] == true {
        findings.push(Finding::ok("rights", format!("{role} may do what a relay does")));
    } else {
        findings.push(refusal(facts));
    }
    let migrate = if facts["may_migrate"] == true {
        format!("{role} may migrate")
    } else {
        format!("{role} may not migrate, which relays need not; {owner} may")
    };
    findings.push(Finding::ok("rights", migrate));
    findings
}

/// What a relay of this release calls and another release did not bring.
#[must_use]
pub fn absent(facts: &Value) -> Option<Finding> {
    let absent = joined(facts, "absent");
    let what = format!("schema outbox lacks functions: {absent}");
    (!absent.is_empty()).then(|| Finding::problem("schema", what).remedy("outboxd migrate"))
}

fn refusal(facts: &Value) -> Finding {
    let (role, owner) = (text(facts, "role"), text(facts, "owner"));
    let member = facts["groups"]["outbox_relay"].as_bool();
    // Whoever may look and is no relay at all is an operator who looks.
    let looks_only = member != Some(true) && facts["may_look"] == true;
    let what = format!("role {role} may not do what a relay does");
    let finding =
        if looks_only { Finding::warning("rights", what) } else { Finding::problem("rights", what) };
    match member {
        Some(false) => finding.remedy(format!("grant outbox_relay to {role};")),
        None => finding
            .why(format!(
                "the group role outbox_relay does not exist; make it, and let {owner} run `outboxd migrate`"
            ))
            .remedy(format!("create role outbox_relay nologin; grant outbox_relay to {role};")),
        Some(true) if facts["may_use"] != true => {
            finding.why("it lacks USAGE").remedy("grant usage on schema outbox to outbox_relay;")
        }
        Some(true) if list(facts, "refused").is_empty() => finding
            .why("it may not set the doorbell")
            .remedy("grant select, update on sequence outbox.doorbell to outbox_relay;"),
        Some(true) => finding
            .why(format!("EXECUTE was taken from outbox_relay on {}", joined(facts, "refused")))
            .remedy(format!("grant execute on function {} to outbox_relay;", joined(facts, "refused"))),
    }
}

/// What could not be looked at, because the role may not.
#[must_use]
pub fn looks(facts: &Value, left_out: &[&str]) -> Option<Finding> {
    let role = text(facts, "role");
    if left_out.is_empty() {
        return None;
    }
    let what = format!("{role} may not look at {}: not checked", left_out.join(", "));
    let remedy = match facts["groups"].get("outbox_reader") {
        Some(_) => format!("grant outbox_reader to {role};"),
        None => format!("check as {}", text(facts, "owner")),
    };
    Some(Finding::warning("rights", what).remedy(remedy))
}
