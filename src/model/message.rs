//! What there is to send of an event.

/// The parts of a POST that come from the event.
#[derive(Debug, Clone)]
pub struct Message {
    /// For logs; the body has it too.
    pub event_type: String,
    /// Value of the `webhook-id` header.
    pub webhook_id: String,
    /// The bytes to sign and send, exactly; or why the subscription's envelope made none.
    pub body: Result<String, String>,
    /// What the body is.
    pub format: Format,
    /// How many events the body is an array of; `None` when it is not an array.
    pub batch: Option<usize>,
    /// What of the event goes into headers.
    pub context: Context,
}

/// The form that a body has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// A JSON object with type, timestamp and data.
    #[default]
    Standard,
    /// A `CloudEvent`, whole.
    CloudEvents,
    /// The data alone, JSON; where the event is a `CloudEvent`, the rest of it is in headers.
    Data,
    /// What the subscription's envelope made.
    Envelope,
}

/// What of an event goes into headers: any text at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Attributes of a `CloudEvent` whose body is the data alone, names and values.
    pub attributes: Vec<(String, String)>,
    /// What the subscription copies from the event, names and values.
    pub copied: Vec<(String, String)>,
    /// `outbox.traceparent`, for the header `traceparent`.
    pub traceparent: Option<String>,
    /// `outbox.trace_id`, for the header `outbox-trace-id`.
    pub trace_id: Option<String>,
    /// `outbox.header.*`, names and values.
    pub headers: Vec<(String, String)>,
}

impl Format {
    /// The format of a word in `outbox.claim()`.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "cloudevents" => Self::CloudEvents,
            "cloudevents-binary" | "raw" => Self::Data,
            "envelope" => Self::Envelope,
            _ => Self::Standard,
        }
    }
}
