//! What to answer, in turn: `503*2,200@1500ms,close,hang`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use hyper::StatusCode;

const DELAY_MAX: Duration = Duration::from_mins(10);
const TIMES_MAX: u64 = 1_000_000;

/// What is done with a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// An answer with this status.
    Status(StatusCode),
    /// The connection is closed without an answer.
    Close,
    /// The connection is reset, as by a crash.
    Reset,
    /// No answer ever; the connection stays open.
    Hang,
    /// 200, and then a body that comes byte by byte.
    Drip,
}

/// An action and how long to wait before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// What is done.
    pub action: Action,
    /// How long to wait before.
    pub delay: Duration,
}

/// A list of answers, taken in turn; the last one for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// Each with the number of webhooks after which it is over.
    turns: Vec<(Answer, u64)>,
    last: Answer,
}

/// A list of answers that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{item:?} is no answer: it must be a status (200 to 599), close, reset, hang or drip, each with *N (1 to 1000000 times) \
     and @DELAY (500ms, 2s; up to 600s) if need be: 503*2,200@1500ms"
)]
pub struct AnswerError {
    item: String,
}

impl From<Action> for Answer {
    fn from(action: Action) -> Self {
        Self { action, delay: Duration::ZERO }
    }
}

impl Answers {
    /// What the n-th webhook is answered; the first is 0.
    #[must_use]
    pub fn nth(&self, n: u64) -> Answer {
        self.turns.iter().find(|(_, over)| n < *over).map_or(self.last, |(answer, _)| *answer)
    }
}

impl FromStr for Answers {
    type Err = AnswerError;

    fn from_str(text: &str) -> Result<Self, AnswerError> {
        let mut turns = Vec::new();
        let mut over = 0;
        for item in text.split(',').map(str::trim) {
            let (answer, times) = parse(item).ok_or_else(|| AnswerError { item: item.to_owned() })?;
            over += times;
            turns.push((answer, over));
        }
        let (last, _) = turns.pop().ok_or_else(|| AnswerError { item: text.to_owned() })?;
        Ok(Self { turns, last })
    }
}

/// One item and how many times it is to be done; `*` and `@` in either order.
fn parse(item: &str) -> Option<(Answer, u64)> {
    let end = item.find(['*', '@']).unwrap_or(item.len());
    let (word, mut rest) = item.split_at(end);
    let action = match word {
        "close" => Action::Close,
        "reset" => Action::Reset,
        "hang" => Action::Hang,
        "drip" => Action::Drip,
        // No sign, no blank: what `u16` would take besides.
        status if status.len() == 3 && status.bytes().all(|c| c.is_ascii_digit()) => {
            let code = status.parse().ok().filter(|code| (200..=599).contains(code))?;
            Action::Status(StatusCode::from_u16(code).ok()?)
        }
        _ => return None,
    };
    let (mut times, mut delay) = (None, None);
    while let Some(kind) = rest.chars().next() {
        let end = rest[1..].find(['*', '@']).map_or(rest.len(), |at| at + 1);
        let value = &rest[1..end];
        match kind {
            '*' if times.is_none() => {
                times = Some(number(value).filter(|times| (1..=TIMES_MAX).contains(times))?);
            }
            '@' if delay.is_none() => delay = Some(duration(value).filter(|delay| *delay <= DELAY_MAX)?),
            _ => return None,
        }
        rest = &rest[end..];
    }
    Some((Answer { action, delay: delay.unwrap_or_default() }, times.unwrap_or(1)))
}

fn duration(text: &str) -> Option<Duration> {
    match text.strip_suffix("ms") {
        Some(milliseconds) => number(milliseconds).map(Duration::from_millis),
        None => number(text.strip_suffix('s')?).map(Duration::from_secs),
    }
}

fn number(text: &str) -> Option<u64> {
    Some(text).filter(|text| text.bytes().all(|c| c.is_ascii_digit()))?.parse().ok()
}

impl fmt::Display for Answer {
    /// As part of a sentence: `answered 503 after 1.5 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.action {
            Action::Status(status) => write!(f, "answered {}", status.as_u16())?,
            Action::Close => write!(f, "hung up")?,
            Action::Reset => write!(f, "reset")?,
            Action::Hang => write!(f, "not answered")?,
            Action::Drip => write!(f, "answered 200 in drips")?,
        }
        if self.delay.is_zero() { Ok(()) } else { write!(f, " after {:?}", self.delay) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the first webhooks are answered.
    fn first(list: &str, n: u64) -> Vec<String> {
        let answers: Answers = list.parse().expect(list);
        (0..n).map(|nth| answers.nth(nth).to_string()).collect()
    }

    #[test]
    fn lists_are_taken_in_turn_and_the_last_one_for_ever() {
        for (list, expected) in [
            ("200", ["answered 200", "answered 200", "answered 200", "answered 200"]),
            ("503*2,200", ["answered 503", "answered 503", "answered 200", "answered 200"]),
            ("503*2", ["answered 503", "answered 503", "answered 503", "answered 503"]),
            ("close,reset,hang,drip", ["hung up", "reset", "not answered", "answered 200 in drips"]),
            (
                " 500@1500ms , 204@2s*2 ,599",
                ["answered 500 after 1.5s", "answered 204 after 2s", "answered 204 after 2s", "answered 599"],
            ),
            ("close*2@0ms,429*1", ["hung up", "hung up", "answered 429", "answered 429"]),
            ("hang@600s", ["not answered after 600s"; 4]),
        ] {
            assert_eq!(first(list, 4), expected, "{list}");
        }
        let many: Answers = "503*1000000,200".parse().expect("a list");
        assert_eq!(many.nth(999_999).to_string(), "answered 503");
        assert_eq!(many.nth(1_000_000).to_string(), "answered 200");
        assert_eq!(many.nth(u64::MAX).to_string(), "answered 200");
    }

    #[test]
    fn what_is_no_answer_is_named() {
        for (list, item) in [
            ("", ""),
            ("200,", ""),
            (",200", ""),
            ("100", "100"),
            ("199", "199"),
            ("600", "600"),
            ("+20", "+20"),
            ("2 0", "2 0"),
            ("0200", "0200"),
            ("ok", "ok"),
            ("CLOSE", "CLOSE"),
            ("200,teapot,503", "teapot"),
            ("503*", "503*"),
            ("503*0", "503*0"),
            ("503*1000001", "503*1000001"),
            ("503*-1", "503*-1"),
            ("503*2*2", "503*2*2"),
            ("200@", "200@"),
            ("200@5", "200@5"),
            ("200@s", "200@s"),
            ("200@ms", "200@ms"),
            ("200@1.5s", "200@1.5s"),
            ("200@601s", "200@601s"),
            ("200@99999999999999999999s", "200@99999999999999999999s"),
            ("200@1s@1s", "200@1s@1s"),
            ("*2", "*2"),
            ("@1s", "@1s"),
            ("20é", "20é"),
            ("200@é", "200@é"),
        ] {
            let error = list.parse::<Answers>().expect_err(list);
            assert_eq!(error.item, item, "{list}");
            assert!(error.to_string().ends_with("503*2,200@1500ms"), "{error}");
        }
    }
}
