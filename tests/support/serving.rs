//! The tasks behind a receiver: accepting, handshakes, requests.

use std::convert::Infallible;
use std::net::TcpListener as StdListener;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::{Instant, SystemTime};

use http::Response;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use openssl::ssl::{Ssl, SslAcceptor};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_openssl::SslStream;

use super::lock;
use super::reply::{Reply, ReplyBody};
use super::request::Request;
use super::tls::peer_common_name;

/// What a test gave to be asked for replies.
pub(super) type Handler = Box<dyn FnMut(&Request, usize) -> Reply + Send>;

/// What a receiver and its tasks share.
pub(super) struct Shared {
    pub(super) acceptor: Option<SslAcceptor>,
    pub(super) counting_only: bool,
    pub(super) streams_max: Option<u32>,
    pub(super) record: Mutex<Record>,
    /// Wakes blocked threads when a request was recorded.
    pub(super) recorded: Condvar,
    /// Wakes waiting tasks; carries the count.
    pub(super) count: watch::Sender<usize>,
    pub(super) handler: Mutex<Handler>,
    pub(super) connections: AtomicUsize,
    pub(super) open: AtomicUsize,
}

/// What has come in.
#[derive(Default)]
pub(super) struct Record {
    pub(super) requests: Vec<Request>,
    pub(super) count: usize,
    pub(super) handshake_errors: Vec<String>,
}

/// What is known about a connection before its first request.
#[derive(Clone)]
struct Peer {
    connection: usize,
    common_name: Option<String>,
    tls_version: Option<String>,
    http2: bool,
}

/// Accepts until it is aborted; its connections end with it.
pub(super) async fn accept(listener: StdListener, shared: Arc<Shared>, alive: mpsc::Sender<Infallible>) {
    listener.set_nonblocking(true).expect("a listener can be made non-blocking");
    let listener = TcpListener::from_std(listener).expect("the runtime takes a listener");
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let (shared, alive) = (Arc::clone(&shared), alive.clone());
                connections.spawn(async move {
                    handle(stream, shared).await;
                    drop(alive);
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection to its end.
async fn handle(stream: TcpStream, shared: Arc<Shared>) {
    drop(stream.set_nodelay(true));
    let Some(acceptor) = &shared.acceptor else {
        let peer =
            Peer { connection: shared.next_connection(), common_name: None, tls_version: None, http2: false };
        return serve_http(stream, peer, shared).await;
    };
    let ssl = Ssl::new(acceptor.context()).expect("a TLS session can be made");
    let mut stream = SslStream::new(ssl, stream).expect("a TLS stream can be made");
    if let Err(error) = Pin::new(&mut stream).accept().await {
        lock(&shared.record).handshake_errors.push(error.to_string());
        shared.recorded.notify_all();
        return;
    }
    let peer = Peer {
        connection: shared.next_connection(),
        common_name: peer_common_name(stream.ssl()),
        tls_version: Some(stream.ssl().version_str().to_owned()),
        http2: stream.ssl().selected_alpn_protocol() == Some(b"h2"),
    };
    serve_http(stream, peer, shared).await;
}

async fn serve_http(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    shared: Arc<Shared>,
) {
    let _open = OpenConnection::new(&shared);
    let http2 = peer.http2;
    let service = service_fn({
        let shared = Arc::clone(&shared);
        move |request| answer(request, peer.clone(), Arc::clone(&shared))
    });
    if http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.max_concurrent_streams(shared.streams_max);
        drop(builder.serve_connection(TokioIo::new(io), service).await);
        return;
    }
    // An error here is the client's leaving or a `Reply::close`; both are part of a test.
    drop(http1::Builder::new().serve_connection(TokioIo::new(io), service).await);
}

/// Records a request and does what the handler says. An error makes hyper close the connection.
async fn answer(
    request: hyper::Request<Incoming>,
    peer: Peer,
    shared: Arc<Shared>,
) -> Result<Response<ReplyBody>, Box<dyn std::error::Error + Send + Sync>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value)));
    let request = Request {
        method: head.method.to_string(),
        version: format!("{:?}", head.version),
        path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: headers.collect(),
        body,
        peer_common_name: peer.common_name,
        tls_version: peer.tls_version,
        connection: peer.connection,
        arrived: Instant::now(),
        arrived_at: SystemTime::now(),
    };
    let nth = shared.record(&request);
    let reply = lock(&shared.handler)(&request, nth);
    reply.resolve().await.map_err(|reason| match reason {
        Some(reason) => h2::Error::from(reason).into(),
        None => "told to close".into(),
    })
}

impl Shared {
    fn next_connection(&self) -> usize {
        self.connections.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Counts a request, keeps it unless told otherwise, and wakes who waits.
    fn record(&self, request: &Request) -> usize {
        let mut record = lock(&self.record);
        record.count += 1;
        if !self.counting_only {
            record.requests.push(request.clone());
        }
        let count = record.count;
        // Under the lock, so that the counts go out in order.
        self.count.send_replace(count);
        drop(record);
        self.recorded.notify_all();
        count
    }
}

/// Counts a connection as open for as long as it lives, an aborted task's included.
struct OpenConnection<'a>(&'a Shared);

impl<'a> OpenConnection<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.open.fetch_add(1, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}
