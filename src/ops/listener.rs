//! Accepts connections, few at a time, each for one request and a short while.
//!
//! It has a thread and a runtime of its own: the answer comes when the relay's runtime stands still, which is when it
//! matters, and no crowd at this door takes time from deliveries.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::ready;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tracing::{info, warn};

use super::Facts;
use super::answer::answer;

/// Open connections. One more ends the oldest: whoever asks at once is answered, however many sit there and ask nothing.
const CONNECTIONS_MAX: usize = 64;
/// From the accepted connection to the end of the request's head.
const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// For all of it.
const CONNECTION_LIMIT: Duration = Duration::from_secs(10);
/// Request line and headers together.
const HEAD_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;
/// After an accept that failed, for want of file descriptors most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The listener cannot listen.
#[derive(Debug, thiserror::Error)]
#[error(
    "--ops-listen: cannot listen on {address}: {source}; end what listens there, or choose another port or address"
)]
pub struct ListenError {
    address: SocketAddr,
    source: std::io::Error,
}

/// A bound port that nobody answers yet.
#[derive(Debug)]
pub struct Listener {
    socket: StdListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds the address; port 0 takes a free one.
    ///
    /// # Errors
    /// When the port is taken, or the address is not one of this machine.
    pub fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        let error = |source| ListenError { address, source };
        let socket = StdListener::bind(address).map_err(error)?;
        socket.set_nonblocking(true).map_err(error)?;
        let address = socket.local_addr().map_err(error)?;
        Ok(Self { socket, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers from a thread of its own until the process ends.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be made.
    pub fn start(self, facts: Facts) -> Result<(), ListenError> {
        let address = self.address;
        let error = |source| ListenError { address, source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(error)?;
        let serve = move || {
            if let Err(problem) = runtime.block_on(self.serve(&facts)) {
                warn!("the ops listener has ended: {problem}");
            }
        };
        std::thread::Builder::new().name("ops".to_owned()).spawn(serve).map_err(error)?;
        info!("ops listener at http://{address}: /livez, /readyz, /metrics");
        Ok(())
    }

    async fn serve(self, facts: &Facts) -> std::io::Result<()> {
        let loopback = self.address.ip().is_loopback();
        let listener = TcpListener::from_std(self.socket)?;
        let mut open: VecDeque<AbortHandle> = VecDeque::with_capacity(CONNECTIONS_MAX);
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(problem) => {
                    warn!("the ops listener cannot accept: {problem}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            open.retain(|connection| !connection.is_finished());
            if open.len() >= CONNECTIONS_MAX
                && let Some(oldest) = open.pop_front()
            {
                oldest.abort();
            }
            open.push_back(tokio::spawn(converse(stream, facts.clone(), loopback)).abort_handle());
        }
    }
}

/// One request and its answer. What goes wrong is the client's affair: it sees it.
async fn converse(stream: TcpStream, facts: Facts, loopback: bool) {
    let service = service_fn(|request| ready(Ok::<_, Infallible>(answer(&request, &facts, loopback))));
    let mut http = http1::Builder::new();
    // The header limit panics without a timer.
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT);
    http.keep_alive(false).max_buf_size(HEAD_MAX).max_headers(HEADERS_MAX);
    let _ = timeout(CONNECTION_LIMIT, http.serve_connection(TokioIo::new(stream), service)).await;
}
