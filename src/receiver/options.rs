//! What a receiver is told.

use std::net::SocketAddr;

use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};

use super::answer::Answers;
use super::tls::Tls;
use super::verify::Secrets;

/// What a receiver is told.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// The certificates; none means plain HTTP.
    pub tls: Option<Tls>,
    /// What signatures are verified with; more may be added while it runs. Without any nothing is verified.
    pub secrets: Secrets,
    /// What webhooks are answered. None: 200, and 401 where the signature is wrong.
    pub answers: Option<Answers>,
    /// How many in a hundred are answered 503 besides, at random.
    pub fail_percent: u8,
    /// Added to every answer to a webhook.
    pub headers: HeaderMap,
    /// Ends by itself after so many webhooks.
    pub count: Option<u64>,
}

impl Options {
    /// Plain HTTP, nothing verified, 200 for everything.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            tls: None,
            secrets: Secrets::default(),
            answers: None,
            fail_percent: 0,
            headers: HeaderMap::new(),
            count: None,
        }
    }
}

/// A header that cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// Not `Name: value`.
    #[error("{0:?} is not a header: it must be `Name: value`, such as `Retry-After: 5`")]
    Malformed(String),
    /// Would break the answer.
    #[error("{0} cannot be chosen: it belongs to how the answer is sent")]
    Reserved(HeaderName),
}

/// Reads `Name: value`.
///
/// # Errors
/// When it is not a header, or one that says how the answer itself is framed.
pub fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), HeaderError> {
    let malformed = || HeaderError::Malformed(text.to_owned());
    let (name, value) = text.split_once(':').ok_or_else(malformed)?;
    let name: HeaderName = name.parse().map_err(|_| malformed())?;
    let value: HeaderValue = value.trim().parse().map_err(|_| malformed())?;
    if [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE].contains(&name) {
        return Err(HeaderError::Reserved(name));
    }
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_they_are_written() {
        for (text, name, value) in
            [("Retry-After: 5", "retry-after", "5"), ("X-A:b:c", "x-a", "b:c"), ("X-Empty:", "x-empty", "")]
        {
            let (found, content) = parse_header(text).expect(text);
            assert_eq!((found.as_str(), content.to_str().expect("text")), (name, value));
        }
        for text in
            ["", "Retry-After", ": 5", "Retry After: 5", "X: a\r\nY: b", "Content-Length: 3", "Connection: x"]
        {
            assert!(parse_header(text).is_err(), "{text:?}");
        }
    }
}
