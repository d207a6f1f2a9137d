//! `outboxd check`: from what the database, the files and the network say to findings, each with what, why and the way out.
//!
//! One file makes the findings of one subject, from plain data: it asks nobody and changes nothing. `report` puts them together
//! for people and for scripts.

mod certificates;
mod connection;
mod doorbell;
mod endpoints;
mod finding;
mod house;
mod identities;
mod installation;
mod relays;
mod report;
mod rights;
mod secrets;
mod server;
mod subscriptions;
mod watches;

pub use certificates::{Certificate, now};
pub use connection::{Place, settings, unreachable};
pub use doorbell::doorbell;
pub use endpoints::{Destination, Stranger, destinations, http, named, resolved, shaken, shaken_with_next};
pub use finding::{Finding, Level};
pub use house::house;
pub use identities::{connection_files, identities};
pub use installation::{home, lost, triggers};
pub use relays::relays;
pub use report::Report;
pub use rights::{absent, looks, rights};
pub use secrets::{secrets, unknown};
pub use server::{clock, server, session, silent};
pub use subscriptions::subscriptions;
pub use watches::watches;

use serde_json::Value;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn whole(value: &Value, key: &str) -> i64 {
    value[key].as_i64().unwrap_or(0)
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// A word as a shell reads it back.
fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,@%=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A list of texts in one line.
fn joined(value: &Value, key: &str) -> String {
    list(value, key).iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}
