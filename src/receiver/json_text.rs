//! JSON as text: laid out anew without touching a number, a string or the order of what is in it.
//!
//! A library that reads numbers into floats would show others than were sent. Whether the text is JSON at all is asked
//! elsewhere; here only quotes and brackets are told apart, and nothing panics whatever comes.

/// Without blanks between tokens, so on one line.
pub(super) fn compact(text: &str) -> String {
    let mut compact = String::with_capacity(text.len());
    for token in Tokens(text) {
        compact.push_str(token);
    }
    compact
}

/// One member or element per line, indented by two blanks each level, up to about `chars_max` characters.
pub(super) fn indent(text: &str, chars_max: usize) -> String {
    let mut laid_out = String::new();
    let mut depth = 0_usize;
    let mut tokens = Tokens(text).peekable();
    while let Some(token) = tokens.next() {
        if laid_out.len() > chars_max {
            laid_out.push('…');
            break;
        }
        let empty = matches!((token, tokens.peek()), ("{", Some(&"}")) | ("[", Some(&"]")));
        match token {
            "{" | "[" if empty => {
                laid_out.push_str(token);
                laid_out.push_str(tokens.next().unwrap_or_default());
            }
            "{" | "[" => {
                depth += 1;
                laid_out.push_str(token);
                new_line(&mut laid_out, depth);
            }
            "}" | "]" => {
                depth = depth.saturating_sub(1);
                new_line(&mut laid_out, depth);
                laid_out.push_str(token);
            }
            "," => {
                laid_out.push(',');
                new_line(&mut laid_out, depth);
            }
            ":" => laid_out.push_str(": "),
            _ => laid_out.push_str(token),
        }
    }
    laid_out
}

fn new_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

/// The text of a member of the outermost object; of the last one, if there are several. `key` as it is written.
pub(super) fn member<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let quoted = format!("\"{key}\"");
    let offset = |token: &str| token.as_ptr() as usize - text.as_ptr() as usize;
    let (mut depth, mut found, mut previous) = (0_usize, None, "");
    let mut begin = None;
    for token in Tokens(text) {
        let ends = depth == 1 && matches!(token, "," | "}");
        if ends && let Some(begin) = begin.take() {
            found = Some(text[begin..offset(token)].trim());
        }
        if depth == 1 && token == ":" && previous == quoted {
            begin = Some(offset(token) + 1);
        }
        match token {
            "{" | "[" => depth += 1,
            "}" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
        previous = token;
    }
    found
}

/// Brackets, commas and colons one by one, strings with their quotes, everything else up to the next of these.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];
        let text = self.0.trim_start_matches(BLANKS);
        let first = text.chars().next()?;
        let length = match first {
            '{' | '}' | '[' | ']' | ',' | ':' => 1,
            '"' => string_length(text),
            _ => {
                let end = text.find(|c| BLANKS.contains(&c) || "{}[],:\"".contains(c));
                end.unwrap_or(text.len())
            }
        };
        let (token, rest) = text.split_at(length);
        self.0 = rest;
        Some(token)
    }
}

/// With both quotes; to the end where the closing one is missing.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"type":"Order.Update","data": {"id": 9007199254740993, "total":12.000,
        "note" : "a, \"b\": {", "tags":[ ],"more":[1e2,{}]}}"#;

    #[test]
    fn numbers_and_strings_stay_as_they_are() {
        assert_eq!(
            compact(BODY),
            concat!(
                r#"{"type":"Order.Update","data":{"id":9007199254740993,"total":12.000,"#,
                r#""note":"a, \"b\": {","tags":[],"more":[1e2,{}]}}"#
            )
        );
        let expected = [
            "{",
            r#"  "type": "Order.Update","#,
            r#"  "data": {"#,
            r#"    "id": 9007199254740993,"#,
            r#"    "total": 12.000,"#,
            r#"    "note": "a, \"b\": {","#,
            r#"    "tags": [],"#,
            r#"    "more": ["#,
            "      1e2,",
            "      {}",
            "    ]",
            "  }",
            "}",
        ];
        assert_eq!(indent(BODY, 10_000).lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_member_is_found_where_it_stands() {
        assert_eq!(member(BODY, "type"), Some("\"Order.Update\""));
        assert!(member(BODY, "data").expect("it is there").starts_with("{\"id\": 9007"));
        assert_eq!(member(BODY, "id"), None, "it is further in");
        assert_eq!(member(r#"{"a":1,"a": [2, 3] }"#, "a"), Some("[2, 3]"));
        assert_eq!(member(r#"["data", {"data": 1}]"#, "data"), None);
    }

    #[test]
    fn whatever_comes_ends_and_is_limited() {
        for text in
            ["", "{", "}}}]]", "\"", "\"\\", ",,::", "nul", "é{é", "[[[[", "{\"data\":", "{\"data\":1"]
        {
            let _ = (compact(text), indent(text, 100), member(text, "data"));
        }
        let wide = format!("{}{}", "[".repeat(100), "1,".repeat(1_000_000));
        assert!(indent(&wide, 10_000).len() < 11_000);
        let long = format!("[\"{}\"]", "x".repeat(1_000_000));
        assert!(indent(&long, 10_000).len() > 1_000_000, "strings are whole");
    }
}
