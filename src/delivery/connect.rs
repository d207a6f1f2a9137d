//! Opens a connection to a destination: name, TCP, TLS, HTTP/1.1, each with its own kind of failure.

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
use crate::pem::Facts;

/// Sends requests over one open connection.
pub(super) type Sender = http1::SendRequest<Full<Bytes>>;

/// An open connection.
pub(super) struct Connection {
    /// Sends requests over it.
    pub(super) sender: Sender,
    /// What is known of its TLS, for `outbox.attempt.tls`.
    pub(super) tls: Option<Arc<str>>,
    /// The certificate that the subscriber has shown.
    pub(super) peer: Option<Facts>,
}

/// Opens a connection and spawns the task that drives it; the task ends when the sender is dropped or the peer closes.
/// Name and TCP end before `until`; the caller's limit is for all of it.
pub(super) async fn connect(
    destination: &Destination,
    dialler: &Dialler,
    until: Instant,
) -> Result<Connection, Failure> {
    let tcp = dialler.dial(&destination.host, destination.port, until).await?;
    // A POST is one small write that should leave at once.
    let _ = tcp.set_nodelay(true);
    let (mut told, mut peer) = (None, None);
    let stream = match &destination.tls {
        None => Stream::Plain(tcp),
        Some(identity) => {
            let tls = identity
                .connector
                .connect(&destination.host, tcp)
                .await
                .map_err(|e| Failure::handshake(&e, &destination.host, identity))?;
            let leaf = tls.get_ref().peer_certificate().ok().flatten().and_then(|leaf| leaf.to_der().ok());
            peer = leaf.and_then(|leaf| Facts::in_der(&leaf));
            told = Some(facts::told(identity, peer.as_ref()));
            Stream::Tls(Box::new(tls))
        }
    };
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| Failure::from_hyper(&e, destination, false))?;
    // What goes wrong on the connection also ends the request on it, and is reported there.
    tokio::spawn(connection);
    Ok(Connection { sender, tls: told, peer })
}

/// A connection's bytes, with or without TLS.
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
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
