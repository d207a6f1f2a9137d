//! What somebody reads who has never heard of us: how to join in, why it is worth having, three things to try.

use super::screen::{Ink, Screen};
use crate::stage::Stage;

/// Lines to paste for what a workload has made.
#[derive(Clone, Copy)]
pub(crate) struct Lines {
    /// For psql.
    pub(crate) change: &'static [&'static str],
    /// For psql, and nothing comes of it.
    pub(crate) rollback: &'static str,
    /// For the shell; the database's URL is added.
    pub(crate) crowd: Option<&'static str>,
}

/// What the rules are as wide as.
const WIDTH: usize = 80;

/// Shows it. `relay` is the one that runs.
pub(crate) fn show(screen: &mut Screen, stage: &Stage, lines: &Lines, relay: Option<u32>) {
    let rule = "─".repeat(screen.width().min(WIDTH));
    screen.line(&[(Ink::Dim, &rule)]);
    screen.whole(&[
        (Ink::Bold, "Open. "),
        (Ink::Plain, "Join in from another terminal; here you see what your commits become."),
    ]);
    let url = stage.database.tcp_url();
    screen.whole(&[(Ink::Good, &format!("  psql '{url}'"))]);
    for line in lines.change {
        screen.whole(&[(Ink::Good, &format!("    {line}"))]);
    }
    if let Some(crowd) = lines.crowd {
        screen.whole(&[(Ink::Good, &format!("  {crowd} '{url}'"))]);
    }
    for line in [
        "What is committed is POSTed, signed, over mTLS, until the subscriber has it. No",
        "library in the application, no broker: a trigger writes it down in the same",
        "transaction, in tables of this database. Three things to try:",
    ] {
        screen.whole(&[(Ink::Plain, line)]);
    }
    try_this(screen, "1", "Stop the subscriber:", "s Enter, change a row: attempts fail, pauses grow.");
    screen.whole(&[
        (Ink::Good, "      select * from outbox.failing;"),
        (Ink::Plain, "  s Enter: it is back, all arrives."),
    ]);
    try_this(screen, "2", "Kill the relay:", "k Enter, go on committing, k Enter: nothing is lost.");
    if let Some(pid) = relay {
        screen.whole(&[(Ink::Plain, "    The same by hand: "), (Ink::Good, &format!("kill -9 {pid}"))]);
    }
    screen.whole(&[(Ink::Good, &format!("      {}", stage.relay_line()))]);
    screen
        .whole(&[(Ink::Plain, "    h Enter makes the subscriber slow: what is in flight then comes again.")]);
    try_this(screen, "3", "Roll back:", "what is not committed never leaves.");
    screen.whole(&[(Ink::Good, &format!("      {}", lines.rollback))]);
    screen.whole(&[(Ink::Plain, "? Enter: this text.  q Enter or Ctrl-C: end, and leave nothing behind.")]);
    screen.line(&[(Ink::Dim, &rule)]);
    screen.whole(&[(Ink::Dim, "UTC, or age   what was committed → what arrived, its signature verified")]);
}

fn try_this(screen: &mut Screen, number: &str, title: &str, text: &str) {
    screen.whole(&[
        (Ink::Note, &format!("  {number} ")),
        (Ink::Bold, title),
        (Ink::Plain, &format!(" {text}")),
    ]);
}
