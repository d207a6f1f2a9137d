//! Everything up to the first byte of a request, and not that: what `outboxd check --handshake` tries.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout, timeout_at};

use super::dial::Dialler;
use super::endpoint::Destination;
use super::failure::Failure;
use crate::model::Class;

/// One destination may take so long, name, TCP and TLS together.
const LIMIT: Duration = Duration::from_secs(5);
/// Under TLS 1.3 the client has finished before its certificate is judged: a refusal comes within about one round trip.
const VERDICT: Duration = Duration::from_millis(700);

/// Connects as a POST would, and closes. Returns the leaf of the certificate that the subscriber showed, as DER; none where
/// there is no TLS.
///
/// # Errors
/// As an attempt would fail; a client certificate that is refused is told apart as there.
pub async fn handshake(destination: &Destination, dialler: &Dialler) -> Result<Option<Vec<u8>>, Failure> {
    let until = Instant::now() + LIMIT;
    let shaken = timeout_at(until, shake(destination, dialler, until)).await;
    shaken.unwrap_or_else(|_| Err(Failure::deadline(LIMIT, Class::NotSent, "before the handshake was over")))
}

async fn shake(
    destination: &Destination,
    dialler: &Dialler,
    until: Instant,
) -> Result<Option<Vec<u8>>, Failure> {
    let tcp = dialler.dial(&destination.host, destination.port, until).await?;
    let Some(identity) = &destination.tls else { return Ok(None) };
    let mut tls = identity
        .connector(destination.http2)
        .map_err(|e| Failure::handshake(&e, &destination.host, identity))?
        .connect(&destination.host, tcp)
        .await
        .map_err(|e| Failure::handshake(&e, &destination.host, identity))?;
    let certificate = tls.get_ref().peer_certificate().ok().flatten().and_then(|leaf| leaf.to_der().ok());
    // Who accepts us waits for a request. What a server says unasked is its business.
    match timeout(VERDICT, tls.read(&mut [0])).await {
        Err(_) | Ok(Ok(1..)) => Ok(certificate),
        Ok(Ok(0)) => Err(Failure::after_handshake(None, identity)),
        Ok(Err(error)) => Err(Failure::after_handshake(Some(&error), identity)),
    }
}
