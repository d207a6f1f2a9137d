//! What a POST says, once its signature is proved.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::{Request, verify_signature};

/// The event that a request carries.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) object_id: String,
    /// The event's number.
    pub(crate) sequence: u64,
    pub(crate) data: serde_json::Value,
    /// From the capture in the writer's transaction to the arrival here; both clocks are this machine's.
    pub(crate) age_ms: f64,
}

impl Event {
    /// Reads a request with a standard body, once it is proved.
    pub(crate) fn verified(secret: &str, request: &Request) -> Result<Self, String> {
        signed(secret, request)?;
        Self::of_body(request)
    }

    /// Reads a standard body.
    pub(crate) fn of_body(request: &Request) -> Result<Self, String> {
        let body = request.json();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let arrived = since_1970_ms(request.arrived_at);
        let captured = text("timestamp");
        let time = captured.split_once('T').and_then(|(_, time)| time.strip_suffix('Z'));
        Ok(Self {
            kind: text("type"),
            object_id: text("object_id"),
            sequence: body["sequence"].as_u64().ok_or("a body has no sequence")?,
            age_ms: arrived - time.and_then(time_of_day_ms).ok_or("a body has no timestamp")?,
            data: body["data"].clone(),
        })
    }
}

/// Verifies a signature, by a library that is not ours, and that a certificate came with the request: a receiver lets in
/// nobody but the relay's identity for it, and trusts no other authority.
pub(crate) fn signed(secret: &str, request: &Request) -> Result<(), String> {
    verify_signature(secret, request)?;
    let certificate = request.peer_common_name.as_deref();
    certificate.map(drop).ok_or_else(|| "a request came without our client certificate".to_owned())
}

/// A moment in milliseconds since 1970.
pub(crate) fn since_1970_ms(moment: SystemTime) -> f64 {
    moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1000.0
}

/// `12:00:00.123456`, in UTC and within the last day, as milliseconds since 1970: the date is today's or yesterday's, so
/// the time of day is enough.
pub(crate) fn time_of_day_ms(time: &str) -> Option<f64> {
    let mut parts = time.split(':').map(str::parse::<f64>);
    let (hours, minutes, seconds) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let of_day = ((hours * 60.0 + minutes) * 60.0 + seconds) * 1000.0;
    let now = since_1970_ms(SystemTime::now());
    let day = 86_400_000.0;
    let today = (now / day).floor() * day + of_day;
    Some(if today > now + day / 2.0 { today - day } else { today })
}
