//! `outboxd status`: what `store` found, judged, and shown on one screen. The document that scripts get holds everything that
//! the screen shows: the screen is a view of it.
//!
//! `judge` adds to the document what is wrong and what is worth knowing; `screen` draws it.

mod judge;
mod screen;

pub use judge::judge;
pub use screen::screen;

use serde_json::Value;

/// How many subscriptions, relays and other rows a screen shows.
pub const SCREEN_ROWS: i64 = 20;
/// How many a document for scripts holds; there is a count of what is left out.
pub const DOCUMENT_ROWS: i64 = 1000;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// A count; sums come from Postgres as numbers with or without a fraction.
fn whole(value: &Value, key: &str) -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "a sum of counts")]
    value[key].as_i64().or_else(|| value[key].as_f64().map(|sum| sum as i64)).unwrap_or(0)
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}
