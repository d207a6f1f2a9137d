//! The lines of the timeline: what they say and how they look.

use super::screen::{Ink, Screen};
use super::sessions::{Line, Transaction};

/// Where what follows a statement begins: below it, behind the time.
const MARGIN: &str = "              ";
/// So many statements of a transaction are shown at a time, the first ones and the last.
const LINES_SHOWN: usize = 10;
/// How much of a webhook-id tells it from the others.
const ID_SHOWN: usize = 6;

/// A POST that arrived.
pub(crate) struct Post<'a> {
    pub(crate) object: &'a str,
    pub(crate) age_ms: f64,
    /// What the subscriber answers, such as `200`.
    pub(crate) answer: &'a str,
    pub(crate) attempt: Option<i64>,
    pub(crate) webhook_id: &'a str,
    /// It has arrived before.
    pub(crate) again: bool,
    /// To whom, if not to the demo's own subscriber.
    pub(crate) subscriber: Option<&'a str>,
}

/// The lines of a transaction that have not been shown.
pub(crate) fn lines(screen: &mut Screen, transaction: &mut Transaction) {
    let new = &transaction.lines[transaction.shown..];
    let first = if new.len() > LINES_SHOWN { LINES_SHOWN - 2 } else { new.len() };
    for line in &new[..first] {
        statement(screen, line);
    }
    if first < new.len() {
        note(screen, &format!("… and {} more statements", new.len() - first - 1));
        new.last().into_iter().for_each(|line| statement(screen, line));
    }
    transaction.shown = transaction.lines.len();
}

fn statement(screen: &mut Screen, line: &Line) {
    let words: Vec<_> = line.text.split_whitespace().collect();
    let ink = if line.is_error { Ink::Bad } else { Ink::Bold };
    screen.line(&[(Ink::Dim, &format!("{:<14}", line.clock)), (ink, &words.join(" "))]);
}

/// A POST, verified.
pub(crate) fn post(screen: &mut Screen, post: &Post<'_>) {
    let to = post.subscriber.map_or_else(String::new, |name| format!(" to {name}"));
    let attempt = post.attempt.map_or_else(String::new, |number| format!(", attempt {number}"));
    let id = format!(", {} {}", if post.again { "same id" } else { "id" }, short(post.webhook_id));
    let object = format!("→ {:<20} ", format!("{}{to}", post.object));
    screen.line(&[
        (Ink::Dim, &column(post.age_ms)),
        (Ink::Good, &object),
        (Ink::Good, "verified"),
        (Ink::Plain, &format!(", {}{attempt}", post.answer)),
        (if post.again { Ink::Note } else { Ink::Dim }, &id),
    ]);
}

/// An attempt that came to nothing.
pub(crate) fn failed(screen: &mut Screen, age_ms: f64, object: &str, what: &str, webhook_id: &str) {
    screen.line(&[
        (Ink::Dim, &column(age_ms)),
        (Ink::Bad, &format!("✗ {object:<20} ")),
        (Ink::Plain, what),
        (Ink::Dim, &format!(", id {}", short(webhook_id))),
    ]);
}

/// What became of a transaction, or why not.
pub(crate) fn note(screen: &mut Screen, text: &str) {
    screen.line(&[(Ink::Plain, MARGIN), (Ink::Note, text)]);
}

/// As a note, but less.
pub(crate) fn aside(screen: &mut Screen, text: &str) {
    screen.line(&[(Ink::Plain, MARGIN), (Ink::Dim, text)]);
}

/// What must not happen.
pub(crate) fn alarm(screen: &mut Screen, text: &str) {
    screen.line(&[(Ink::Plain, MARGIN), (Ink::Bad, text)]);
}

/// What a key did, over as many lines as it takes.
pub(crate) fn answer(screen: &mut Screen, text: &str) {
    let mut line = String::from("▶");
    for word in text.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > screen.width() {
            screen.line(&[(Ink::Note, &line)]);
            line = String::from(" ");
        }
        line = line + " " + word;
    }
    screen.line(&[(Ink::Note, &line)]);
}

/// A time span as people say it.
pub(crate) fn age(ms: f64) -> String {
    match ms.max(0.0) {
        ms if ms < 9.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1000.0),
    }
}

/// `1 POST`, `2 POSTs`.
pub(crate) fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn column(age_ms: f64) -> String {
    format!("{:>12}  ", format!("+ {}", age(age_ms)))
}

fn short(webhook_id: &str) -> String {
    webhook_id.chars().take(ID_SHOWN).chain(['…']).collect()
}
