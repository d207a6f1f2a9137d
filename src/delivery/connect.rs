//! Opens a connection to a destination: name, TCP, TLS, HTTP, each with its own kind of failure.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_native_tls::TlsStream;

use super::dial::Dialler;
use super::endpoint::Destination;
use super::facts;
use super::failure::Failure;
use super::http2::{self, Multiplexed};
use crate::pem::Facts;

/// Sends requests over one open connection.
pub(super) type Sender = http1::SendRequest<Full<Bytes>>;

/// An open connection, as the subscriber wants it.
pub(super) enum Opened {
    Http1(Connection),
    Http2(Multiplexed),
}

/// What is known of an open connection's TLS.
#[derive(Default)]
pub(super) struct Shown {
    /// For `outbox.attempt.tls`.
    pub(super) told: Option<Arc<str>>,
    /// The certificate that the subscriber has shown.
    pub(super) peer: Option<Facts>,
}

/// A connection of HTTP/1.1, for one request at a time.
pub(super) struct Connection {
    /// Sends requests over it.
    pub(super) sender: Sender,
    pub(super) shown: Shown,
}

/// Opens a connection and spawns the task that drives it; the task ends when the sender is dropped or the peer closes.
/// Name and TCP end before `until`; the caller's limit is for all of it.
pub(super) async fn connect(
    destination: &Destination,
    dialler: &Dialler,
    until: Instant,
) -> Result<Opened, Failure> {
    let tcp = dialler.dial(&destination.host, destination.port, until).await?;
    // A POST is one small write that should leave at once.
    let _ = tcp.set_nodelay(true);
    let mut shown = Shown::default();
    let stream = match &destination.tls {
        None => Stream::Plain(tcp),
        Some(identity) => {
            let tls = identity
                .connector(destination.http2)
                .map_err(|e| Failure::handshake(&e, &destination.host, identity))?
                .connect(&destination.host, tcp)
                .await
                .map_err(|e| Failure::handshake(&e, &destination.host, identity))?;
            let leaf = tls.get_ref().peer_certificate().ok().flatten().and_then(|leaf| leaf.to_der().ok());
            shown.peer = leaf.and_then(|leaf| Facts::in_der(&leaf));
            shown.told = Some(facts::told(identity, shown.peer.as_ref()));
            Stream::Tls(Box::new(tls))
        }
    };
    if stream.is_http2() {
        return http2::open(stream, shown, destination).await.map(Opened::Http2);
    }
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| Failure::from_hyper(&e, destination, false))?;
    // What goes wrong on the connection also ends the request on it, and is reported there.
    tokio::spawn(connection);
    Ok(Opened::Http1(Connection { sender, shown }))
}

/// The same where HTTP/2 is not offered.
pub(super) async fn connect_http1(
    destination: &Destination,
    dialler: &Dialler,
    until: Instant,
) -> Result<Connection, Failure> {
    match connect(destination, dialler, until).await? {
        Opened::Http1(connection) => Ok(connection),
        Opened::Http2(_) => {
            Err(Failure::not_sent("http2", "the subscriber speaks HTTP/2, which was not offered".into()))
        }
    }
}

/// A connection's bytes, with or without TLS.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Whether the subscriber has chosen HTTP/2; what it says of protocols that were not offered it says in vain.
    fn is_http2(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => {
                matches!(stream.get_ref().negotiated_alpn(), Ok(Some(chosen)) if chosen == b"h2")
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
