//! Text from outside, made fit for a terminal: what would move the cursor, change colours or hide letters is written out.

use std::fmt::Write as _;

/// The text on one line, with `\u001b` and the like for what a terminal would obey or not show.
pub(super) fn escape(text: &str) -> String {
    escape_but(text, |_| false)
}

/// As [`escape`], but lines stay lines.
pub(super) fn escape_lines(text: &str) -> String {
    escape_but(text, |c| c == '\n')
}

/// The beginning of a text, escaped, with `…` where something was left out.
pub(super) fn shorten(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => escape(&text[..end]) + "…",
        None => escape(text),
    }
}

fn escape_but(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if !is_harmful(c) || keep(c) {
            escaped.push(c);
            continue;
        }
        match c {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            // As JSON writes it, in a string of which it is read back as it was.
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // A String takes everything.
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
        }
    }
    escaped
}

/// Control characters, C1 included, and characters that show nothing or change the direction of what follows.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_obey() {
        for (text, expected) in [
            ("plain äöü 漢字 😀", "plain äöü 漢字 😀"),
            ("\u{1b}[2J\u{1b}]0;title\u{7}", r"\u001b[2J\u001b]0;title\u0007"),
            ("\u{9b}31m\u{7f}", r"\u009b31m\u007f"),
            ("a\r\nb\tc", r"a\r\nb\tc"),
            ("\u{202e}evil\u{2066}\u{200b}", r"\u202eevil\u2066\u200b"),
            ("\u{e0041}", r"\udb40\udc41"),
        ] {
            assert_eq!(escape(text), expected);
        }
        assert_eq!(escape_lines("a\nb\r"), "a\nb\\r");
        assert_eq!(shorten("12345", 5), "12345");
        assert_eq!(shorten("123456", 5), "12345…");
        assert_eq!(shorten("\u{1b}äö", 2), "\\u001bä…");
    }
}
