//! A connection over HTTP/2, on which many requests are under way at a time.
//!
//! Nothing is sent on it before the subscriber has said how many streams it takes, which its first frame does. So none is
//! refused for being one too many, none waits behind others on one connection while there could be a second, and a connection
//! that ends before that frame has carried nothing: that is how most refusals of a client certificate under TLS 1.3 can be told
//! from a request that may have been seen.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use super::causes::chain_of;
use super::connect::{Shown, Stream};
use super::endpoint::Destination;
use super::failure::{Failure, Lost};

/// While requests are under way and nothing comes, the subscriber is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// For its answer to that.
const PING_LIMIT: Duration = Duration::from_secs(5);

type Driver = http2::Connection<TokioIo<Watched>, Full<Bytes>, TokioExecutor>;

/// What drives a connection, and how many streams the subscriber takes once that is over. It is dropped then, with all
/// requests that wait in it.
enum State {
    Driven(Box<Driver>),
    Over(usize),
}

/// One connection for many requests.
pub(super) struct Multiplexed {
    sender: http2::SendRequest<Full<Bytes>>,
    driver: Arc<Mutex<State>>,
    under_way: AtomicUsize,
    answered: AtomicBool,
    used: Mutex<Instant>,
    /// What is known of its TLS.
    pub(super) shown: Shown,
    signs: Arc<Signs>,
}

/// What is seen of a connection from below.
#[derive(Default)]
struct Signs {
    /// What broke it.
    broken: OnceLock<String>,
    /// Something was written, or it is over: the subscriber's settings are answered right after they have come into force.
    moved: Notify,
}

/// A place on a connection, given back when it is dropped.
pub(super) struct Place(Arc<Multiplexed>);

/// What came of sending: the failure, and whether the request was certainly not seen and another connection may do better.
pub(super) type Unanswered = (Failure, bool);

/// Takes over a stream on which HTTP/2 was agreed, and spawns the task that drives it, which ends when nobody holds the
/// connection or the subscriber closes it.
pub(super) async fn open(
    stream: Stream,
    shown: Shown,
    destination: &Destination,
) -> Result<Multiplexed, Failure> {
    let signs = Arc::new(Signs::default());
    let watched = Watched { stream, signs: Arc::clone(&signs) };
    let (sender, driver) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_max_send_streams(0)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_LIMIT)
        .handshake(TokioIo::new(watched))
        .await
        .map_err(|error| {
            let lost = Lost { broken: signs.broken.get().map(String::as_str), answered: false, unsent: true };
            Failure::from_http2(&error, destination, &lost).0
        })?;
    let driver = Arc::new(Mutex::new(State::Driven(Box::new(driver))));
    // What goes wrong on the connection also ends the requests on it, and is reported there.
    tokio::spawn({
        let driver = Arc::clone(&driver);
        let signs = Arc::clone(&signs);
        async move {
            std::future::poll_fn(|cx| driver.lock().unwrap_or_else(PoisonError::into_inner).poll(cx)).await;
            signs.moved.notify_waiters();
        }
    });
    let connection = Multiplexed {
        sender,
        driver,
        under_way: AtomicUsize::new(0),
        answered: AtomicBool::new(false),
        used: Mutex::new(Instant::now()),
        shown,
        signs,
    };
    connection.greeted(destination).await?;
    Ok(connection)
}

impl Multiplexed {
    /// Completes when the subscriber has said how many streams it takes.
    async fn greeted(&self, destination: &Destination) -> Result<(), Failure> {
        loop {
            let mut moved = std::pin::pin!(self.signs.moved.notified());
            moved.as_mut().enable();
            if self.streams_max() > 0 {
                return Ok(());
            }
            if self.is_over() {
                let broken = self.signs.broken.get().map_or("closed", String::as_str);
                return Err(Failure::before_http2(broken, destination));
            }
            moved.await;
        }
    }

    /// A place, unless the connection is over or has as many requests under way as the subscriber takes.
    pub(super) fn place(self: &Arc<Self>) -> Option<Place> {
        if self.is_over() {
            return None;
        }
        let places = self.streams_max();
        let taken = self.under_way.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |under_way| {
            (under_way < places).then_some(under_way + 1)
        });
        taken.ok().map(|_| Place(Arc::clone(self)))
    }

    /// Whether no more requests can be sent on it.
    pub(super) fn is_over(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether nothing has been under way for so long.
    pub(super) fn idles(&self, limit: Duration) -> bool {
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        self.under_way.load(Ordering::SeqCst) == 0 && used.elapsed() >= limit
    }

    /// How many streams the subscriber takes at a time; 0 before it has said so.
    fn streams_max(&self) -> usize {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner).streams_max()
    }
}

impl State {
    fn streams_max(&self) -> usize {
        match self {
            Self::Driven(driver) => driver.current_max_send_streams(),
            Self::Over(max) => *max,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::Driven(driver) = self {
            if Pin::new(&mut **driver).poll(cx).is_pending() {
                return Poll::Pending;
            }
            *self = Self::Over(self.streams_max());
        }
        Poll::Ready(())
    }
}

impl Place {
    /// What is known of the connection's TLS.
    pub(super) fn shown(&self) -> &Shown {
        &self.0.shown
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        destination: &Destination,
    ) -> Result<Response<Incoming>, Unanswered> {
        let mut sender = self.0.sender.clone();
        match sender.try_send_request(request).await {
            Ok(response) => {
                self.0.answered.store(true, Ordering::SeqCst);
                Ok(response)
            }
            Err(failed) => Err(self.judge(failed, destination)),
        }
    }

    /// What a failure was, and whether it is one that another connection may not have.
    fn judge(&self, mut failed: TrySendError<Request<Full<Bytes>>>, destination: &Destination) -> Unanswered {
        let unsent = failed.take_message().is_some();
        let lost = Lost {
            broken: self.0.signs.broken.get().map(String::as_str),
            answered: self.0.answered.load(Ordering::SeqCst),
            unsent,
        };
        Failure::from_http2(failed.error(), destination, &lost)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A stream that remembers what broke it: of a connection that ends, HTTP/2 tells each request that it ended and not why.
struct Watched {
    stream: Stream,
    signs: Arc<Signs>,
}

impl Watched {
    fn note<T>(&self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &polled {
            // The first is the cause.
            let _ = self.signs.broken.set(chain_of(error));
        }
        polled
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.note(polled)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.signs.moved.notify_waiters();
        self.note(polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.note(polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.note(polled)
    }
}
