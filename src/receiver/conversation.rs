//! One connection: TLS if that is spoken, requests one after the other, the end.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_openssl::SslStream;

use super::connections::{Line, Shared};
use super::handshake::{PLAIN_TO_TLS, TLS_TO_PLAIN, advice};
use super::received::{Handshake, Received};
use super::reply::{Body, NoAnswer, Sender, plain, reply};
use super::tls::Tls;

/// For the first byte and the TLS handshake, each, and for the head of the first request.
const BEGIN_LIMIT: Duration = Duration::from_secs(10);
/// For the head of every further request, so also for a connection at rest: longer than relays let them rest.
const REST_LIMIT: Duration = Duration::from_secs(75);
/// Request line and headers together.
const HEAD_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 100;
/// How long what was written last may take to arrive, and how much is read meanwhile for it not to be lost.
const FAREWELL: Duration = Duration::from_secs(1);
const FAREWELL_BYTES: u64 = 16 * 1024 * 1024;
/// How long a connection that is not being answered may take to end when all is to end.
const END_LIMIT: Duration = Duration::from_millis(500);
/// The first byte of a TLS record with a handshake in it.
const TLS_HANDSHAKE: u8 = 0x16;

/// Speaks with one sender until the connection ends.
pub(super) async fn converse(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>, line: Arc<Line>) {
    // An answer is one small write that should leave at once.
    let _ = stream.set_nodelay(true);
    let mut first = [0];
    let begun = tokio::select! {
        begun = timeout(BEGIN_LIMIT, stream.peek(&mut first)) => begun,
        () = shared.stopping() => return,
    };
    // Whoever says nothing only wanted to know whether somebody listens.
    if !matches!(begun, Ok(Ok(1))) {
        return;
    }
    match (shared.options.tls.clone(), first[0] == TLS_HANDSHAKE) {
        (Some(tls), true) => encrypted(stream, peer, &tls, shared, line).await,
        (Some(_), false) => {
            tell(peer, PLAIN_TO_TLS.to_owned(), &shared).await;
            misled(stream).await;
        }
        (None, true) => {
            tell(peer, TLS_TO_PLAIN.to_owned(), &shared).await;
            farewell(stream, false).await;
        }
        (None, false) => serve(stream, Sender { peer, name: None }, shared, line, reset_plain).await,
    }
}

async fn encrypted(stream: TcpStream, peer: SocketAddr, tls: &Tls, shared: Arc<Shared>, line: Arc<Line>) {
    let Ok(mut stream) = tls.session().and_then(|session| SslStream::new(session, stream)) else { return };
    let accepted = tokio::select! {
        accepted = timeout(BEGIN_LIMIT, Pin::new(&mut stream).accept()) => accepted,
        () = shared.stopping() => return,
    };
    let name = tls.shown(stream.ssl());
    let why = match accepted {
        Ok(Ok(())) => return serve(stream, Sender { peer, name }, shared, line, reset_encrypted).await,
        Ok(Err(error)) => advice(&error, stream.ssl(), name.as_deref()),
        Err(_) => format!("the TLS handshake took longer than {BEGIN_LIMIT:?}"),
    };
    tell(peer, why, &shared).await;
    // The alert that says why must not be lost with the connection.
    let end = async {
        let _ = stream.get_mut().shutdown().await;
        drain(stream.get_mut()).await;
    };
    let _ = timeout(FAREWELL, end).await;
}

async fn tell(peer: SocketAddr, why: String, shared: &Shared) {
    // Nobody listens any more.
    let _ = shared.told.send(Received::Handshake(Handshake { at: SystemTime::now(), peer, why })).await;
}

fn reset_plain(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

fn reset_encrypted(stream: &SslStream<TcpStream>) {
    reset_plain(stream.get_ref());
}

/// Answers requests until one side has enough.
async fn serve<S>(stream: S, sender: Sender, shared: Arc<Shared>, line: Arc<Line>, reset: fn(&S))
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let peer = sender.peer;
    let service = service_fn(|request| {
        Box::pin(reply(request, sender.clone(), Arc::clone(&shared), Arc::clone(&line)))
    });
    let mut connection = http().serve_connection(TokioIo::new(stream), service);
    let mut stopping = pin!(shared.stopping());
    let mut limit = pin!(sleep_until(Instant::now() + BEGIN_LIMIT));
    let (mut ending, mut limited) = (false, true);
    loop {
        tokio::select! {
            ended = poll_fn(|context| connection.poll_without_shutdown(context)) => {
                if let Err(error) = ended && error.is_parse() {
                    tell(peer, format!("what came is not HTTP/1.1 ({error})"), &shared).await;
                }
                break;
            }
            () = &mut stopping, if !ending => {
                (ending, limited) = (true, true);
                Pin::new(&mut connection).graceful_shutdown();
                limit.as_mut().reset(Instant::now() + END_LIMIT);
            }
            () = &mut limit, if limited => match (ending, line.is_busy()) {
                (true, true) => limit.as_mut().reset(Instant::now() + END_LIMIT),
                (false, _) if line.has_spoken() => limited = false,
                _ => break,
            },
        }
    }
    let stream = connection.into_parts().io.into_inner();
    if line.is_reset() {
        reset(&stream);
    } else {
        farewell(stream, ending).await;
    }
}

fn http() -> http1::Builder {
    let mut http = http1::Builder::new();
    // The header limit panics without a timer.
    http.timer(TokioTimer::new()).header_read_timeout(REST_LIMIT);
    http.max_buf_size(HEAD_MAX).max_headers(HEADERS_MAX);
    http
}

/// Whoever spoke HTTP where TLS is spoken is told so.
async fn misled(stream: TcpStream) {
    let service = service_fn(|_: Request<Incoming>| async {
        Ok::<Response<Body>, NoAnswer>(plain(StatusCode::BAD_REQUEST, PLAIN_TO_TLS))
    });
    let mut http = http();
    http.keep_alive(false);
    let connection = http.serve_connection(TokioIo::new(stream), service).without_shutdown();
    if let Ok(Ok(parts)) = timeout(BEGIN_LIMIT, connection).await {
        farewell(parts.io.into_inner(), false).await;
    }
}

/// Ends a connection so that what was written last arrives: a close with unread bytes would take it back. `hasty`: nothing
/// unread is to be expected.
async fn farewell(mut stream: impl AsyncRead + AsyncWrite + Unpin, hasty: bool) {
    let end = async {
        if stream.shutdown().await.is_ok() && !hasty {
            drain(&mut stream).await;
        }
    };
    let _ = timeout(FAREWELL, end).await;
}

async fn drain(stream: &mut (impl AsyncRead + Unpin)) {
    let _ = tokio::io::copy(&mut stream.take(FAREWELL_BYTES), &mut tokio::io::sink()).await;
}
