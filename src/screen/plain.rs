//! Names and errors come from tables and from subscribers. None of them may move the cursor, colour the screen, ring the bell,
//! turn the direction of writing or begin a line of its own.

use serde_json::Value;

/// The text with every such character replaced, as it may be shown within a line.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c if steers(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// A document for scripts, indented; what steers a terminal is written as an escape, so that nothing is lost.
#[must_use]
pub fn json(document: &Value) -> String {
    let mut text = String::new();
    for c in format!("{document:#}").chars() {
        // Outside strings there is nothing but ASCII and line ends.
        if c != '\n' && steers(c) {
            // All of them are below U+10000.
            text.extend(["\\u", &format!("{:04x}", u32::from(c))]);
        } else {
            text.push(c);
        }
    }
    text
}

/// Control characters, C1 ones too (U+009B begins a sequence like ESC does), separators of lines, and marks of direction.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(
            plain("a\u{1b}[2Jb\u{9b}1mc\u{7f}\u{202e}d\ne\u{7}"),
            "a\u{fffd}[2Jb\u{fffd}1mc\u{fffd}\u{fffd}d e\u{fffd}"
        );
        assert_eq!(plain("Zoë, 東京"), "Zoë, 東京");
    }

    #[test]
    fn a_document_keeps_everything_and_steers_nothing() {
        let document = serde_json::json!({"a": "x\u{1b}\u{9b}\u{202e}\u{2028}\n\"東"});
        let text = json(&document);
        assert_eq!(text, "{\n  \"a\": \"x\\u001b\\u009b\\u202e\\u2028\\n\\\"東\"\n}");
        assert_eq!(serde_json::from_str::<Value>(&text).expect("a document"), document);
    }
}
