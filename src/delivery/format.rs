//! What the format of a body makes of the headers: its content type, and the attributes of a `CloudEvent` in binary mode.
//! Source: `CloudEvents` 1.0.2, HTTP protocol binding, sections 3.1 to 3.3.

use std::fmt::Write as _;

use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use crate::model::{Format, Message};

/// Puts them in, whatever is there under these names.
pub(super) fn add(headers: &mut HeaderMap, message: &Message) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(message)));
    for (name, value) in &message.context.attributes {
        // That one is the content type.
        if name == "datacontenttype" {
            continue;
        }
        let name = HeaderName::from_bytes(format!("ce-{name}").as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&encoded(value))) {
            headers.insert(name, value);
        }
    }
}

fn content_type(message: &Message) -> &'static str {
    match (message.format, message.batch) {
        (Format::CloudEvents, None) => "application/cloudevents+json; charset=utf-8",
        (Format::CloudEvents, Some(_)) => "application/cloudevents-batch+json; charset=utf-8",
        _ => "application/json",
    }
}

/// A value as a header has it: blanks, `"`, `%` and all beyond printable ASCII as the percent-encoded bytes of UTF-8.
fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_graphic() && byte != b'"' && byte != b'%' {
            text.push(char::from(byte));
        } else {
            // A string takes what is written.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first is that of the specification, section 3.1.3.2.
    #[test]
    fn values_are_percent_encoded_once() {
        for (value, header) in [
            ("Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
            ("", ""),
            ("17", "17"),
            ("50%20\"x\"", "50%2520%22x%22"),
            ("a\r\nb\u{7f}", "a%0D%0Ab%7F"),
            ("https://e.com/a?b=c&d#[~]", "https://e.com/a?b=c&d#[~]"),
        ] {
            assert_eq!(encoded(value), header, "{value:?}");
        }
    }
}
