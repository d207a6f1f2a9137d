//! What arrived, against what should have: the first difference in words.

use std::collections::HashMap;

use super::steps::Wanted;
use crate::support::Request;

/// Headers that are on every request; they are checked by what they are, not by what a step says of them.
const USUAL: [&str; 10] = [
    "host",
    "user-agent",
    "accept",
    "content-type",
    "content-length",
    "webhook-timestamp",
    "webhook-signature",
    "webhook-id",
    "outbox-attempt",
    "outbox-event-type",
];
/// How much is shown around the place where two texts part.
const SHOWN: usize = 60;

/// A request, where it arrived and with whose certificate it should have come.
pub(crate) struct Arrived<'a> {
    pub(crate) receiver: &'a str,
    pub(crate) common_name: &'a str,
    pub(crate) authority: String,
    pub(crate) request: Request,
}

/// What the words in angle brackets stand for, and which webhooks have arrived how often.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    words: HashMap<String, String>,
    webhooks: HashMap<String, u32>,
}

impl Known {
    /// Whether a text is what a pattern says. Words that stand for something are remembered, also when it is not.
    pub(crate) fn fits(&mut self, pattern: &str, text: &str) -> bool {
        let (mut pattern, mut rest) = (pattern, text);
        while let Some((before, word, after)) = next_word(pattern) {
            let Some(from) = rest.strip_prefix(before) else { return false };
            let literal = next_word(after).map_or(after, |(literal, ..)| literal);
            let end = if literal.is_empty() { Some(from.len()) } else { from.find(literal) };
            let Some(value) = end.map(|end| &from[..end]).filter(|value| !value.is_empty()) else {
                return false;
            };
            let other = self.words.iter().any(|(known, stands)| known != word && stands == value);
            if other || self.words.entry(word.to_owned()).or_insert_with(|| value.to_owned()) != value {
                return false;
            }
            (pattern, rest) = (after, &from[value.len()..]);
        }
        pattern == rest
    }

    /// What is wrong with a request that should be this one, the first thing.
    fn difference(&mut self, wanted: &Wanted, arrived: &Arrived<'_>) -> Option<String> {
        let request = &arrived.request;
        let line = |method: &str, path: &str| format!("{method} {path}");
        let (wish, is) = (line(&wanted.method, &wanted.path), line(&request.method, &request.path));
        if wish != is {
            return Some(format!("should be {wish}, is {is}"));
        }
        self.body(wanted, request)
            .or_else(|| self.headers(wanted, request))
            .or_else(|| self.usual(wanted, arrived))
    }

    fn body(&mut self, wanted: &Wanted, request: &Request) -> Option<String> {
        let Ok(body) = std::str::from_utf8(&request.body) else {
            return Some("its body is not text".to_owned());
        };
        (!self.fits(&wanted.body, body)).then(|| parting(&self.filled(&wanted.body), body))
    }

    /// A pattern with what its words stand for, as far as that is known.
    fn filled(&self, pattern: &str) -> String {
        self.words
            .iter()
            .fold(pattern.to_owned(), |text, (word, value)| text.replace(&format!("<{word}>"), value))
    }

    /// The headers that a step names must be there, others must not.
    fn headers(&mut self, wanted: &Wanted, request: &Request) -> Option<String> {
        for (name, value) in &wanted.headers {
            let Some(is) = request.header(name) else { return Some(format!("header {name} is missing")) };
            if !self.fits(value, is) {
                return Some(format!("header {name} should be {value}, is {is}"));
            }
        }
        let named = |name: &str| wanted.headers.iter().any(|(wish, _)| wish == name);
        let extra = request.headers.iter().find(|(name, _)| !USUAL.contains(&name.as_str()) && !named(name));
        extra.map(|(name, value)| format!("header {name} should not be there, is {value}"))
    }

    fn usual(&mut self, wanted: &Wanted, arrived: &Arrived<'_>) -> Option<String> {
        let request = &arrived.request;
        let id = request.header("webhook-id").unwrap_or_default();
        let attempt = self.webhooks.get(id).copied().unwrap_or(0) + 1;
        let says = |name: &str| wanted.headers.iter().any(|(said, _)| said == name);
        if attempt > 1 && !says("webhook-id") {
            return Some(format!("webhook {id} has arrived before"));
        }
        let length = request.body.len().to_string();
        let expected = [
            ("host", arrived.authority.as_str()),
            ("accept", "*/*"),
            ("content-type", "application/json"),
            ("content-length", &length),
            ("outbox-attempt", &attempt.to_string()),
        ];
        for (name, value) in expected.into_iter().filter(|(name, _)| !says(name)) {
            let is = request.header(name).unwrap_or("missing");
            if is != value {
                return Some(format!("header {name} should be {value}, is {is}"));
            }
        }
        if !request.header("user-agent").is_some_and(|agent| agent.starts_with("outboxd/")) {
            return Some("header user-agent should begin with outboxd/".to_owned());
        }
        if request.peer_common_name.as_deref() != Some(arrived.common_name) {
            let name = request.peer_common_name.as_deref().unwrap_or("none");
            return Some(format!("the client certificate should be {}, is {name}", arrived.common_name));
        }
        self.webhooks.insert(id.to_owned(), attempt);
        None
    }
}

/// Whether exactly the wanted requests arrived, and if not, the first difference. Each wanted one takes the first of its
/// receiver's that is as it should be.
pub(crate) fn check(wanted: &[Wanted], arrived: &[Arrived<'_>], known: &mut Known) -> Result<(), String> {
    let mut left: Vec<&Arrived<'_>> = arrived.iter().collect();
    let mut unmet = Vec::new();
    for wish in wanted {
        let fitting = left.iter().position(|arrived| {
            let mut tried = known.clone();
            let fits = arrived.receiver == wish.receiver && tried.difference(wish, arrived).is_none();
            if fits {
                *known = tried;
            }
            fits
        });
        match fitting {
            Some(at) => drop(left.remove(at)),
            None => unmet.push(wish),
        }
    }
    if let Some(wish) = unmet.first() {
        let Some(nearest) = left.iter().find(|arrived| arrived.receiver == wish.receiver) else {
            return Err(format!("missing: {} {} {}", wish.receiver, wish.method, wish.path));
        };
        let difference = known.clone().difference(wish, nearest).unwrap_or_default();
        return Err(format!("{}: {difference}", wish.receiver));
    }
    match left.first() {
        Some(extra) => {
            let Request { method, path, body, .. } = &extra.request;
            Err(format!("extra: {} {method} {path} {}", extra.receiver, String::from_utf8_lossy(body)))
        }
        None => Ok(()),
    }
}

/// What stands before the first `<word>`, the word, what stands behind it.
fn next_word(pattern: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = pattern.split_once('<')?;
    let (word, after) = rest.split_once('>')?;
    Some((before, word, after))
}

/// Where two bodies part.
fn parting(wish: &str, is: &str) -> String {
    let same = wish.chars().zip(is.chars()).take_while(|(a, b)| a == b).count();
    let shown = |text: &str| -> String {
        text.chars().skip(same.saturating_sub(SHOWN / 2)).take(SHOWN * 2).collect()
    };
    format!(
        "its body parts from what it should be at character {same}:\n  should be …{}\n  is        …{}",
        shown(wish),
        shown(is)
    )
}
