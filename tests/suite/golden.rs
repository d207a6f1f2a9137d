//! What an installation is, and what a released migration was, on paper: a change shows as a diff to be reviewed.
//! `UPDATE_EXPECT=1 cargo test` writes the files of tests/golden/ anew.

use std::fs;
use std::path::{Path, PathBuf};

use outboxd::schema::manifest::MIGRATIONS;
use refinery::Migration;

use crate::installing::{can_dump_or_says_so, dump, installed};
use crate::support::shared;

const SCHEMA_HEADER: &str = "\
-- Schema outbox as a fresh installation makes it: pg_dump --schema-only --no-owner -n outbox, without comments,
-- blank lines and settings. Bodies of functions are left out: they are in sql/functions/ word by word.
-- Written by UPDATE_EXPECT=1 cargo test --test suite golden::
";

const MIGRATIONS_HEADER: &str = "\
# Every migration: name, checksum as refinery computes it, and the release that brought it or `unreleased`.
# Databases hold the checksum of what was applied to them and refuse another one, be it for a comment. So:
#   before its release  edit the file, then UPDATE_EXPECT=1 cargo test --test suite golden::
#   with its release    replace `unreleased` by the number of the release
#   from then on        write a new migration; UPDATE_EXPECT no longer changes the line, and an edit fails here
";

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn is_to_be_written() -> bool {
    std::env::var_os("UPDATE_EXPECT").is_some()
}

#[test]
fn a_fresh_installation_is_the_one_on_paper() {
    if !can_dump_or_says_so(shared(), "golden schema") {
        return;
    }
    let db = installed(shared(), "golden_schema");
    let dumped = dump(shared(), &db, &["--schema-only", "--no-owner", "-n", "outbox"]);
    let found = format!("{SCHEMA_HEADER}{}", essence(&dumped));
    let path = golden("schema.sql");
    if is_to_be_written() {
        fs::write(&path, found).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap();
    let unlike = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    let at = unlike.unwrap_or_else(|| found.lines().count().min(expected.lines().count()));
    let around = |text: &str| text.lines().skip(at.saturating_sub(3)).take(8).collect::<Vec<_>>().join("\n");
    assert!(
        found == expected,
        "the schema differs from tests/golden/schema.sql in line {}; if that is meant, write it anew with \
         UPDATE_EXPECT=1 and review the diff\n---- on paper\n{}\n---- installed\n{}",
        at + 1,
        around(&expected),
        around(&found)
    );
}

/// A dump without what depends on who dumped it and when, and without the bodies of functions.
fn essence(dumped: &str) -> String {
    let mut kept = String::new();
    let mut lines = dumped.lines();
    while let Some(line) = lines.next() {
        if line.is_empty()
            || ["--", "SET ", "SELECT pg_catalog.set_config"].iter().any(|p| line.starts_with(p))
        {
            continue;
        }
        let quote =
            line.strip_prefix("    AS ").filter(|quote| quote.starts_with('$') && quote.ends_with('$'));
        if let Some(quote) = quote {
            let last = format!("{quote};");
            assert!(lines.any(|line| line == last), "a body that does not end");
            kept += "    AS ...;\n";
            continue;
        }
        kept += &without_name_of_not_null(line);
        kept += "\n";
    }
    kept
}

/// Since 18 NOT NULL is a constraint with a name, which that of a partition has from its parent.
fn without_name_of_not_null(line: &str) -> String {
    let Some((before, constraint)) = line.split_once(" CONSTRAINT ") else { return line.to_owned() };
    match constraint.split_once(' ') {
        Some((_, rest)) if rest.starts_with("NOT NULL") => format!("{before} {rest}"),
        _ => line.to_owned(),
    }
}

#[test]
fn no_released_migration_was_edited() {
    let path = golden("migrations.txt");
    let recorded = fs::read_to_string(&path).unwrap_or_default();
    let recorded: Vec<Vec<&str>> = recorded
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(' ').collect())
        .collect();
    let mut text = MIGRATIONS_HEADER.to_owned();
    for (name, sql) in MIGRATIONS {
        let checksum = Migration::unapplied(name, sql).unwrap().checksum().to_string();
        let (was, release) = match recorded.iter().find(|line| line[0] == *name).map(Vec::as_slice) {
            Some([_, was, release]) => (*was, *release),
            Some(other) => panic!("{} is not `name checksum release`", other.join(" ")),
            None => ("nothing", "unreleased"),
        };
        let released = release != "unreleased";
        assert!(
            was == checksum || !released,
            "migration {name} was edited after release {release} had brought it, and databases that have it will \
             refuse this binary: restore the file and write a new migration"
        );
        assert!(
            was == checksum || is_to_be_written(),
            "migration {name} is {checksum}, recorded is {was}: it is unreleased, so UPDATE_EXPECT=1 records it"
        );
        text += &[*name, &checksum, release].join(" ");
        text.push('\n');
    }
    for line in &recorded {
        let known = MIGRATIONS.iter().any(|(name, _)| *name == line[0]);
        assert!(known || line[2] == "unreleased", "released migration {} is gone: restore it", line[0]);
    }
    if is_to_be_written() {
        fs::write(&path, text).unwrap();
    }
}
