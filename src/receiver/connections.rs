//! Listens, and lets in as many as there is room for.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use super::conversation::converse;
use super::options::Options;
use super::received::Received;
use super::seen::Seen;
use crate::shutdown::Stop;

/// Open connections. One more ends the oldest that is not being answered; where all are, it is not let in.
const CONNECTIONS_MAX: usize = 512;
/// Large bodies that are in memory at a time.
const LARGE_MAX: usize = 32;
/// After an accept that failed, for want of file descriptors most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The receiver cannot listen. The message is complete without its `source()`.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; {}", way_out(source))]
pub struct ReceiverError {
    address: SocketAddr,
    source: io::Error,
}

fn way_out(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => "end what listens there, or choose another port (0 takes a free one)",
        io::ErrorKind::AddrNotAvailable => {
            "that is no address of this machine: 127.0.0.1 is, and 0.0.0.0 means all"
        }
        io::ErrorKind::PermissionDenied => "ports below 1024 are for root: choose another",
        _ => "choose another address",
    }
}

/// A bound port that nobody answers yet.
#[derive(Debug)]
pub struct Receiver {
    socket: StdListener,
    address: SocketAddr,
    options: Options,
}

impl Receiver {
    /// Binds the address; port 0 takes a free one.
    ///
    /// # Errors
    /// When the port is taken, or the address is not one of this machine.
    pub fn bind(options: Options) -> Result<Self, ReceiverError> {
        let error = |source| ReceiverError { address: options.address, source };
        let socket = StdListener::bind(options.address).map_err(error)?;
        socket.set_nonblocking(true).map_err(error)?;
        let address = socket.local_addr().map_err(error)?;
        Ok(Self { socket, address, options })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL that leads here from this machine.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.options.tls.is_some() { "https" } else { "http" };
        let host = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_loopback() || ip.is_unspecified() => "localhost".to_owned(),
            IpAddr::V6(ip) if ip.is_unspecified() => "localhost".to_owned(),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        format!("{scheme}://{host}:{}/", self.address.port())
    }

    /// Takes webhooks and tells of all that happens, until it is stopped, `count` is reached or `told` is closed; lets what is
    /// being answered end. To be run on a runtime of several threads: a body is read and verified in one go.
    ///
    /// # Errors
    /// When the runtime does not take the socket.
    pub async fn run(self, mut stop: Stop, told: mpsc::Sender<Received>) -> Result<(), ReceiverError> {
        let address = self.address;
        let listener =
            TcpListener::from_std(self.socket).map_err(|source| ReceiverError { address, source })?;
        let shared = Shared::new(self.options, told.clone());
        let mut tasks = JoinSet::new();
        let mut open = Open::default();
        loop {
            let (stream, peer) = tokio::select! {
                accepted = accept(&listener) => accepted,
                Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
                () = stop.wait() => break,
                () = shared.stopping() => break,
                () = told.closed() => break,
            };
            let line = Arc::new(Line::default());
            if open.has_room() {
                let task = tasks.spawn(converse(stream, peer, Arc::clone(&shared), Arc::clone(&line)));
                open.0.push_back((task, line));
            }
        }
        drop(listener);
        shared.end();
        while tasks.join_next().await.is_some() {}
        Ok(())
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        if let Ok(accepted) = listener.accept().await {
            return accepted;
        }
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// What all connections know.
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) told: mpsc::Sender<Received>,
    /// How many turns of the answers have been taken.
    pub(super) turns: AtomicU64,
    /// Places for large bodies.
    pub(super) large: Arc<Semaphore>,
    taken: AtomicU64,
    seen: Mutex<Seen>,
    ended: watch::Sender<bool>,
}

impl Shared {
    fn new(options: Options, told: mpsc::Sender<Received>) -> Arc<Self> {
        Arc::new(Self {
            options,
            told,
            turns: AtomicU64::new(0),
            large: Arc::new(Semaphore::new(LARGE_MAX)),
            taken: AtomicU64::new(0),
            seen: Mutex::default(),
            ended: watch::Sender::new(false),
        })
    }

    /// The number of a webhook, unless no more are wanted. Its sender tries again, elsewhere or later.
    pub(super) fn take(&self) -> Option<u64> {
        let count = self.options.count.unwrap_or(u64::MAX);
        let next = |taken: u64| (taken < count).then_some(taken + 1);
        let number = self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next).ok()? + 1;
        if number == count {
            self.end();
        }
        Some(number)
    }

    /// Notes a webhook-id and returns how many times it has come now.
    pub(super) fn note(&self, id: &str) -> u32 {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).note(id.as_bytes())
    }

    /// Completes when nothing more is to be begun.
    pub(super) async fn stopping(&self) {
        // An error means that the sender is gone, and it is in `self`.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    fn end(&self) {
        self.ended.send_replace(true);
    }
}

/// One connection, as others see it.
#[derive(Default)]
pub(super) struct Line {
    spoken: AtomicBool,
    busy: AtomicBool,
    reset: AtomicBool,
}

impl Line {
    /// A request has come.
    pub(super) fn spoke(&self) {
        self.spoken.store(true, Ordering::SeqCst);
    }

    pub(super) fn has_spoken(&self) -> bool {
        self.spoken.load(Ordering::SeqCst)
    }

    /// A webhook is being answered, for as long as the result lives.
    pub(super) fn busy(&self) -> Busy<'_> {
        self.busy.store(true, Ordering::SeqCst);
        Busy(self)
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::SeqCst)
    }

    /// It is to end as after a crash.
    pub(super) fn reset(&self) {
        self.reset.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_reset(&self) -> bool {
        self.reset.load(Ordering::SeqCst)
    }
}

/// See [`Line::busy`].
pub(super) struct Busy<'a>(&'a Line);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::SeqCst);
    }
}

/// The connections, oldest first.
#[derive(Default)]
struct Open(VecDeque<(AbortHandle, Arc<Line>)>);

impl Open {
    /// Whether one more may come in; it makes room if need be.
    fn has_room(&mut self) -> bool {
        self.0.retain(|(task, _)| !task.is_finished());
        if self.0.len() < CONNECTIONS_MAX {
            return true;
        }
        let idle = self.0.iter().position(|(_, line)| !line.is_busy());
        let ended = idle.and_then(|at| self.0.remove(at)).map(|(task, _)| task.abort());
        ended.is_some()
    }
}
