//! What happened, as JSON for scripts: one object, on one line.

use serde_json::{Map, Value, json};

use super::answer::{Action, Answer};
use super::clock;
use super::escape::escape;
use super::json_text;
use super::received::{Handshake, Received, Refused, Webhook};
use super::verify::Verdict;

/// One JSON object on one line, without a line feed at the end. `kind` is `webhook`, `refused` or `connection`; the body of
/// a webhook is `body` where it is JSON, number by number as it came, and the string `text` where it is not.
#[must_use]
pub fn json(received: &Received) -> String {
    let object = match received {
        Received::Webhook(webhook) => return of_webhook(webhook),
        Received::Refused(Refused { at, peer, sender, method, path, status, why }) => json!({
            "kind": "refused", "at": clock::format(*at), "peer": peer.to_string(), "sender": sender,
            "method": method, "path": path, "status": status, "why": why,
        }),
        Received::Handshake(Handshake { at, peer, why }) => {
            json!({"kind": "connection", "at": clock::format(*at), "peer": peer.to_string(), "why": why})
        }
    };
    escape(&object.to_string())
}

fn of_webhook(webhook: &Webhook) -> String {
    let (verdict, why, secret) = match &webhook.verdict {
        Verdict::Verified { secret } => ("verified", None, Some(secret)),
        Verdict::NotVerified => ("not verified", None, None),
        Verdict::Refused(why) => ("refused", Some(why), None),
    };
    let headers: Map<String, Value> =
        webhook.headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    let attempt = webhook.header("outbox-attempt").and_then(|attempt| attempt.parse::<u32>().ok());
    let body = String::from_utf8_lossy(&webhook.body);
    let mut object = json!({
        "kind": "webhook", "number": webhook.number, "at": clock::format(webhook.at),
        "verdict": verdict, "why": why, "secret": secret,
        "webhook_id": webhook.id, "times": webhook.times, "attempt": attempt,
        "type": webhook.event_type, "object": webhook.object, "object_id": webhook.object_id,
        "trace_id": webhook.trace_id,
        "age_ms": webhook.age_ms, "peer": webhook.peer.to_string(), "sender": webhook.sender,
        "answer": answer(webhook.answer), "path": webhook.path, "headers": headers,
        "bytes": webhook.body.len(),
    });
    if !webhook.is_json {
        object["text"] = Value::from(body.as_ref());
        return escape(&object.to_string());
    }
    // Not by way of a value, which would change numbers.
    let mut text = object.to_string();
    text.pop();
    escape(&format!("{text},\"body\":{}}}", json_text::compact(&body)))
}

fn answer(answer: Answer) -> Value {
    let (action, status) = match answer.action {
        Action::Status(status) => ("status", Some(status.as_u16())),
        Action::Drip => ("drip", Some(200)),
        Action::Close => ("close", None),
        Action::Reset => ("reset", None),
        Action::Hang => ("hang", None),
    };
    json!({"action": action, "status": status, "delay_ms": u64::try_from(answer.delay.as_millis()).unwrap_or(u64::MAX)})
}
