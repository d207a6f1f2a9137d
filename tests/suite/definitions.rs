//! The files of sql/ and what an installation makes of them.

use std::collections::BTreeSet;

use crate::installing::installed;
use crate::source::{files_below, text_of};
use crate::support::{Database, shared};

/// How far down in a file the contract begins: behind the head of the function.
const HEAD_LINES_MAX: usize = 16;

/// The names of the files in a folder of sql/.
fn files(folder: &str) -> BTreeSet<String> {
    let names = files_below(&format!("sql/{folder}"));
    let stem = |path: &String| path.rsplit('/').next().unwrap().trim_end_matches(".sql").to_owned();
    names.iter().map(stem).collect()
}

fn names(db: &Database, sql: &str) -> Vec<String> {
    db.psql(sql).lines().map(str::to_owned).collect()
}

/// No second definition with other arguments, no leftover, no stowaway.
#[test]
fn each_file_makes_the_one_object_it_is_named_after() {
    let db = installed(shared(), "objects");
    let cases = [
        // reach() and render() are written by write_calls(), as the capture functions by regenerate().
        (
            "functions",
            "select proname from pg_proc where pronamespace = 'outbox'::regnamespace and proname not in ('reach', 'render')",
        ),
        (
            "views",
            "select relname from pg_class where relnamespace = 'outbox'::regnamespace and relkind in ('v', 'm')",
        ),
        (
            "triggers",
            "select tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid
                where c.relnamespace = 'outbox'::regnamespace and not tgisinternal",
        ),
    ];
    for (folder, query) in cases {
        let (found, expected) = (names(&db, query), files(folder));
        let mut sorted = found.clone();
        sorted.sort();
        assert_eq!(sorted, expected.iter().cloned().collect::<Vec<_>>(), "sql/{folder} and what it made");
        for name in expected {
            let text = text_of(&format!("sql/{folder}/{name}.sql")).to_lowercase();
            // There is no CREATE OR REPLACE for a deferred trigger: a block asks whether it is there.
            let block = text.starts_with("do $$");
            let lines = text.lines().map(|line| if block { line.trim_start() } else { line });
            let created = lines.filter(|line| line.starts_with("create ")).count();
            assert_eq!(created, 1, "sql/{folder}/{name}.sql makes one thing");
        }
    }
    let watched = "create table t (id int primary key); create table u (id int primary key);
        select outbox.watch('t', 'Thing'); select outbox.watch('u', 'Thing')";
    db.psql(watched);
    let captures =
        names(&db, "select proname from pg_proc where proname ~ '^capture_[0-9]' order by proname");
    assert_eq!(captures, ["capture_1", "capture_2"]);
}

#[test]
fn every_function_opens_with_its_contract() {
    for name in files("functions") {
        let text = text_of(&format!("sql/functions/{name}.sql"));
        let lines: Vec<_> = text.lines().collect();
        let head = lines
            .iter()
            .position(|line| *line == "as $$")
            .unwrap_or_else(|| panic!("{name}: no line `as $$`"));
        assert!(head < HEAD_LINES_MAX, "{name}: the body begins in line {}", head + 1);
        assert!(lines[head + 1].trim_start().starts_with("-- "), "{name}: the body begins with its contract");
        let touches = lines.iter().any(|line| line.trim_start().starts_with("-- Touches:"));
        assert!(touches, "{name}: -- Touches:");
    }
}

/// Views, triggers and grants say what they are for above their statement.
#[test]
fn every_view_says_what_it_answers() {
    for name in files("views") {
        assert!(text_of(&format!("sql/views/{name}.sql")).starts_with("-- "), "{name}");
    }
}

/// What runs with the rights of somebody else must not find things that somebody else put in its way.
#[test]
fn functions_with_borrowed_rights_have_a_fixed_search_path() {
    let db = installed(shared(), "search_path");
    db.psql("create table t (id int primary key); select outbox.watch('t', 'Thing')");
    let open = "select proname from pg_proc where pronamespace = 'outbox'::regnamespace
        and (prosecdef or prorettype = 'trigger'::regtype)
        -- Captures name everything with its schema instead; tests/suite/harmless.rs lays traps for them.
        and proname !~ '^capture_[0-9]'
        and not coalesce(proconfig, '{}') @> array['search_path=pg_catalog, pg_temp']";
    assert_eq!(names(&db, open), [""; 0]);
}

#[test]
fn nothing_is_for_everybody() {
    let db = installed(shared(), "public");
    db.psql("create table t (id int primary key); select outbox.watch('t', 'Thing')");
    let open = "select proname from pg_proc where pronamespace = 'outbox'::regnamespace
            and has_function_privilege('public', oid, 'execute')
        union all
        select relname from pg_class where relnamespace = 'outbox'::regnamespace and relkind in ('r', 'p', 'v')
            and has_table_privilege('public', oid, 'select, insert, update, delete, truncate, references, trigger')
        union all
        select relname from pg_class where relnamespace = 'outbox'::regnamespace
            and case when relkind = 'S' then has_sequence_privilege('public', oid, 'usage, select, update') end
        union all
        select nspname from pg_namespace where nspname = 'outbox'
            and has_schema_privilege('public', oid, 'usage, create')";
    assert_eq!(names(&db, open), [""; 0]);
}
