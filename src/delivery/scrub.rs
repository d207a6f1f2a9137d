//! Takes out of a subscriber's answer what we have sent it in confidence: some repeat the request, headers and all, and the
//! answer goes into the ledger.

/// What stands in the place of a secret.
const MASK: &str = "[secret]";
/// Shorter ones are no secrets, and are found in any text.
const SHORTEST: usize = 6;
/// A part of a secret at the end of what was read is taken out from this length on.
const PART: usize = 4;

/// What is to be taken out, the longest first: one secret may be the beginning of another. No `Debug`: it is secret.
#[derive(Clone, Default)]
pub(super) struct Scrubber {
    needles: Vec<String>,
}

impl Scrubber {
    /// Adds a secret, as it is and as encoders write it.
    pub(super) fn add(&mut self, secret: &str) {
        if secret.len() < SHORTEST {
            return;
        }
        let json: String = secret
            .chars()
            .flat_map(|c| if matches!(c, '"' | '\\') { vec!['\\', c] } else { vec![c] })
            .collect();
        let percent: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let spellings =
            [secret.to_owned(), json.replace('/', "\\/"), json, percent.replace('+', "%20"), percent];
        for spelling in spellings {
            if !self.needles.contains(&spelling) {
                self.needles.push(spelling);
            }
        }
        self.needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
    }

    /// How much more than what is kept has to be read, so that a secret at its end is seen whole.
    pub(super) fn margin(&self) -> usize {
        self.needles.first().map_or(0, String::len)
    }

    /// The text without them. `whole`: nothing is missing at its end.
    pub(super) fn scrub(&self, text: String, whole: bool) -> String {
        let mut text = text;
        for needle in &self.needles {
            if text.contains(needle.as_str()) {
                text = text.replace(needle.as_str(), MASK);
            }
        }
        if !whole {
            let part = |needle: &String| {
                (PART..needle.len())
                    .rev()
                    .find(|length| needle.is_char_boundary(*length) && text.ends_with(&needle[..*length]))
            };
            if let Some(length) = self.needles.iter().filter_map(part).max() {
                text.truncate(text.len() - length);
                text.push_str(MASK);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubbed(secrets: &[&str], text: &str, whole: bool) -> String {
        let mut scrubber = Scrubber::default();
        for secret in secrets {
            scrubber.add(secret);
        }
        scrubber.scrub(text.to_owned(), whole)
    }

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        for (secret, text, expected) in [
            ("hunter22", "got hunter22, hunter22!", "got [secret], [secret]!"),
            ("ab/cd+ef==", r#"{"key":"ab\/cd+ef=="}"#, r#"{"key":"[secret]"}"#),
            ("ab/cd+ef==", "k=ab%2Fcd%2Bef%3D%3D&x", "k=[secret]&x"),
            ("two words", "two+words two%20words", "[secret] [secret]"),
            (r#"quo"te\d"#, r#""quo\"te\\d""#, r#""[secret]""#),
            ("short", "short is no secret", "short is no secret"),
        ] {
            assert_eq!(scrubbed(&[secret], text, true), expected);
        }
        assert_eq!(scrubbed(&["secret-one", "secret-one-more"], "secret-one-more", true), "[secret]");
    }

    #[test]
    fn the_beginning_of_a_secret_at_the_end_of_what_was_read_is_taken_out() {
        assert_eq!(scrubbed(&["abcdefgh"], "x abcdef", false), "x [secret]");
        assert_eq!(scrubbed(&["abcdefgh"], "x abcdef", true), "x abcdef");
        assert_eq!(scrubbed(&["abcdefgh"], "x abc", false), "x abc", "so little is in every text");
    }
}
