//! The server, the session on it and the two clocks.

use serde_json::Value;

use super::{Finding, list, text, whole};
use crate::screen::span;

/// Beyond it a receiver that compares `webhook-timestamp` with its own clock may refuse. Seconds.
const CLOCKS_APART: f64 = 60.0;
/// A relay's idle sessions say something at least so often, unless `--poll-ms` is longer. Milliseconds.
const IDLE_MS: i64 = 60_000;
/// A relay's own statements give up after so long. Milliseconds.
const STATEMENT_MS: i64 = 30_000;
/// A relay opens so many sessions.
const SESSIONS: i64 = 4;

/// The server and what its settings do to a relay.
#[must_use]
pub fn server(facts: &Value) -> Vec<Finding> {
    let version = text(facts, "version");
    let mut findings = vec![match whole(facts, "version_num") {
        ..150_000 => {
            Finding::problem("server", format!("PostgreSQL {version} is too old: outboxd needs 15 or newer"))
                .remedy("upgrade the server")
        }
        _ => Finding::ok("server", format!("PostgreSQL {version}")),
    }];
    if facts["is_standby"] == true {
        let what = "this server is a standby and cannot be written to";
        findings.push(
            Finding::problem("server", what)
                .remedy("add target_session_attrs=read-write to the connection string"),
        );
    }
    if ["SQL_ASCII", "MULE_INTERNAL"].contains(&text(facts, "encoding")) {
        let what = format!(
            "the database has encoding {}, which cannot be converted to UTF-8",
            text(facts, "encoding")
        );
        findings.push(
            Finding::problem("server", what).remedy("createdb -E UTF8 -T template0, and move the data there"),
        );
    }
    if facts["has_plpgsql"] != true {
        findings.push(
            Finding::problem("server", "the database has no PL/pgSQL").remedy("create extension plpgsql;"),
        );
    }
    findings.extend(connections(facts));
    findings.extend(list(facts, "settings").iter().filter_map(setting));
    findings
}

fn connections(facts: &Value) -> Option<Finding> {
    let (used, most) = (whole(facts, "connections"), whole(facts, "connections_max"));
    if most - used < SESSIONS {
        let what = format!("{used} of {most} connections are in use, and a relay needs {SESSIONS}");
        return Some(
            Finding::warning("server", what)
                .remedy("close idle sessions, put a pooler in between, or raise max_connections"),
        );
    }
    let limit = facts["role_limit"].as_i64()?;
    let own = whole(facts, "role_connections");
    (limit - own < SESSIONS).then(|| {
        let role = text(facts, "role");
        let what = format!(
            "role {role} has {own} of the {limit} connections it may have, and a relay needs {SESSIONS}"
        );
        Finding::warning("server", what).remedy(format!("alter role {role} connection limit -1;"))
    })
}

/// A setting that a role, database or server gives to sessions, and that a relay does not overrule.
fn setting(setting: &Value) -> Option<Finding> {
    let (name, value, ms) = (text(setting, "name"), text(setting, "value"), setting["ms"].as_i64());
    let why = match (name, ms) {
        ("idle_session_timeout", Some(ms)) if ms < IDLE_MS => {
            "the server ends a relay's sessions while they wait for work"
        }
        ("transaction_timeout", Some(ms)) if ms < STATEMENT_MS => {
            "the server ends a relay's longer statements"
        }
        ("default_transaction_read_only", _) => "migrate cannot write; relays overrule it",
        _ => return None,
    };
    let shown = ms.map_or_else(|| value.to_owned(), |ms| format!("{ms} ms"));
    let finding = Finding::warning("server", format!("{name} is {shown}")).why(why);
    Some(match setting["given_to"].as_str() {
        Some(given_to) => finding.remedy(format!("alter {given_to} reset {name};")),
        None => finding.remedy(format!("set another {name}: it comes from {}", text(setting, "source"))),
    })
}

/// Roles and databases whose sessions were told to write without events. In one transaction that is meant; given to all of
/// them it is easily forgotten.
#[must_use]
pub fn silent(facts: &Value) -> Vec<Finding> {
    let finding = |given: &Value| {
        let (name, given_to) = (text(given, "name"), text(given, "given_to"));
        let why = match name {
            "outbox.capture" => {
                "what its sessions write leaves no event; outbox.uncaptured has which transactions"
            }
            "session_replication_role" => {
                "triggers do not fire in its sessions: what they write leaves no event and no record, unless it is a copy anyway"
            }
            _ => return None,
        };
        let what = format!("{name} is {} for {given_to}", text(given, "value"));
        Some(Finding::warning("capture", what).why(why).remedy(format!("alter {given_to} reset {name};")))
    };
    list(facts, "given").iter().filter_map(finding).collect()
}

/// How this session got there. `direct` is unknown where no second session could be opened.
#[must_use]
pub fn session(facts: &Value, direct: Option<bool>) -> Vec<Finding> {
    let role = text(facts, "role");
    let over = match (facts["tls"].as_str(), facts["address"].as_str()) {
        (Some(version), _) => format!("over {version}"),
        (None, None) => "over a Unix socket".to_owned(),
        (None, Some("127.0.0.1" | "::1")) => "on this machine".to_owned(),
        (None, Some(address)) => {
            // Behind a pooler the server sees the pooler's connection, which may be another machine's.
            let what = format!("the server at {address} is spoken to without TLS");
            let finding = Finding::warning("connection", what)
                .why("everybody on the way can read events, secrets and the password's exchange")
                .remedy("add sslmode=verify-full and sslrootcert=FILE to the connection string");
            return vec![finding];
        }
    };
    vec![match direct {
        Some(false) => Finding::ok("connection", format!("{role} is connected {over}, through a transaction pooler"))
            .why("relays work there, with --listen-url for a direct connection; migrate and uninstall need a direct one"),
        _ => Finding::ok("connection", format!("{role} is connected {over}")),
    }]
}

/// The database's clock stamps what is signed; `ours` is this machine's in the middle of asking, `asked_s` how long that took.
#[must_use]
pub fn clock(theirs: f64, ours: f64, asked_s: f64) -> Finding {
    let apart = (theirs - ours).abs();
    if apart - asked_s <= CLOCKS_APART {
        return Finding::ok("clock", "the database's clock is this machine's");
    }
    let direction = if theirs > ours { "ahead of" } else { "behind" };
    Finding::warning("clock", format!("the database's clock is {} {direction} this machine's", span(apart)))
        .why("webhook-timestamp is the database's time, and receivers refuse what is more than 5 minutes off")
        .remedy("have both machines follow a time server (chrony, systemd-timesyncd)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Level;
    use serde_json::json;

    /// What cannot be made on a server of the tests.
    #[test]
    fn servers_that_do_not_fit() {
        let good = json!({"version": "15.1", "version_num": 150_001, "is_standby": false, "encoding": "UTF8",
            "has_plpgsql": true, "connections": 10, "connections_max": 97});
        assert!(server(&good).iter().all(|finding| finding.level == Level::Ok));
        for (key, value, sentence) in [
            ("version_num", json!(140_010), "is too old"),
            ("is_standby", json!(true), "is a standby"),
            ("encoding", json!("SQL_ASCII"), "has encoding SQL_ASCII"),
            ("has_plpgsql", json!(false), "has no PL/pgSQL"),
            ("connections", json!(94), "94 of 97 connections are in use"),
            (
                "settings",
                json!([{"name": "transaction_timeout", "value": "5000", "ms": 5000, "source": "configuration file"}]),
                "transaction_timeout is 5000 ms",
            ),
        ] {
            let mut facts = good.clone();
            facts[key] = value;
            let bad: Vec<_> =
                server(&facts).into_iter().filter(|finding| finding.level > Level::Ok).collect();
            assert!(bad.len() == 1 && bad[0].what.contains(sentence) && bad[0].remedy.is_some(), "{bad:?}");
        }
    }

    #[test]
    fn clocks_may_differ_by_what_asking_took_and_a_minute() {
        assert_eq!(clock(1000.0, 1059.0, 0.1).level, Level::Ok);
        assert_eq!(clock(1000.0, 1062.0, 5.0).level, Level::Ok);
        let ahead = clock(1300.0, 1000.0, 0.1);
        assert!(ahead.level == Level::Warning && ahead.what.contains("5 min ahead of"), "{ahead:?}");
        assert!(clock(1000.0, 1300.0, 0.1).what.contains("behind"));
    }

    #[test]
    fn a_way_without_tls_is_told() {
        let facts = |tls: Value, address: Value| json!({"role": "r", "tls": tls, "address": address});
        let level = |facts: &Value| session(facts, Some(true))[0].level;
        assert_eq!(level(&facts(json!("TLSv1.3"), json!("10.0.0.7"))), Level::Ok);
        assert_eq!(level(&facts(Value::Null, Value::Null)), Level::Ok);
        assert_eq!(level(&facts(Value::Null, json!("10.0.0.7"))), Level::Warning);
    }
}
