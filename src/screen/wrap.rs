//! Lines that fit.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text in no more than `width` columns; what was cut is an ellipsis.
#[must_use]
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let (mut kept, mut taken) = (String::new(), 0);
    for c in text.chars() {
        taken += c.width().unwrap_or(0);
        if taken + 1 > width {
            break;
        }
        kept.push(c);
    }
    if width > 0 {
        kept.push('…');
    }
    kept
}

/// The text in lines of no more than `width` columns, broken between words, each after the first indented by `indent`. A word
/// that is longer stands alone and whole: it is something to copy.
#[must_use]
pub fn wrap(text: &str, width: usize, indent: usize) -> String {
    let (mut wrapped, mut at) = (String::new(), 0);
    for word in text.split(' ') {
        let wide = word.width();
        if at > 0 && at != indent && at + 1 + wide > width {
            wrapped.push('\n');
            wrapped.push_str(&" ".repeat(indent));
            at = indent;
        } else if !wrapped.is_empty() {
            wrapped.push(' ');
            at += 1;
        }
        wrapped.push_str(word);
        at += wide;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_counts_columns() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("東京都庁", 5), "東京…");
        assert_eq!(cut("東京都庁", 4), "東…");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn words_stay_whole() {
        assert_eq!(wrap("one two three four", 9, 2), "one two\n  three\n  four");
        assert_eq!(wrap("a https://example.com/long b", 12, 2), "a\n  https://example.com/long\n  b");
        assert_eq!(wrap("", 8, 2), "");
    }
}
