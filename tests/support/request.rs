//! A request as a receiver saw it.

use std::time::{Instant, SystemTime};

use bytes::Bytes;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Request {
    /// Such as `POST`.
    pub method: String,
    /// Such as `HTTP/1.1`.
    pub version: String,
    /// Path and query.
    pub path: String,
    /// In the order of arrival, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
    /// The common name of the client's certificate.
    pub peer_common_name: Option<String>,
    /// Such as `TLSv1.3`.
    pub tls_version: Option<String>,
    /// Which connection brought it; the first is 1.
    pub connection: usize,
    /// When it was complete.
    pub arrived: Instant,
    /// The same moment, by the clock on the wall.
    pub arrived_at: SystemTime,
}

impl Request {
    /// The first header of this name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }
}
