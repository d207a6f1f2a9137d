//! A subscriber that records what it is sent and answers as a test tells it.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::pki::CertPair;
use super::reply::Reply;
use super::request::Request;
use super::serving::{Record, Shared, accept};
use super::tls::TlsOptions;
use super::{lock, net};

/// How long [`Receiver::stop`] may take to close what is open.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// What a receiver is.
#[derive(Clone)]
pub struct ReceiverOptions {
    tls: Option<TlsOptions>,
    counting_only: bool,
    streams_max: Option<u32>,
}

impl ReceiverOptions {
    /// Plain HTTP.
    pub fn plain() -> Self {
        Self { tls: None, counting_only: false, streams_max: None }
    }

    /// HTTPS, TLS 1.2 or 1.3, without client certificates.
    pub fn https(pair: CertPair) -> Self {
        Self::tls(TlsOptions::new(pair))
    }

    /// HTTPS for clients with a certificate of this authority.
    pub fn mutual(pair: CertPair, client_ca_pem: &str) -> Self {
        Self::tls(TlsOptions::new(pair).require_client(client_ca_pem))
    }

    /// HTTPS as described.
    pub fn tls(options: TlsOptions) -> Self {
        Self { tls: Some(options), counting_only: false, streams_max: None }
    }

    /// Counts requests and forgets them; for benchmarks.
    #[must_use]
    pub fn counting_only(mut self) -> Self {
        self.counting_only = true;
        self
    }

    /// Takes so many streams on a connection of HTTP/2.
    #[must_use]
    pub fn streams_max(mut self, streams: u32) -> Self {
        self.streams_max = Some(streams);
        self
    }
}

/// The recording subscriber. It runs on a thread of its own, so tests with and without a runtime
/// can use it, and may block on it.
pub struct Receiver {
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
    port: u16,
    listening: Mutex<Option<Listening>>,
}

/// A listener with its connections.
struct Listening {
    accepting: AbortHandle,
    /// Every task holds a sender; this ends when the last of them is gone.
    ended: mpsc::Receiver<Infallible>,
}

impl Receiver {
    /// Starts to listen on a free port of 127.0.0.1. Every request is answered with an empty 200.
    pub fn start(options: &ReceiverOptions) -> Self {
        let shared = Arc::new(Shared {
            acceptor: options.tls.as_ref().map(TlsOptions::acceptor),
            counting_only: options.counting_only,
            streams_max: options.streams_max,
            record: Mutex::default(),
            recorded: Condvar::new(),
            count: watch::Sender::new(0),
            handler: Mutex::new(Box::new(|_, _| Reply::default())),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        });
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("receiver").enable_all().build();
        let listener = net::listen();
        let receiver = Self {
            shared,
            runtime: Some(runtime.expect("a runtime can be built")),
            port: net::port_of(&listener),
            listening: Mutex::new(None),
        };
        receiver.serve(listener);
        receiver
    }

    /// The port, which a stop and a start keep.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a path, which begins with `/`.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.shared.acceptor.is_some() { "https" } else { "http" };
        format!("{scheme}://localhost:{}{path}", self.port)
    }

    /// Sets what is answered. The closure gets the request and its number since the last
    /// [`Receiver::clear`]; the first is 1. It runs after the request was recorded.
    pub fn reply_with(&self, handler: impl FnMut(&Request, usize) -> Reply + Send + 'static) {
        *lock(&self.shared.handler) = Box::new(handler);
    }

    /// Answers every request the same way.
    pub fn reply(&self, reply: Reply) {
        self.reply_with(move |_, _| reply.clone());
    }

    /// Waits for `n` recorded requests and returns all there are. Blocks the calling thread. Panics
    /// with what has arrived when they do not come in time.
    #[track_caller]
    pub fn wait_for(&self, n: usize, within: Duration) -> Vec<Request> {
        let record = lock(&self.shared.record);
        let waited = self.shared.recorded.wait_timeout_while(record, within, |record| record.count < n);
        let (record, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if record.count >= n {
            return record.requests.clone();
        }
        drop(record);
        panic!("{}", self.too_few(n, within))
    }

    /// As [`Receiver::wait_for`], for a test that is itself a future.
    pub async fn wait_for_async(&self, n: usize, within: Duration) -> Vec<Request> {
        let mut count = self.shared.count.subscribe();
        let enough = tokio::time::timeout(within, count.wait_for(|count| *count >= n)).await;
        assert!(enough.is_ok(), "{}", self.too_few(n, within));
        drop(enough);
        self.requests()
    }

    /// What was recorded so far.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.record).requests.clone()
    }

    /// How many requests came since the last [`Receiver::clear`].
    pub fn count(&self) -> usize {
        lock(&self.shared.record).count
    }

    /// Forgets the requests and begins to count anew; connections keep their numbers.
    pub fn clear(&self) {
        let mut record = lock(&self.shared.record);
        record.requests.clear();
        record.handshake_errors.clear();
        record.count = 0;
        self.shared.count.send_replace(0);
    }

    /// How many connections were made, TLS handshake included, since the start.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many of them are open now.
    pub fn open_connections(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Why handshakes failed, in order.
    pub fn handshake_errors(&self) -> Vec<String> {
        lock(&self.shared.record).handshake_errors.clone()
    }

    /// Waits until `n` handshakes have failed and returns the reasons. Blocks the calling thread.
    #[track_caller]
    pub fn wait_for_handshake_errors(&self, n: usize, within: Duration) -> Vec<String> {
        let record = lock(&self.shared.record);
        let few = |record: &mut Record| record.handshake_errors.len() < n;
        let waited = self.shared.recorded.wait_timeout_while(record, within, few);
        let errors = waited.unwrap_or_else(PoisonError::into_inner).0.handshake_errors.clone();
        assert!(errors.len() >= n, "{n} failed handshakes wanted within {within:?}, seen: {errors:?}");
        errors
    }

    /// Closes the listener and every connection. Until [`Receiver::start_again`] connections are
    /// refused. What was recorded stays.
    pub fn stop(&self) {
        let Some(listening) = lock(&self.listening).take() else {
            return;
        };
        listening.accepting.abort();
        let ended = listening.ended.recv_timeout(STOP_TIMEOUT);
        assert_eq!(ended, Err(mpsc::RecvTimeoutError::Disconnected), "the receiver's tasks end");
    }

    /// Listens again, on the same port.
    pub fn start_again(&self) {
        self.stop();
        self.serve(net::listen_on(self.port).expect("the port is still free"));
    }

    fn serve(&self, listener: TcpListener) {
        let runtime = self.runtime.as_ref().expect("it is there until the receiver is dropped");
        let (alive, ended) = mpsc::channel();
        let shared = Arc::clone(&self.shared);
        let accepting = runtime.spawn(accept(listener, shared, alive)).abort_handle();
        *lock(&self.listening) = Some(Listening { accepting, ended });
    }

    fn too_few(&self, n: usize, within: Duration) -> String {
        let record = lock(&self.shared.record);
        let seen: Vec<_> = record.requests.iter().map(|r| (&r.method, &r.path, &r.body)).collect();
        let (count, errors) = (record.count, &record.handshake_errors);
        format!(
            "{n} requests wanted within {within:?}, {count} came: {seen:?}; failed handshakes: {errors:?}"
        )
    }
}

impl Drop for Receiver {
    /// The port refuses connections afterwards, as after [`Receiver::stop`].
    fn drop(&mut self) {
        if let Some(listening) = lock(&self.listening).take() {
            listening.accepting.abort();
            // Not asserted, unlike in `stop`: a panic while panicking would hide the first one.
            let _ended = listening.ended.recv_timeout(STOP_TIMEOUT);
        }
        // In the background, since a runtime must not be waited for on a thread of another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
