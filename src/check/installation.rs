//! Schema `outbox` as it was installed.

use serde_json::Value;

use super::{Finding, list};

/// A trigger on a table of outboxd's own.
struct Trigger {
    name: &'static str,
    /// What is so while it does not fire.
    meanwhile: &'static str,
    /// Its file, which makes it.
    sql: &'static str,
}

/// Lists files of `sql/triggers/`, each with what is so while it does not fire. A test compares the list with the folder.
macro_rules! triggers {
    ($($name:literal: $meanwhile:literal,)*) => {
        [$(Trigger {
            name: $name,
            meanwhile: $meanwhile,
            sql: include_str!(concat!("../../sql/triggers/", $name, ".sql")),
        },)*]
    };
}

const TRIGGERS: [Trigger; 11] = triggers![
    "dead_letter_gone": "a lane stays blocked by a dead letter that was retried or removed",
    "delivery_ended": "the next delivery of a lane is not sent when the one before it has ended",
    "explaining_refuse": "a transaction that explains may commit what it only tried",
    "sealing_seal": "commits lose the events of objects that are rendered or merged per transaction",
    "setting_check": "edited settings are not checked",
    "subscription_check": "edited subscriptions are not checked",
    "subscription_record": "changes of status are not on record, nobody is told of them, and what is skipped stays open",
    "subscription_reorder": "another ordering is not applied to what is open",
    "subscription_signing_key": "new subscriptions have no signing secret",
    "subscription_tombstone": "a deleted subscription leaves its deliveries open for ever",
    "subscription_truncate": "nothing refuses to truncate subscriptions",
];

impl Trigger {
    fn table(&self) -> &'static str {
        let (_, on) = self.sql.split_once(" on outbox.").unwrap_or_default();
        on.split_whitespace().next().unwrap_or_default()
    }

    /// The statement in its file, on one line; some files ask first whether it is there.
    fn statement(&self) -> String {
        let begin = self.sql.find("create ").unwrap_or_default();
        let (statement, _) = self.sql[begin..].split_once(';').unwrap_or_default();
        statement.split_whitespace().collect::<Vec<_>>().join(" ") + ";"
    }

    fn function(&self) -> &'static str {
        let (_, function) = self.sql.split_once(" execute function outbox.").unwrap_or_default();
        function.split('(').next().unwrap_or_default()
    }

    /// `enabled` as in `pg_trigger.tgenabled`; none where there is no such trigger. Without its function it cannot be made.
    fn judge(&self, enabled: Option<&str>, can_be_made: bool) -> Option<Finding> {
        let (name, table) = (self.name, self.table());
        let enable = format!("alter table outbox.{table} enable trigger {name};");
        let again = if can_be_made { self.statement() } else { "outboxd migrate".to_owned() };
        let (state, remedy) = match enabled {
            Some("O" | "A") => return None,
            Some("R") => ("fires for replicated changes only", enable),
            Some(_) => ("is disabled", enable),
            None => ("is missing", again),
        };
        let what = format!("trigger {name} on outbox.{table} {state}");
        Some(Finding::problem("triggers", what).why(self.meanwhile).remedy(remedy))
    }
}

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

/// What a migration made and somebody dropped: what it is, what went with it, and the statements that make it again, if any do.
#[must_use]
pub fn lost(what: &str, with_it: Option<&str>, remedy: Option<&str>) -> Finding {
    let finding = Finding::problem("schema", format!("schema outbox lacks {what}"))
        .remedy(remedy.unwrap_or("restore schema outbox from a backup: nothing else has what was in it"));
    match with_it {
        Some(with_it) => finding.why(with_it),
        None => finding,
    }
}

/// The triggers on outboxd's own tables.
#[must_use]
pub fn triggers(facts: &Value) -> Vec<Finding> {
    let functions = list(facts, "functions");
    let judge = |trigger: &Trigger| {
        let can_be_made = functions.iter().any(|function| function == trigger.function());
        trigger.judge(facts["triggers"][trigger.name].as_str(), can_be_made)
    };
    let bad: Vec<_> = TRIGGERS.iter().filter_map(judge).collect();
    if bad.is_empty() {
        vec![Finding::ok("triggers", "outboxd's own triggers are there and enabled")]
    } else {
        bad
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_trigger_of_ours_is_looked_at() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/triggers");
        let files = std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
        let mut names: Vec<_> =
            files.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
        names.sort();
        assert_eq!(names, TRIGGERS.map(|trigger| trigger.name));
    }

    #[test]
    fn one_statement_makes_each() {
        for trigger in TRIGGERS {
            let (statement, name) = (trigger.statement(), trigger.name);
            assert!(statement.contains(&format!("trigger {name} ")), "{statement}");
            assert!(statement.ends_with("();") && statement.matches(';').count() == 1, "{statement}");
            assert!(statement.contains(&format!(" on outbox.{} ", trigger.table())), "{statement}");
        }
    }
}
