//! Whether a commit wakes a relay that sleeps.

use serde_json::Value;

use super::{Finding, list, text};

/// From this share on the queue of notifications deserves a look; a quarter silences the doorbell.
const QUEUE: f64 = 0.1;

/// `installation` has the reason for silence, `server` the queue, `setting` what `outbox.setting.doorbell` says.
#[must_use]
pub fn doorbell(installation: &Value, server: &Value, setting: Option<&str>) -> Vec<Finding> {
    let queue = server["notify_queue"].as_f64().unwrap_or(0.0);
    let mut findings = Vec::new();
    match installation["doorbell_silence"].as_str() {
        None => findings.push(Finding::ok("doorbell", "commits wake relays that sleep")),
        // Somebody decided it.
        Some(reason) if setting == Some("off") => findings.push(Finding::ok("doorbell", reason)),
        Some(_) if queue <= QUEUE && server["max_prepared_transactions"] != 0 && setting == Some("auto") => {
            findings.push(
                Finding::warning("doorbell", "commits do not wake relays: max_prepared_transactions is not 0")
                    .why("PREPARE TRANSACTION fails after a NOTIFY; relays look by themselves, up to half a second later")
                    .remedy("update outbox.setting set doorbell = 'on';  -- if no application prepares transactions; else 'off'"),
            );
        }
        Some(reason) => {
            findings.push(
                Finding::warning("doorbell", "commits do not wake relays")
                    .why(reason)
                    .remedy(remedy(reason, server, queue)),
            );
        }
    }
    if queue > QUEUE {
        let percent = queue * 100.0;
        findings.push(
            Finding::warning("doorbell", format!("the queue of notifications is {percent:.0} % full"))
                .why("some session listens and does not read; full, it fails the commits of those who notify")
                .remedy(LISTENERS),
        );
    }
    findings
}

/// What ends a silence that was not chosen in `outbox.setting`.
fn remedy(reason: &str, server: &Value, queue: f64) -> String {
    let ours = |given: &&Value| given["name"] == "outbox.doorbell" && given["ours"] == true;
    match list(server, "given").iter().find(ours) {
        Some(given) => format!("alter {} reset outbox.doorbell;", text(given, "given_to")),
        None if reason.starts_with("outbox.doorbell ") => {
            "take outbox.doorbell out of PGOPTIONS, the connection string's options or postgresql.conf"
                .to_owned()
        }
        None if queue > QUEUE => LISTENERS.to_owned(),
        None => "select outbox.doorbell_silence();  -- until it is null; relays look by themselves meanwhile"
            .to_owned(),
    }
}

/// Who may be in the way: whoever has listened and sits in an open transaction does not read.
const LISTENERS: &str = "select pid, usename, application_name, xact_start from pg_stat_activity \
    where state like 'idle in transaction%' order by xact_start;  -- end the oldest: select pg_terminate_backend(PID);";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Level;
    use serde_json::json;

    #[test]
    fn silence_that_nobody_chose_is_told() {
        let levels = |silence: Value, prepared: i64, queue: f64, setting| {
            let server = json!({"notify_queue": queue, "max_prepared_transactions": prepared});
            let findings = doorbell(&json!({"doorbell_silence": silence}), &server, setting);
            findings.iter().map(|finding| finding.level).collect::<Vec<_>>()
        };
        let (ok, warning) = (Level::Ok, Level::Warning);
        assert_eq!(levels(Value::Null, 0, 0.0, Some("auto")), [ok]);
        assert_eq!(levels(json!("it is off"), 0, 0.0, Some("off")), [ok]);
        assert_eq!(levels(json!("max…"), 10, 0.0, Some("auto")), [warning]);
        assert_eq!(levels(json!("outbox.doorbell is off"), 0, 0.0, Some("on")), [warning]);
        assert_eq!(levels(json!("it fills up"), 0, 0.5, Some("auto")), [warning, warning]);
        assert_eq!(levels(Value::Null, 0, 0.2, Some("auto")), [ok, warning]);
    }
}
