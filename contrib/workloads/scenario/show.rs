//! What is seen of a scenario: each step's SQL as it would be typed, then what came of it.

use super::compare::Arrived;
use super::steps::{Step, Wanted};
use crate::support::PsqlError;

/// How many characters of a body stand on a line.
const WIDTH: usize = 110;
/// Headers that say more of how a request came than of what it is about.
const QUIET: [&str; 7] = [
    "host",
    "user-agent",
    "accept",
    "content-type",
    "content-length",
    "webhook-timestamp",
    "webhook-signature",
];

/// Title and SQL, with the prompts that psql would show.
pub(super) fn step(step: &Step) {
    println!("\n-- {}", step.title);
    let mut prompt = '=';
    for line in step.sql.lines() {
        println!("demo{prompt}> {line}");
        let ends = line.trim_end().ends_with(';') || line.starts_with('\\') || line.starts_with("--");
        prompt = if ends { '=' } else { '-' };
    }
}

/// A request as it came.
pub(super) fn request(arrived: &Arrived<'_>) {
    let request = &arrived.request;
    println!("  → {} {} {}", arrived.receiver, request.method, request.path);
    for (name, value) in &request.headers {
        if !QUIET.contains(&name.as_str()) {
            println!("      {name}: {value}");
        }
    }
    text(&String::from_utf8_lossy(&request.body));
}

/// What a statement printed.
pub(super) fn rows(printed: &str) {
    for line in printed.lines() {
        println!("  {line}");
    }
}

/// An error that was to be.
pub(super) fn error(error: &PsqlError) {
    println!("  ERROR:  {}: {}", error.sqlstate, error.message);
    for (name, text) in [("DETAIL", &error.detail), ("HINT", &error.hint)] {
        if let Some(text) = text {
            println!("  {name}:  {text}");
        }
    }
}

/// Whether it is as it should be, and if not, what should be; the first difference comes at the very end.
pub(super) fn verdict(step: &Step, good: bool) {
    let what = match (step.requests.len(), &step.error) {
        (0, Some(_)) => "this error and nothing else".to_owned(),
        (0, None) => "nothing".to_owned(),
        (1, _) => "this request and nothing else".to_owned(),
        (n, _) => format!("these {n} requests and nothing else"),
    };
    if good {
        return println!("  ✓ {what}, as it should be");
    }
    println!("  ✗ should be {what}");
    for Wanted { receiver, method, path, headers, body, .. } in &step.requests {
        println!("  → {receiver} {method} {path}");
        for (name, value) in headers {
            println!("      {name}: {value}");
        }
        text(body);
    }
}

fn text(body: &str) {
    let body: Vec<char> = body.chars().collect();
    for line in body.chunks(WIDTH) {
        println!("      {}", line.iter().collect::<String>());
    }
}
