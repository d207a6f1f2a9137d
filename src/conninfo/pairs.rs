//! Connection strings of the form `key=value key=value`.

use super::connection_string::{Pair, is_identifier};
use super::keys;

/// `key = value key='quoted \' value'`, by libpq's rules.
pub(super) fn parse(text: &str, origin: &str, problems: &mut Vec<String>) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = Vec::new();
    let mut rest = text.trim_start();
    let mut after_password = false;
    while !rest.is_empty() {
        let key_end = rest.find(|c: char| c == '=' || c.is_ascii_whitespace()).unwrap_or(rest.len());
        let (key, tail) = rest.split_at(key_end);
        let Some(tail) = tail.trim_start().strip_prefix('=') else {
            problems
                .push(format!("{origin}: a setting lacks its =, or a value with spaces lacks its quotes"));
            return pairs;
        };
        let tail = tail.trim_start();
        let quoted = tail.starts_with('\'');
        let Some((value, tail)) = take_value(tail) else {
            problems.push(format!("{origin}: a quote is opened and never closed"));
            return pairs;
        };
        let nameable = !after_password && is_identifier(key);
        let known = keys::is_known(key);
        after_password = (key == "password" && !quoted) || (after_password && !known);
        pairs.push(Pair { key: key.to_owned(), value, nameable });
        rest = tail.trim_start();
    }
    pairs
}

/// Takes one value off the front; `None` if its quote is never closed.
fn take_value(text: &str) -> Option<(String, &str)> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut chars = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Some((value, &text[at + 1..])),
            _ if !quoted && c.is_ascii_whitespace() => return Some((value, &text[at..])),
            _ => value.push(c),
        }
    }
    (!quoted).then_some((value, ""))
}
