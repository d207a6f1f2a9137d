//! What happened, in words for a terminal. Nothing that came from outside gets there as it came.

use std::fmt::Write as _;
use std::str::FromStr;
use std::time::Duration;

use super::clock;
use super::escape::{escape, escape_lines, shorten};
use super::json_text;
use super::received::{Handshake, Received, Refused, Webhook};
use super::verify::Verdict;

/// How much of a body is in a line, in characters.
const BODY_IN_LINE: usize = 120;
/// How much of a body is shown when all of it is wanted, in characters.
const BODY_WHOLE: usize = 65_536;
/// How much of any other text from outside, in characters.
const FIELD: usize = 200;

/// How much of a webhook is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Show {
    /// One line with a short body.
    #[default]
    Line,
    /// And the headers.
    Head,
    /// And the whole body, laid out.
    Body,
}

/// Neither line, head nor body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be line, head or body")]
pub struct ShowError;

impl FromStr for Show {
    type Err = ShowError;

    fn from_str(text: &str) -> Result<Self, ShowError> {
        match text {
            "line" => Ok(Self::Line),
            "head" => Ok(Self::Head),
            "body" => Ok(Self::Body),
            _ => Err(ShowError),
        }
    }
}

/// What happened, without a line feed at the end: one line, and more for a webhook where `show` says so.
#[must_use]
pub fn text(received: &Received, show: Show) -> String {
    match received {
        Received::Webhook(webhook) => full(webhook, show),
        Received::Refused(refused) => refusal(refused),
        Received::Handshake(Handshake { at, peer, why }) => {
            format!("{} no connection with {peer}: {}", time(*at), shorten(why, FIELD * 3))
        }
    }
}

fn refusal(refused: &Refused) -> String {
    let Refused { at, peer, sender, method, path, status, why } = refused;
    let (method, path) = (shorten(method, FIELD), shorten(path, FIELD));
    let by = by(sender.as_deref());
    format!("{} no webhook: {method} {path} from {peer}{by}, answered {status}: {}", time(*at), escape(why))
}

fn full(webhook: &Webhook, show: Show) -> String {
    let mut text = line(webhook);
    match show {
        Show::Line => {}
        Show::Head => {
            let _ = write!(text, "\n  POST {}", escape(&webhook.path));
            for (name, value) in &webhook.headers {
                let _ = write!(text, "\n  {}: {}", escape(name), escape(value));
            }
        }
        Show::Body => {
            let body = String::from_utf8_lossy(&webhook.body);
            let laid_out =
                if webhook.is_json { json_text::indent(&body, BODY_WHOLE) } else { body.into_owned() };
            let cut = laid_out.char_indices().nth(BODY_WHOLE).map(|(end, _)| end);
            for line in escape_lines(&laid_out[..cut.unwrap_or(laid_out.len())]).lines() {
                text.push_str("\n  ");
                text.push_str(line);
            }
            if cut.is_some() {
                let _ = write!(text, "…\n  (the body has {} bytes)", webhook.body.len());
            }
        }
    }
    text
}

fn line(webhook: &Webhook) -> String {
    let verdict = match &webhook.verdict {
        Verdict::Verified { .. } => "verified".to_owned(),
        Verdict::NotVerified => "not verified".to_owned(),
        Verdict::Refused(why) => format!("NOT VERIFIED ({})", shorten(why, FIELD * 3)),
    };
    let field = |text: &Option<String>| text.as_deref().map(|text| shorten(text, FIELD));
    let what = field(&webhook.event_type).unwrap_or_else(|| "without type".to_owned());
    let mut line = format!("{} {verdict} {what}", time(webhook.at));
    if let Some(object) = field(&webhook.object) {
        let _ = write!(line, " {object}");
    }
    if let Some(id) = field(&webhook.object_id) {
        let _ = write!(line, " {id}");
    }
    if let Some(trace_id) = field(&webhook.trace_id) {
        let _ = write!(line, ", trace {trace_id}");
    }
    if let Some(age) = webhook.age_ms {
        let _ = write!(line, ", {}", self::age(age));
    }
    if webhook.times > 1 {
        let _ = write!(line, ", again, {} time", ordinal(webhook.times));
    }
    let _ = write!(line, "{}, {}", by(webhook.sender.as_deref()), webhook.answer);
    let body = String::from_utf8_lossy(&webhook.body);
    let data = if webhook.is_json { json_text::member(&body, "data") } else { None };
    // The rest of the usual body is in the line already.
    let short = data.map_or_else(|| shorten(&body, BODY_IN_LINE), |data| shorten(data, BODY_IN_LINE));
    if !short.is_empty() {
        let _ = write!(line, ": {short}");
    }
    line
}

fn by(sender: Option<&str>) -> String {
    sender.map_or_else(String::new, |sender| format!(", from {}", shorten(sender, FIELD)))
}

/// The time of day; nobody watches for days.
fn time(at: std::time::SystemTime) -> String {
    clock::format(at).split_off(11)
}

fn age(milliseconds: i64) -> String {
    let age = Duration::from_millis(milliseconds.unsigned_abs());
    let text = match milliseconds.unsigned_abs() {
        0..=9_999 => format!("{} ms", age.as_millis()),
        10_000..=599_999 => format!("{} s", age.as_secs()),
        600_000..=7_199_999 => format!("{} min", age.as_secs() / 60),
        7_200_000..=172_799_999 => format!("{} h", age.as_secs() / 3600),
        _ => format!("{} days", age.as_secs() / 86_400),
    };
    if milliseconds < 0 { format!("{text} in the future (two clocks differ)") } else { format!("{text} old") }
}

fn ordinal(n: u32) -> String {
    let ending = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}
