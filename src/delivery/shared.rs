//! Connections on which several requests are under way at a time, by destination: one, and more while the subscriber takes fewer
//! streams on each than there are requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant as Deadline;

use super::connect::{Connection, Opened, connect};
use super::endpoint::{Destination, Key};
use super::failure::Failure;
use super::http2::{Multiplexed, Place};
use super::pool::Pool;

/// So long a subscriber that answered with HTTP/1.1 is taken to speak nothing newer: its connections are opened side by side.
const OLD_FOR: Duration = Duration::from_mins(1);

/// What a request is sent on.
pub(super) enum Line {
    /// A connection for it alone, and whether it is new.
    Http1(Connection, bool),
    /// A place on one that others use too.
    Http2(Place),
}

#[derive(Default)]
pub(super) struct Shared(Mutex<HashMap<Key, Arc<Way>>>);

/// The way to one destination.
#[derive(Default)]
struct Way {
    connections: Mutex<Vec<Arc<Multiplexed>>>,
    /// When it was last found to speak HTTP/1.1 only.
    old_at: Mutex<Option<Instant>>,
    /// Held while a connection is opened: the others wait for that one.
    opening: AsyncMutex<()>,
    /// How the last opening failed: who waited for it has failed too.
    failed: Mutex<Option<(Instant, Failure)>>,
}

impl Shared {
    /// A line to `destination`: one that is there, or a new one, to which name and TCP must lead before `until`.
    pub(super) async fn line(
        &self,
        pool: &Pool,
        destination: &Destination,
        until: Deadline,
    ) -> Result<Line, Failure> {
        let way = Arc::clone(lock(&self.0).entry(destination.key()).or_default());
        let asked = Instant::now();
        let at_hand = || {
            way.place()
                .map(Line::Http2)
                .or_else(|| pool.take(destination).map(|idle| Line::Http1(idle, false)))
        };
        if let Some(line) = at_hand() {
            return Ok(line);
        }
        if way.is_old() {
            return way.open(pool, destination, until).await;
        }
        let opening = way.opening.lock().await;
        if let Some(line) = at_hand() {
            return Ok(line);
        }
        if let Some((_, failure)) = lock(&way.failed).clone().filter(|(at, _)| *at > asked) {
            return Err(failure);
        }
        // Found out by who went before.
        if way.is_old() {
            drop(opening);
            return way.open(pool, destination, until).await;
        }
        let opened = way.open(pool, destination, until).await;
        *lock(&way.failed) = opened.as_ref().err().map(|failure| (Instant::now(), failure.clone()));
        opened
    }

    /// Lets go of all connections: what they were opened with is out of date. Requests under way go on.
    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }

    /// Lets go of what is over or has been idle for `limit`.
    pub(super) fn sweep(&self, limit: Duration) {
        lock(&self.0).retain(|_, way| {
            let mut connections = lock(&way.connections);
            connections.retain(|connection| !connection.is_over() && !connection.idles(limit));
            !connections.is_empty() || way.is_old() || Arc::strong_count(way) > 1
        });
    }
}

impl Way {
    /// A place on a connection that is there.
    fn place(&self) -> Option<Place> {
        let mut connections = lock(&self.connections);
        connections.retain(|connection| !connection.is_over());
        connections.iter().find_map(Multiplexed::place)
    }

    fn is_old(&self) -> bool {
        lock(&self.old_at).is_some_and(|at| at.elapsed() < OLD_FOR)
    }

    async fn open(&self, pool: &Pool, destination: &Destination, until: Deadline) -> Result<Line, Failure> {
        let opened = connect(destination, &pool.dialler, until).await?;
        let (Opened::Http1(Connection { shown, .. }) | Opened::Http2(Multiplexed { shown, .. })) = &opened;
        if let Some(peer) = &shown.peer {
            pool.peers().note(destination, peer);
        }
        match opened {
            Opened::Http1(connection) => {
                lock(&self.old_at).get_or_insert_with(Instant::now);
                Ok(Line::Http1(connection, true))
            }
            Opened::Http2(connection) => {
                *lock(&self.old_at) = None;
                let connection = Arc::new(connection);
                let place = connection.place();
                lock(&self.connections).push(connection);
                let over = || {
                    Failure::not_sent(
                        "connection_closed",
                        "the subscriber closed the connection at once".into(),
                    )
                };
                place.map(Line::Http2).ok_or_else(over)
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
