//! The systemd unit in contrib/systemd.

use std::io::Write as _;
use std::process::{Command, Output};

use outboxd::conninfo::Password;

use crate::deployed::{Environment, Machine};
use crate::source::text_of;

const UNIT: &str = "contrib/systemd/outboxd.service";

/// The values of a key of the unit, in order.
fn values(key: &str) -> Vec<String> {
    let text = text_of(UNIT);
    let lines = text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    lines.map(str::to_owned).collect()
}

/// The value of a key that is there once.
#[track_caller]
fn value(key: &str) -> String {
    let found = values(key);
    assert_eq!(found.len(), 1, "{key}: {found:?}");
    found.into_iter().next().unwrap()
}

/// Variables as a unit or an environment file sets them.
fn assignments<'a>(lines: impl Iterator<Item = &'a str>) -> Environment {
    let pairs = lines.map(|line| line.split_once('=').unwrap_or_else(|| panic!("{line} sets nothing")));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Lines that are neither empty nor comments.
fn set_in(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// `None`, aloud, where there is no systemd-analyze.
fn analyze(arguments: &[&str]) -> Option<Output> {
    let output = Command::new("systemd-analyze").args(arguments).env("SYSTEMD_COLORS", "0").output();
    if output.is_err() {
        let words = "SKIPPED: no systemd-analyze here to verify the unit\n";
        std::io::stderr().write_all(words.as_bytes()).unwrap();
    }
    output.ok()
}

#[test]
fn the_command_and_the_environment_are_those_of_a_relay() {
    let machine = Machine::new();
    machine.identity("/etc/outboxd/identities/default");
    machine.authority_file("/etc/outboxd/postgres-ca.crt");
    let example = text_of("contrib/systemd/outboxd.env");
    // The line that the comment shows is the one that is needed.
    let line = example.split("One line, ").nth(1).and_then(|rest| rest.split(';').next()).unwrap();
    machine.private_file("/etc/outboxd/pgpass", line);
    let mut environment = assignments(values("Environment").iter().map(String::as_str));
    environment.extend(assignments(set_in(&example)));
    let command = value("ExecStart");
    let (program, arguments) = command.split_once(' ').unwrap();
    assert_eq!(program, "/usr/local/bin/outboxd");
    let settings = machine.relay(&arguments.split(' ').collect::<Vec<_>>(), &environment);
    assert_eq!(settings.identities.names(), "; it knows default");
    assert_eq!(settings.database.describe(), "outboxd@db.example.com:5432/shop");
    let password = settings.database.targets[0].password.as_ref().map(Password::reveal);
    assert_eq!(password, Some("PASSWORD"));
    let stop: u64 = value("TimeoutStopSec").parse().unwrap();
    assert!(stop > settings.grace.as_secs() + 5, "{stop}");
    assert!(settings.in_flight_max < value("LimitNOFILE").parse().unwrap());
    assert!(value("EnvironmentFile") == "/etc/outboxd/outboxd.env" && value("User") == "outboxd");

    // What is commented out is a choice, and must be one.
    machine.private_file("/etc/outboxd/secrets/acme-token", "a secret");
    let choices = example.lines().filter_map(|line| line.strip_prefix('#'));
    environment.extend(assignments(choices.filter(|line| line.contains('=') && !line.starts_with(' '))));
    let settings = machine.relay(&["run"], &environment);
    assert!(settings.secrets.get("acme-token").is_some());
}

#[test]
fn systemd_understands_the_unit_and_finds_it_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outboxd.service");
    let text = text_of(UNIT).replace("/usr/local/bin/outboxd", env!("CARGO_BIN_EXE_outboxd"));
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    let Some(verified) = analyze(&["verify", path]) else { return };
    let said = String::from_utf8_lossy(&verified.stderr);
    let about_us = said.lines().filter(|line| line.contains("outboxd.service")).collect::<Vec<_>>();
    assert!(verified.status.success() && about_us.is_empty(), "{said}");
    // 1.1 of 10 with systemd 252; later releases know more.
    let Some(judged) = analyze(&["security", "--offline=true", "--threshold=15", path]) else { return };
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
}

#[test]
fn the_account_is_made_before_it_is_used() {
    let account = text_of("contrib/systemd/outboxd.sysusers");
    let lines: Vec<_> = set_in(&account).collect();
    assert_eq!(lines, [format!("u {} - \"outboxd relay\"", value("User"))]);
}
