//! Small enough to be read in one go, and no waiting by the clock.

use crate::source::{Source, sources};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
/// What `cargo fmt` keeps to.
const CODE_COLUMNS_MAX: usize = 110;
/// Comments and strings, which it leaves alone.
const TEXT_COLUMNS_MAX: usize = 130;

/// Tests that may sleep, with the reason: nothing tells them what they wait for.
const SLEEPERS: [(&str, &str); 9] = [
    ("doorbell.rs", "the word names a relay that nobody has woken"),
    ("interleaving.rs", "as in doorbell.rs"),
    ("crash.rs", "the word names a relay that was stopped, and a statement that hangs in the database"),
    ("pooler.rs", "a statement that takes longer than the time-out that somebody left in the session"),
    ("relay.rs", "a subscriber that drips its answer, until the relay hangs up"),
    ("guard.rs", "as in support_selftest.rs"),
    ("envelope.rs", "an envelope that takes its time is the subject"),
    ("support_selftest.rs", "the shell that removes a directory belongs to nobody and can tell nobody"),
    ("sizes.rs", "the word is what it looks for"),
];

fn everything() -> Vec<Source> {
    let folders = ["src", "tests/suite", "tests/support", "contrib/workloads"];
    folders.into_iter().flat_map(sources).collect()
}

#[test]
fn files_of_the_program_are_short() {
    for source in [sources("src"), sources("contrib/workloads")].into_iter().flatten() {
        let lines = source.text.lines().count();
        assert!(lines <= FILE_LINES_MAX, "{} has {lines} lines, more than {FILE_LINES_MAX}", source.path);
    }
}

#[test]
fn functions_fit_on_a_screen() {
    let mut long = Vec::new();
    for source in everything() {
        for (name, line, lines) in source.functions() {
            if lines > FUNCTION_LINES_MAX {
                long.push(format!("{}:{line}: {name} has {lines} lines", source.path));
            }
        }
    }
    assert!(long.is_empty(), "more than {FUNCTION_LINES_MAX} lines:\n{}", long.join("\n"));
}

#[test]
fn lines_fit_into_a_window() {
    let mut long = Vec::new();
    for source in everything() {
        for (at, (line, code)) in source.text.lines().zip(source.code.lines()).enumerate() {
            let columns = line.chars().count();
            let code_columns = code.trim_end().chars().count();
            // What stands behind a long string, its comma, is not code to be wrapped.
            let wrappable = code.trim().len() > 3 && !line.contains('"');
            let too_long = columns > TEXT_COLUMNS_MAX || wrappable && code_columns > CODE_COLUMNS_MAX;
            if too_long {
                long.push(format!("{}:{}: {columns} columns", source.path, at + 1));
            }
        }
    }
    assert!(long.is_empty(), "too long:\n{}", long.join("\n"));
}

#[test]
fn tests_wait_for_events_and_not_for_time_to_pass() {
    let mut sleeping = Vec::new();
    for source in sources("tests/suite") {
        let excused = SLEEPERS.iter().any(|(name, _)| source.path.ends_with(&format!("/{name}")));
        let in_code = source.code.contains("sleep");
        let in_sql = source.strings.iter().any(|(_, string)| string.contains("pg_sleep"));
        if (in_code || in_sql) && !excused {
            sleeping.push(source.path);
        }
    }
    assert!(sleeping.is_empty(), "wait for a fact or a lock, or say in SLEEPERS why not: {sleeping:?}");
}
