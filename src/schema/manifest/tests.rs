//! The lists against the folders, and what a file may hold.

use super::{DEFINITIONS, MIGRATIONS, Manifest};
use std::collections::BTreeSet;
use std::path::Path;

/// Every `.sql` file under `folder` of the package, as paths relative to it.
fn files_in(folder: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (mut found, mut open) = (BTreeSet::new(), vec![root.clone()]);
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.map(|entry| entry.expect("a readable folder").path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "sql") {
                let path = path.strip_prefix(&root).expect("a path below the folder");
                found.insert(path.to_str().expect("a UTF-8 path").replace('\\', "/"));
            }
        }
    }
    found
}

fn check_folder(folder: &str, listed: &BTreeSet<String>) {
    let files = files_in(folder);
    let unlisted: Vec<_> = files.difference(listed).collect();
    let absent: Vec<_> = listed.difference(&files).collect();
    assert!(
        unlisted.is_empty() && absent.is_empty(),
        "src/schema/manifest.rs and {folder}/ differ: not listed {unlisted:?}, no such file {absent:?}"
    );
}

#[test]
fn every_file_is_listed_and_every_listed_file_exists() {
    check_folder("migrations", &MIGRATIONS.iter().map(|(name, _)| format!("{name}.sql")).collect());
    check_folder("sql", &DEFINITIONS.iter().map(|(path, _)| (*path).to_owned()).collect());
}

#[test]
fn nothing_is_listed_twice() {
    let paths: BTreeSet<_> = DEFINITIONS.iter().map(|(path, _)| path).collect();
    assert_eq!(paths.len(), DEFINITIONS.len(), "sql/ is re-applied whole: once per file is enough");
}

/// refinery finds two files with one version only when the second fails at the primary key.
#[test]
fn versions_count_up_from_one_without_gaps() {
    let versions: Vec<i32> =
        Manifest::BUILT_IN.parsed().expect("names").iter().map(refinery::Migration::version).collect();
    let expected: Vec<i32> = (1..).take(versions.len()).collect();
    assert_eq!(versions, expected);
}

#[test]
fn grants_come_last() {
    let position = DEFINITIONS.iter().position(|(path, _)| *path == "grants.sql");
    assert!(position.is_none_or(|position| position + 1 == DEFINITIONS.len()));
}

/// Each file runs inside a transaction that it must not end, both from here and from psql.
#[test]
fn files_leave_transactions_and_psql_alone() {
    for (name, sql) in MIGRATIONS.iter().chain(DEFINITIONS) {
        assert!(!sql.contains('\r'), "{name}: line ends are part of the checksum, use LF");
        // What is indented stands in the body of a procedure.
        for line in sql.lines().map(|line| line.trim_end().to_lowercase()) {
            let ends = ["begin;", "commit;", "rollback;", "end transaction;"].contains(&line.as_str());
            assert!(!ends, "{name}: {line}");
            assert!(!line.trim_start().starts_with('\\'), "{name}: {line} is a psql command");
        }
    }
}

#[test]
fn the_fingerprint_sees_text_names_and_order() {
    let of = |definitions: &[(&str, &str)]| {
        Manifest { migrations: &[], definitions }.fingerprint().expect("a fingerprint")
    };
    let base = of(&[("a.sql", "select 1;"), ("b.sql", "select 2;")]);
    assert_eq!(base, of(&[("a.sql", "select 1;"), ("b.sql", "select 2;")]));
    assert_ne!(base, of(&[("a.sql", "select 1; "), ("b.sql", "select 2;")]));
    assert_ne!(base, of(&[("c.sql", "select 1;"), ("b.sql", "select 2;")]));
    assert_ne!(base, of(&[("b.sql", "select 2;"), ("a.sql", "select 1;")]));
    assert_ne!(of(&[("a", "x"), ("b", "y")]), of(&[("a", "xb 1\ny")]));
}
