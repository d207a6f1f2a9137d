//! Headers that are copied from the event, and those that its transaction has set. Writers set any text, and it is too late
//! to refuse it: what cannot be sent, or may not, is left out without a word.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::trace::traceparent;
use crate::model::Context;

/// Belong to the message, the connection or the relay, as in `outbox.check_headers()`; a test compares the two.
const NEVER: [&str; 12] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Beginnings of names of that kind.
const NEVER_BEGINS: [&str; 3] = ["outbox-", "proxy-", "webhook-"];
/// As for the headers of a subscription.
const NAME_MAX: usize = 100;
const HEADERS_MAX: usize = 64;
const BYTES_MAX: usize = 8192;

/// Adds what can be sent. What is there already stays: a writer does not overrule a subscription.
pub(super) fn add(headers: &mut HeaderMap, context: &Context) {
    let mut room = Room::beside(headers);
    add_all(headers, &mut room, &context.copied, &[]);
    let parent = context.traceparent.as_deref().and_then(traceparent);
    let own = [("traceparent", &parent), ("outbox-trace-id", &context.trace_id)];
    for (name, value) in own {
        if let Some(value) = value {
            room.add(headers, HeaderName::from_static(name), value);
        }
    }
    // What a tracestate says is about the parent that comes with it.
    let stray: &[&str] = if headers.contains_key("traceparent") { &[] } else { &["tracestate"] };
    add_all(headers, &mut room, &context.headers, stray);
}

fn add_all(headers: &mut HeaderMap, room: &mut Room, pairs: &[(String, String)], but: &[&str]) {
    for (name, value) in pairs {
        if let Some(name) = allowed(name).filter(|name| !but.contains(&name.as_str())) {
            room.add(headers, name, value);
        }
    }
}

/// What may still be added.
struct Room {
    headers: usize,
    bytes: usize,
}

impl Room {
    /// What is there counts: servers take some 8 KiB in all, and answer 431 to more.
    fn beside(headers: &HeaderMap) -> Self {
        let there: usize = headers.iter().map(|(name, value)| size(name, value.len())).sum();
        Self { headers: HEADERS_MAX, bytes: BYTES_MAX.saturating_sub(there) }
    }

    fn add(&mut self, headers: &mut HeaderMap, name: HeaderName, value: &str) {
        let bytes = size(&name, value.len());
        let Some(value) = sendable(value) else { return };
        if self.headers == 0 || self.bytes < bytes || headers.contains_key(&name) {
            return;
        }
        (self.headers, self.bytes) = (self.headers - 1, self.bytes - bytes);
        headers.insert(name, value);
    }
}

/// Bytes of a header as HTTP/1.1 writes it.
fn size(name: &HeaderName, value: usize) -> usize {
    name.as_str().len() + value + 4
}

/// A name that may be sent beside those of the message, the connection and the relay.
pub(super) fn allowed(name: &str) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let text = name.as_str();
    let never = text.len() > NAME_MAX
        || NEVER.contains(&text)
        || NEVER_BEGINS.iter().any(|beginning| text.starts_with(beginning));
    (!never).then_some(name)
}

/// Printable ASCII without blanks around it.
fn sendable(value: &str) -> Option<HeaderValue> {
    let printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let bare = !value.is_empty() && !value.starts_with(' ') && !value.ends_with(' ');
    (printable && bare).then(|| HeaderValue::from_str(value).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(context: &Context) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        headers.insert("x-static", HeaderValue::from_static("theirs"));
        add(&mut headers, context);
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        headers
            .iter()
            .filter(|(name, _)| *name != "x-static")
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect()
    }

    fn context(headers: &[(&str, &str)]) -> Context {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Context { headers: headers.iter().map(own).collect(), ..Context::default() }
    }

    #[test]
    fn what_cannot_or_may_not_be_sent_is_left_out() {
        let long = "x".repeat(NAME_MAX + 1);
        for (name, value) in [
            ("X-Static", "mine"),
            ("Content-Type", "text/html"),
            ("WEBHOOK-ID", "mine"),
            ("Outbox-Attempt", "7"),
            ("outbox-trace-id", "mine"),
            ("proxy-authorization", "mine"),
            ("not a name", "mine"),
            ("", "mine"),
            (&long, "mine"),
            ("X-A", ""),
            ("X-A", " mine"),
            ("X-A", "mine "),
            ("X-A", "one\r\nX-B: two"),
            ("X-A", "a\tb"),
            ("X-A", "größer"),
            ("X-A", "\u{7f}"),
        ] {
            assert_eq!(added(&context(&[(name, value)])), [], "{name}: {value:?}");
        }
        let fine = context(&[("X-CorrelationId", "a b~"), ("x-correlationid", "again")]);
        assert_eq!(added(&fine), [("x-correlationid".to_owned(), "a b~".to_owned())]);
    }

    #[test]
    fn what_is_too_much_is_left_out_and_the_rest_is_sent() {
        let large = "y".repeat(BYTES_MAX);
        assert_eq!(added(&context(&[("X-Large", &large), ("X-Small", "1")])).len(), 1);
        let names: Vec<String> = (0..=HEADERS_MAX).map(|n| format!("x-{n}")).collect();
        let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
        assert_eq!(added(&context(&many)).len(), HEADERS_MAX);
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let own = Context { traceparent: Some(parent.into()), trace_id: Some("\n".into()), ..context(&[]) };
        assert_eq!(added(&own), [("traceparent".to_owned(), parent.to_owned())]);
    }

    #[test]
    fn all_headers_of_a_request_share_the_room() {
        let mut headers = HeaderMap::new();
        headers.insert("x-static", HeaderValue::from_str(&"y".repeat(BYTES_MAX - 100)).expect("valid"));
        let copied = vec![("x-copied".to_owned(), "y".repeat(50)), ("x-other".to_owned(), "y".repeat(50))];
        add(&mut headers, &Context { copied, ..context(&[("x-line", "1")]) });
        assert!(headers.contains_key("x-copied") && headers.contains_key("x-line"));
        assert!(!headers.contains_key("x-other"), "with that there would be more than 8 KiB");
    }

    #[test]
    fn a_tracestate_comes_with_a_valid_traceparent_only() {
        let names = |traceparent: &str| -> Vec<String> {
            let state = context(&[("tracestate", "a=1")]);
            let said = Context { traceparent: Some(traceparent.to_owned()), ..state };
            added(&said).into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names("00-1-2-01"), [""; 0]);
        assert_eq!(
            names("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"),
            ["traceparent", "tracestate"]
        );
    }

    #[test]
    fn what_is_copied_goes_before_what_a_writer_has_set_and_not_before_the_subscription() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let both = Context {
            copied: vec![
                pair("X-Order", "17"),
                pair("X-Static", "copied"),
                pair("webhook-id", "x"),
                pair("X-B", "\n"),
            ],
            ..context(&[("x-order", "writer"), ("X-B", "writer")])
        };
        assert_eq!(added(&both), [pair("x-order", "17"), pair("x-b", "writer")]);
    }
}
