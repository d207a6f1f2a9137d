//! Opens a connection to a destination: name, TCP, TLS, HTTP, each with its own kind of failure.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_native_tls::TlsStream;

use super::endpoint::Destination;
use super::failure::Failure;
use super::http2::{self, Multiplexed};

/// Sends requests over one open connection.
pub(super) type Sender = http1::SendRequest<Full<Bytes>>;

/// A connection as the subscriber wants it.
pub(super) enum Opened {
    Http1(Sender),
    Http2(Multiplexed),
}

/// Resolving a name may block a thread of the runtime's pool: it does not get the whole deadline.
const NAME_LIMIT: Duration = Duration::from_secs(5);
/// One address that swallows packets must leave time for the next one.
const TCP_LIMIT: Duration = Duration::from_secs(5);

/// Opens a connection and spawns the task that drives it; the task ends when the sender is dropped or the peer closes.
pub(super) async fn connect(destination: &Destination) -> Result<Opened, Failure> {
    let tcp = dial(&destination.host, destination.port).await?;
    // A POST is one small write that should leave at once.
    let _ = tcp.set_nodelay(true);
    let stream = match &destination.tls {
        None => Stream::Plain(tcp),
        Some(identity) => {
            let tls = identity
                .connector(destination.http2)
                .map_err(|e| Failure::handshake(&e, &destination.host, identity))?
                .connect(&destination.host, tcp)
                .await
                .map_err(|e| Failure::handshake(&e, &destination.host, identity))?;
            Stream::Tls(Box::new(tls))
        }
    };
    if stream.is_http2() {
        return http2::open(stream, destination).await.map(Opened::Http2);
    }
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| Failure::from_hyper(&e, destination, false))?;
    // What goes wrong on the connection also ends the request on it, and is reported there.
    tokio::spawn(connection);
    Ok(Opened::Http1(sender))
}

pub(super) async fn dial(host: &str, port: u16) -> Result<TcpStream, Failure> {
    let addresses = timeout(NAME_LIMIT, lookup_host((host, port)))
        .await
        .map_err(|_| Failure::name(host, &format!("no answer within {NAME_LIMIT:?}")))?
        .map_err(|e| Failure::name(host, &e.to_string()))?;
    let mut last = Failure::name(host, "the name has no address");
    for address in addresses {
        match timeout(TCP_LIMIT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(e)) => last = Failure::tcp(address, &e),
            Err(_) => last = Failure::tcp_timeout(address, TCP_LIMIT),
        }
    }
    Err(last)
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
