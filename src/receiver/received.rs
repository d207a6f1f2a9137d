//! What happened at a receiver, as plain data.

use std::net::SocketAddr;
use std::time::SystemTime;

use bytes::Bytes;

use super::answer::Answer;
use super::verify::Verdict;

/// What happened at a receiver.
#[derive(Debug, Clone)]
pub enum Received {
    /// A POST with a webhook-id.
    Webhook(Box<Webhook>),
    /// A request that is no webhook, or was not taken in.
    Refused(Refused),
    /// A connection that came to nothing.
    Handshake(Handshake),
}

/// A POST with a webhook-id, and what was made of it. All text is as it came: escape it before it is shown.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// When it was complete.
    pub at: SystemTime,
    /// The first is 1.
    pub number: u64,
    /// The address it came from.
    pub peer: SocketAddr,
    /// The common name of the sender's certificate.
    pub sender: Option<String>,
    /// Path and query.
    pub path: String,
    /// In the order of arrival, names in lower case.
    pub headers: Vec<(String, String)>,
    /// `webhook-id`.
    pub id: String,
    /// How many times this id has come, this one included.
    pub times: u32,
    /// Whether its signature is right.
    pub verdict: Verdict,
    /// What is done with it; it may be under way still.
    pub answer: Answer,
    /// The event type that the body tells, such as `Order.Update`.
    pub event_type: Option<String>,
    /// The object that the body tells.
    pub object: Option<String>,
    /// The id of the object that the body tells.
    pub object_id: Option<String>,
    /// The trace id that the header `outbox-trace-id` or the body tells.
    pub trace_id: Option<String>,
    /// From the moment that the body tells to `at`, in milliseconds, by two clocks; negative when ours is behind.
    pub age_ms: Option<i64>,
    /// The whole body.
    pub body: Bytes,
    /// Whether the body is JSON.
    pub is_json: bool,
}

/// A request that is no webhook, or was not taken in.
#[derive(Debug, Clone)]
pub struct Refused {
    /// When.
    pub at: SystemTime,
    /// The address it came from.
    pub peer: SocketAddr,
    /// The common name of the sender's certificate.
    pub sender: Option<String>,
    /// Such as `GET`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The status it was answered.
    pub status: u16,
    /// Why, and what to do.
    pub why: String,
}

/// A connection that came to nothing.
#[derive(Debug, Clone)]
pub struct Handshake {
    /// When.
    pub at: SystemTime,
    /// The address it came from.
    pub peer: SocketAddr,
    /// Why, and what to do.
    pub why: String,
}

impl Webhook {
    /// The first header of this name, which is given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
