//! Single-row UPDATEs by pgbench.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Cluster, Database};

/// Rows of a table to be updated.
const ROWS: u32 = 100_000;

/// What a run came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Transactions per second, without the time to connect.
    pub(crate) tps: f64,
    pub(crate) transactions: f64,
}

/// Makes a table of the size and kind that all runs use.
pub(crate) fn make_table(database: &Database, table: &str) {
    database.psql(&format!(
        "create table {table} (id integer primary key, name text, amount numeric, changed timestamptz) \
         with (fillfactor = 50); \
         insert into {table} select n, 'article ' || n, n, now() from generate_series(1, {ROWS}) n; vacuum analyze {table}"
    ));
}

/// Updates random rows, one per transaction, from `clients` sessions for `seconds`.
pub(crate) fn update(
    cluster: &Cluster,
    database: &Database,
    files: &Path,
    table: &str,
    clients: u32,
    seconds: u32,
) -> Run {
    let script = files.join(table);
    let sql = format!("\\set id random(1, {ROWS})\nupdate {table} set amount = amount + 1 where id = :id;\n");
    fs::write(&script, sql).expect("the script can be written");
    let threads = clients.min(2).to_string();
    let output = Command::new(cluster.bin("pgbench"))
        .args(["-n", "-c", &clients.to_string(), "-j", &threads, "-M", "prepared"])
        .args(["-T", &seconds.to_string(), "-f"])
        .arg(&script)
        .arg("-h")
        .arg(cluster.socket_dir())
        .args(["-p", &cluster.port().to_string(), "-U", "postgres", database.name()])
        .output()
        .expect("pgbench starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "pgbench failed: {text}{problems}");
    let figure = |before: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(before));
        let word = line.and_then(|rest| rest.trim().split([' ', '/']).next());
        word.and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no {before:?} in {text}"))
    };
    Run { tps: figure("tps = "), transactions: figure("number of transactions actually processed: ") }
}
