//! What the body of a webhook says of itself.

use serde_json::Value;

use super::clock;

/// What the body of a webhook says of itself, as far as it does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Whether it is JSON at all.
    pub(super) is_json: bool,
    /// The event type, such as `Order.Update`.
    pub(super) event_type: Option<String>,
    /// The object, such as `Order`.
    pub(super) object: Option<String>,
    /// The id of the object.
    pub(super) object_id: Option<String>,
    /// The trace id of what caused it.
    pub(super) trace_id: Option<String>,
    /// When it happened, milliseconds since 1970.
    pub(super) happened: Option<i64>,
}

/// Reads a body; what is not there, or of another kind than text, is not told.
pub(super) fn facts(body: &[u8]) -> Facts {
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return Facts::default() };
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    Facts {
        is_json: true,
        event_type: text("type"),
        object: text("object"),
        object_id: text("object_id"),
        trace_id: text("trace_id"),
        happened: text("timestamp").and_then(|moment| clock::parse(&moment)),
    }
}
