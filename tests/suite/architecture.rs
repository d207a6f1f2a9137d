//! Who may know whom. *main wires; relay decides; store and delivery do; the rest is plain data.*

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Source, sources};

type Table = BTreeMap<String, BTreeSet<String>>;

/// Which module imports which. Nothing below knows anything above; no two of those that act (schema, store,
/// delivery) know each other.
const IMPORTS: &[(&str, &[&str])] = &[
    ("check", &["identity", "screen", "secrets"]),
    (
        "config",
        &[
            "cli", "conninfo", "delivery", "health", "identity", "metrics", "model", "receiver", "relay",
            "secrets",
        ],
    ),
    ("dev", &["cli", "model", "receiver"]),
    ("ops", &["health", "metrics"]),
    (
        "relay",
        &[
            "schedule", "conninfo", "delivery", "health", "identity", "metrics", "model", "pem", "screen",
            "secrets", "shutdown", "store",
        ],
    ),
    ("delivery", &["identity", "model", "pem", "screen", "secrets"]),
    ("status", &["screen"]),
    ("receiver", &["shutdown"]),
    ("store", &["schedule", "conninfo", "database", "model"]),
    ("database", &["conninfo", "pem"]),
    ("identity", &["pem"]),
    ("model", &["schedule"]),
    // These know nothing of ours.
    ("schedule", &[]),
    ("certificates", &[]),
    ("cli", &[]),
    ("conninfo", &[]),
    ("health", &[]),
    ("metrics", &[]),
    ("pem", &[]),
    ("schema", &[]),
    ("screen", &[]),
    ("secrets", &[]),
    ("shutdown", &[]),
    ("throwaway", &[]),
];

/// Which modules use an outside crate that says what a module is about.
const CRATES: &[(&str, &[&str])] = &[
    ("anyhow", &["main"]),
    ("base64", &["delivery"]),
    ("clap", &["cli", "main"]),
    ("fastrand", &["certificates", "main", "receiver", "relay", "throwaway"]),
    ("hmac", &["delivery"]),
    ("http_body_util", &["delivery", "ops", "receiver"]),
    ("hyper", &["delivery", "ops", "receiver"]),
    ("hyper_util", &["delivery", "ops", "receiver"]),
    ("ipnet", &["delivery"]),
    ("native_tls", &["database", "delivery", "identity", "pem"]),
    ("openssl", &["certificates", "check", "delivery", "pem", "receiver"]),
    ("postgres_native_tls", &["database"]),
    ("prometheus_client", &["metrics"]),
    ("refinery", &["schema"]),
    ("sd_notify", &["main"]),
    ("serde_json", &["check", "delivery", "main", "receiver", "screen", "status", "store"]),
    ("sha2", &["delivery"]),
    ("signal_hook", &["main"]),
    ("standardwebhooks", &["receiver"]),
    ("terminal_size", &["main"]),
    ("tokio_native_tls", &["delivery", "identity"]),
    ("tokio_openssl", &["receiver"]),
    ("tokio_postgres", &["conninfo", "database", "schema", "store"]),
    ("tracing_subscriber", &["main"]),
    ("unicode_width", &["screen"]),
    ("url", &["conninfo", "delivery"]),
];

/// What only main.rs does, as it is written.
const ONLY_IN_MAIN: [&str; 8] = [
    "println!",
    "print!",
    "eprintln!",
    "eprint!",
    "std::env::",
    "env::var",
    "process::exit",
    "std::io::stdout",
];

/// How a statement begins that belongs into `store` or `schema`.
const SQL: [&str; 12] = [
    "select ",
    "insert into ",
    "update outbox.",
    "delete from ",
    "create table ",
    "create schema ",
    "create or replace ",
    "drop schema ",
    "drop trigger ",
    "lock table ",
    "begin;",
    "set local ",
];

/// `main` and `lib` name every module: they have no row.
fn modules() -> impl Iterator<Item = Source> {
    sources("src").into_iter().filter(|source| source.module() != "lib")
}

fn table(rows: &[(&str, &[&str])]) -> Table {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    rows.iter().map(|(name, others)| ((*name).to_owned(), set(others))).collect()
}

/// Both ways: an arrow that nobody uses any more goes from the table.
#[test]
fn modules_import_what_the_table_says_and_nothing_else() {
    let mut found = Table::new();
    for source in modules().filter(|source| source.module() != "main") {
        assert!(!source.code.contains("crate::{"), "{}: one `use crate::` line per module", source.path);
        assert!(!source.code.contains("super::super"), "{}: say crate::", source.path);
        let others = source.words_after("crate::").into_iter().filter(|other| other != source.module());
        found.entry(source.module().to_owned()).or_default().extend(others);
    }
    assert_eq!(found, table(IMPORTS));
}

#[test]
fn outside_crates_stay_where_they_belong() {
    let mut found = Table::new();
    for source in modules() {
        for (name, _) in CRATES {
            if !source.words_after(&format!("{name}::")).is_empty() {
                found.entry((*name).to_owned()).or_default().insert(source.module().to_owned());
            }
        }
    }
    assert_eq!(found, table(CRATES));
}

#[test]
fn only_main_prints_exits_and_reads_the_environment() {
    for source in modules().filter(|source| source.module() != "main") {
        for forbidden in ONLY_IN_MAIN {
            let lines = source.code.lines().enumerate().filter(|(_, line)| line.contains(forbidden));
            let lines: Vec<_> = lines.map(|(at, _)| at + 1).collect();
            assert!(lines.is_empty(), "{} lines {lines:?}: {forbidden} belongs into main.rs", source.path);
        }
    }
}

#[test]
fn sql_is_written_in_store_and_schema_only() {
    // What check and status write is for people to run: they have no session.
    for source in
        modules().filter(|source| !["check", "status", "store", "schema"].contains(&source.module()))
    {
        for (line, string) in &source.strings {
            let inside = string.trim_start_matches(['r', '#', '"']).trim_start().to_lowercase();
            let begins = SQL.iter().find(|begin| inside.starts_with(**begin));
            assert!(begins.is_none(), "{} line {line}: {string} belongs into store or schema", source.path);
        }
    }
    let in_store = sources("src/store").iter().any(|source| {
        source.strings.iter().any(|(_, string)| SQL.iter().any(|begin| string[1..].starts_with(begin)))
    });
    assert!(in_store, "this test still knows a statement when it sees one");
}

#[test]
fn every_module_says_what_it_is_for() {
    for source in sources("src") {
        assert!(source.text.starts_with("//! "), "{} begins with what it is for", source.path);
    }
}
