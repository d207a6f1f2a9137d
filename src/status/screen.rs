//! One screen for an operator at three in the morning.

use serde_json::Value;

use super::{list, text, whole};
use crate::screen::{Align, Column, Table, count, cut, number, plain, span, wrap};

/// Relays that are gone and still shown: who was there last.
const GONE_SHOWN: usize = 3;

/// Lines that what is wrong with a subscription may take.
const TROUBLE_LINES: usize = 4;

const fn column(name: &'static str, align: Align, gives_way: bool) -> Column {
    Column { name, align, gives_way }
}

const RELAYS: [Column; 5] = [
    column("RELAY", Align::Left, true),
    column("HOST", Align::Left, true),
    column("RELEASE", Align::Left, false),
    column("DOORBELL", Align::Left, false),
    column("LAST SEEN", Align::Left, false),
];

const SUBSCRIPTIONS: [Column; 8] = [
    column("ID", Align::Right, false),
    column("SUBSCRIBER", Align::Left, true),
    column("ENDPOINT", Align::Left, true),
    column("STATUS", Align::Left, false),
    column("OPEN", Align::Right, false),
    column("OLDEST", Align::Right, false),
    column("/MIN", Align::Right, false),
    column("ETA", Align::Right, false),
];

/// Draws a judged document in lines of at most `width` columns; `None` cuts nothing.
#[must_use]
pub fn screen(status: &Value, width: Option<usize>) -> String {
    let width = width.unwrap_or(usize::MAX);
    let mut lines = vec![header(status, width)];
    for (mark, key) in [("!", "problems"), ("-", "notes")] {
        for one in list(status, key) {
            lines.push(wrap(&format!("{mark} {}", plain(text(one, "what"))), width, 2));
            // Alone on its line and whole, to be copied.
            lines.extend(one["remedy"].as_str().map(|remedy| format!("  > {}", plain(remedy))));
        }
    }
    lines.push(String::new());
    lines.extend(relays(status, width));
    lines.push(String::new());
    lines.extend(subscriptions(status, width));
    lines.join("\n") + "\n"
}

/// The database, the release, and whether all is well, in one sentence.
fn header(status: &Value, width: usize) -> String {
    let release = text(status, "release");
    let verdict = match list(status, "problems").len() {
        0 => "healthy".to_owned(),
        problems => format!("NOT HEALTHY, {}", count(i64::try_from(problems).unwrap_or(0), "problem")),
    };
    let server = text(status, "server_version").split(' ').next().unwrap_or_default();
    let database = plain(text(status, "database"));
    wrap(&format!("{database} on PostgreSQL {server}, outboxd {release}: {verdict}"), width, 2)
}

fn relays(status: &Value, width: usize) -> Vec<String> {
    let all = list(status, "relays");
    let alive = all.iter().filter(|relay| relay["alive"] == true);
    let gone = all.iter().filter(|relay| relay["alive"] != true);
    let mut table = Table::new(&RELAYS);
    let mut shown = 0;
    for relay in alive.chain(gone.take(GONE_SHOWN)) {
        let seen = span(relay["seen_s_ago"].as_f64().unwrap_or(0.0));
        let seen = match (relay["alive"] == true, relay["stopped_s_ago"].as_f64()) {
            (true, _) => format!("{seen} ago"),
            (false, Some(stopped)) => format!("{} ago, stopped", span(stopped)),
            (false, None) => format!("{seen} ago, gone"),
        };
        let [name, host, release] = ["name", "host", "release"].map(|key| text(relay, key));
        table.row([name, host, release, relay["doorbell"].as_str().unwrap_or("-"), &seen]);
        shown += 1;
    }
    if shown == 0 {
        return vec!["no relay was ever seen".to_owned()];
    }
    let mut lines = table.lines(width);
    let more = all.len() - shown + usize::try_from(whole(status, "relays_more")).unwrap_or(0);
    if more > 0 {
        lines.push(format!("and {more} more: select * from outbox.relay;"));
    }
    lines
}

fn subscriptions(status: &Value, width: usize) -> Vec<String> {
    let told = list(status, "subscriptions");
    if told.is_empty() {
        let by_status = status["subscriptions_by_status"].as_object();
        let all: i64 = by_status.map_or(0, |all| all.values().filter_map(Value::as_i64).sum());
        return vec![match all {
            0 => "nobody has subscribed yet: select outbox.subscribe('WHO', '*', 'https://…');".to_owned(),
            all => format!("nothing is waiting; {}", count(all, "subscription")),
        }];
    }
    let mut table = Table::new(&SUBSCRIPTIONS);
    for one in told {
        let or_dash = |key: &str| one[key].as_f64().map_or_else(|| "-".to_owned(), span);
        let status = match (whole(one, "consecutive_failures"), text(one, "status")) {
            (1.., "active") => "failing",
            (_, status) => status,
        };
        let [subscriber, endpoint] = ["subscriber", "endpoint"].map(|key| text(one, key));
        table.row([
            &whole(one, "id").to_string(),
            subscriber,
            endpoint,
            status,
            &number(whole(one, "open")),
            &or_dash("oldest_age_s"),
            &number(whole(one, "rate_per_minute")),
            &or_dash("eta_s"),
        ]);
    }
    let mut rows = table.lines(width).into_iter();
    let mut lines: Vec<String> = rows.next().into_iter().collect();
    for (row, one) in rows.zip(told) {
        lines.push(row);
        // Some lines of it: the way out is often at the end.
        let trouble = trouble(one).map(|trouble| cut(&plain(&trouble), width.saturating_mul(TROUBLE_LINES)));
        let trouble = trouble.map(|trouble| wrap(&trouble, width.saturating_sub(3), 0));
        lines.extend(trouble.iter().flat_map(|trouble| trouble.lines()).map(|line| format!("   {line}")));
    }
    let more = whole(status, "subscriptions_more");
    if more > 0 {
        lines.push(format!("and {} more: select * from outbox.backlog;", count(more, "subscription")));
    }
    lines.push(wrap(&totals(&status["totals"]), width, 2));
    lines
}

/// The line below a subscription that is off, fails, is held or has dead letters.
fn trouble(one: &Value) -> Option<String> {
    let mut parts = Vec::new();
    if let ("disabled" | "paused", Some(age)) = (text(one, "status"), one["status_age_s"].as_f64()) {
        let (status, by) = (text(one, "status"), text(one, "status_by"));
        let reason = one["status_reason"].as_str().map_or_else(String::new, |reason| format!(": {reason}"));
        parts.push(format!("{status} {} ago by {by}{reason}", span(age)));
    }
    let dead = whole(one, "dead_letters");
    if dead > 0 {
        parts.push(format!("{} dead", number(dead)));
    }
    if let Some(held) = one["held_for_s"].as_f64() {
        let why = match text(one, "held_why") {
            "breaker" => "breaker open",
            _ => "it asked to be left alone",
        };
        parts.push(format!("{why} for {} more", span(held)));
    }
    let failures = whole(one, "consecutive_failures");
    if failures > 0 {
        let severity =
            one["severity"].as_i64().map_or_else(String::new, |level| format!(", severity {level}"));
        parts.push(format!("failed {failures}×{severity}: {}", text(one, "last_error")));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn totals(totals: &Value) -> String {
    let open = whole(totals, "open");
    if open == 0 {
        return "nothing is waiting".to_owned();
    }
    let [due, in_flight, waiting] = ["due", "in_flight", "waiting"].map(|key| number(whole(totals, key)));
    let oldest =
        totals["oldest_age_s"].as_f64().map_or_else(String::new, |age| format!(", oldest {}", span(age)));
    let eta =
        totals["eta_s"].as_f64().map_or_else(String::new, |eta| format!(", done in about {}", span(eta)));
    format!(
        "{} open: {due} due, {in_flight} in flight, {waiting} waiting{oldest}; {} per minute{eta}",
        count(open, "delivery"),
        number(whole(totals, "rate_per_minute"))
    )
}
