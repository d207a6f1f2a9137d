//! Schema `outbox` as it was installed.

use serde_json::Value;

use super::Finding;

/// Each trigger on `outbox.subscription`, what it does, and the statement that makes it.
const TRIGGERS: [(&str, &str, &str); 4] = [
    (
        "subscription_check",
        "edited subscriptions are not checked",
        include_str!("../../sql/triggers/subscription_check.sql"),
    ),
    (
        "subscription_signing_key",
        "new subscriptions have no signing secret",
        include_str!("../../sql/triggers/subscription_signing_key.sql"),
    ),
    (
        "subscription_tombstone",
        "a deleted subscription leaves its deliveries open for ever",
        include_str!("../../sql/triggers/subscription_tombstone.sql"),
    ),
    (
        "subscription_truncate",
        "nothing refuses to truncate subscriptions",
        include_str!("../../sql/triggers/subscription_truncate.sql"),
    ),
];

/// Whether this is the database that delivers.
#[must_use]
pub fn home(facts: &Value) -> Finding {
    if facts["is_home"] == true {
        return Finding::ok("home", "this is the database that delivers");
    }
    Finding::problem("home", "this database is a copy of another one, or was disarmed: relays refuse it")
        .why("its open deliveries are the original's too; adopt it only if the original delivers no more")
        .remedy("select outbox.adopt_database();")
}

/// The triggers on outboxd's own table.
#[must_use]
pub fn triggers(facts: &Value) -> Vec<Finding> {
    let found = &facts["triggers"];
    let finding = |(name, why, sql): (&str, &str, &str)| {
        let (what, remedy) = match found[name].as_bool() {
            Some(true) => return None,
            Some(false) => ("is disabled", format!("alter table outbox.subscription enable trigger {name};")),
            None => ("is missing", sql.split_whitespace().collect::<Vec<_>>().join(" ")),
        };
        let what = format!("trigger {name} on outbox.subscription {what}");
        Some(Finding::problem("triggers", what).why(why).remedy(remedy))
    };
    let bad: Vec<_> = TRIGGERS.into_iter().filter_map(finding).collect();
    if bad.is_empty() {
        vec![Finding::ok("triggers", "outboxd's own triggers are there and enabled")]
    } else {
        bad
    }
}
