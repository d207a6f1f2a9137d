//! The session that listens, and what a relay does with the doorbell. The rule is in the module `doorbell` of the relay.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_postgres::SimpleQueryMessage;

use super::{OpenError, StoreError, is_direct};
use crate::conninfo::Conninfo;
use crate::database::{self, Connection};

/// The lock of the relay that keeps the bell: "outboxd" and a one. Postgres keeps such locks per database.
const KEEPER_LOCK: i64 = 0x6f75_7462_6f78_6401;
/// The lock that listening relays share; `outbox.ring()` tries it to see whether there is one. "outboxd" and a two.
const LISTENERS_LOCK: i64 = 0x6f75_7462_6f78_6402;
/// Every statement here takes a fraction of a millisecond: when one takes this long, the session is dead.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// A server that hears nothing from us for 14 s ends the session, and with it the locks that others wait for.
const KEEPALIVES: &str = "set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 3; \
    set tcp_keepalives_count = 3; set tcp_user_timeout = 15000";
/// How often, and at which pauses, the listeners' lock is tried.
const LOCK_TRIES: u32 = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// How long a notification between two sessions may take.
const HEARD_WITHIN: Duration = Duration::from_secs(2);

/// A session that listens. It runs outside transactions, so that it never holds up the queue of notifications.
pub struct Bell {
    connection: Connection,
    /// Closed when the session's task, which has the other end, is gone.
    open: watch::Receiver<()>,
    given_up: Notify,
}

/// What a look at the session says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// Whether this session keeps the bell.
    pub keeper: bool,
    /// Why commits do not ring, if they do not.
    pub silence: Option<String>,
}

/// Why the bell is of no use.
#[derive(Debug, thiserror::Error)]
pub enum BellError {
    /// The session cannot be had.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A statement failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The session does not answer.
    #[error("the listening session has not answered for {ANSWER_WITHIN:?}")]
    Mute,
    /// What is sent does not arrive.
    #[error(
        "a notification sent from --database-url does not arrive at the listening session: is there a transaction pooler in \
         between? give a direct connection as --listen-url, or --no-listen"
    )]
    Unheard,
    /// A writer holds the lock for as long as it takes to see that nobody listens; this was longer.
    #[error(
        "some session keeps the advisory lock {LISTENERS_LOCK}, which is for listening relays; pg_locks says which, and \
         pg_terminate_backend() ends it"
    )]
    Busy,
    /// The session has ended.
    #[error("the listening session was lost")]
    Lost,
    /// The session answers, and does not listen any more.
    #[error("the listening session has forgotten that it listens: a pooler in between?")]
    Deaf,
}

impl Bell {
    /// Opens a session that listens. Every ring from another session calls `rung`, which must neither block nor wait; what
    /// a notification carries is not looked at, save for `nonce`, with which the bell is tried out.
    ///
    /// Behind a pooler that hands the session on after each transaction LISTEN succeeds, and nothing ever comes: so it is
    /// tried with a notification from a session opened by `worker`. What is set in such a session stays there for others:
    /// so nothing is, and nothing is done in it before it is known to be ours.
    ///
    /// # Errors
    /// When one of the sessions cannot be had, or nothing is heard ([`BellError::Unheard`]).
    pub async fn open<F>(info: &Conninfo, worker: &Conninfo, nonce: &str, rung: F) -> Result<Self, BellError>
    where
        F: Fn() + Clone + Send + 'static,
    {
        let own_pid = Arc::new(AtomicI32::new(0));
        let tested = Arc::new(Notify::new());
        let (alive, open) = watch::channel(());
        let alive = Arc::new(alive);
        let notified = {
            let (own_pid, tested, nonce) = (Arc::clone(&own_pid), Arc::clone(&tested), nonce.to_owned());
            move |notification: tokio_postgres::Notification| {
                let _: &watch::Sender<()> = &alive;
                if notification.payload() == nonce {
                    tested.notify_one();
                } else if notification.process_id() != own_pid.load(Ordering::Relaxed) {
                    rung();
                }
            }
        };
        let connection =
            database::connect_listening(info, "listen", notified).await.map_err(OpenError::from)?;
        let bell = Self { connection, open, given_up: Notify::new() };
        own_pid.store(bell.try_out(worker, nonce, &tested).await?, Ordering::Relaxed);
        // The session is ours. Should its path go dead, the server is to notice as soon as we do: it holds our locks.
        bell.run(KEEPALIVES, "setting up the listening session").await?;
        // Not before it listens: from now on writers ring if they are told to.
        let lock = format!("select pg_catalog.pg_try_advisory_lock_shared({LISTENERS_LOCK})");
        for _ in 0..LOCK_TRIES {
            if bell.run(&lock, "telling writers that a relay listens").await?.as_deref() == Some("t") {
                return Ok(bell);
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        Err(BellError::Busy)
    }

    /// Listens, when the session is one with the connection; returns its process id.
    async fn try_out(&self, worker: &Conninfo, nonce: &str, tested: &Notify) -> Result<i32, BellError> {
        let other = database::connect(worker, "bell test").await.map_err(OpenError::from)?;
        let failed = |source| BellError::from(StoreError::new("testing the doorbell", source));
        let direct = is_direct(&self.connection.client, &other.client);
        if !timeout(ANSWER_WITHIN, direct).await.map_err(|_| BellError::Mute)?.map_err(failed)? {
            return Err(BellError::Unheard);
        }
        let pid = self.run("listen outbox; select pg_catalog.pg_backend_pid()", "listening").await?;
        let notify = format!("select pg_catalog.pg_notify('outbox', '{nonce}')");
        let sent = timeout(ANSWER_WITHIN, other.client.simple_query(&notify)).await;
        sent.map_err(|_| BellError::Mute)?.map_err(failed)?;
        if timeout(HEARD_WITHIN, tested.notified()).await.is_err() {
            self.run("unlisten outbox", "giving up the doorbell").await?;
            return Err(BellError::Unheard);
        }
        Ok(pid.and_then(|pid| pid.parse().ok()).unwrap_or(0))
    }

    /// Completes when the session has ended, or somebody has called [`Self::give_up`].
    pub async fn lost(&self) {
        let mut open = self.open.clone();
        tokio::select! {
            _ = open.changed() => {}
            () = self.given_up.notified() => {}
        }
    }

    /// Says that the session is of no use: whoever waits for [`Self::lost`] opens another.
    pub fn give_up(&self) {
        self.given_up.notify_one();
    }

    /// Takes the bell when no relay keeps it, and makes sure that the session still listens.
    ///
    /// # Errors
    /// When the session is of no use any more.
    pub async fn heartbeat(&self, keeper: bool) -> Result<Heartbeat, BellError> {
        let lock = if keeper {
            "true".to_owned()
        } else {
            format!("pg_catalog.pg_try_advisory_lock({KEEPER_LOCK})")
        };
        let row = self
            .row(
                &format!(
                    "select {lock}, 'outbox' in (select pg_catalog.pg_listening_channels()), \
                     outbox.doorbell_silence()"
                ),
                "looking after the doorbell",
            )
            .await?;
        if row.get(1).is_none_or(|listens| listens.as_deref() != Some("t")) {
            return Err(BellError::Deaf);
        }
        Ok(Heartbeat {
            keeper: row.first().is_some_and(|kept| kept.as_deref() == Some("t")),
            silence: row.into_iter().nth(2).flatten(),
        })
    }

    /// Sets the flag; committed, and seen by everybody, when this returns. The value of a sequence is outside
    /// transactions.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn arm(&self) -> Result<(), BellError> {
        self.set(1, "arming the doorbell").await
    }

    /// Clears the flag.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn disarm(&self) -> Result<(), BellError> {
        self.set(0, "disarming the doorbell").await
    }

    /// A transaction id that is above all those handed out before. `pg_snapshot_xmax()` would not do: it is the latest id
    /// that has *ended*, and one.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn horizon(&self) -> Result<u64, BellError> {
        let text = self.run("select pg_catalog.pg_current_xact_id()", "taking a transaction id").await?;
        Ok(text.and_then(|id| id.parse().ok()).unwrap_or(u64::MAX))
    }

    /// Whether every transaction with an id below the horizon has ended, whatever database of the cluster it is in.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn has_passed(&self, horizon: u64) -> Result<bool, BellError> {
        let query = format!(
            "select pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) >= '{horizon}'::xid8"
        );
        let text = self.run(&query, "looking for open transactions").await?;
        Ok(text.as_deref() == Some("t"))
    }

    /// Wakes the other relays. Not by `outbox.ring()`, which does not count the session it runs in as one that listens.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn ring(&self) -> Result<(), BellError> {
        let ring = "select pg_catalog.pg_notify('outbox', '') where outbox.doorbell_silence() is null";
        self.run(ring, "ringing").await.map(drop)
    }

    /// Without waiting for the disk: what is lost of the flag in a crash is lost together with every session that relied
    /// on it.
    async fn set(&self, flag: u8, doing: &'static str) -> Result<(), BellError> {
        let set = format!(
            "begin read write; set local synchronous_commit = off; \
             select pg_catalog.setval('outbox.doorbell', {flag}); commit"
        );
        self.run(&set, doing).await.map(drop)
    }

    /// Runs statements; the first column of the last row.
    async fn run(&self, sql: &str, doing: &'static str) -> Result<Option<String>, BellError> {
        Ok(self.row(sql, doing).await?.into_iter().next().flatten())
    }

    /// Runs statements; the columns of the last row. No type is looked up and nothing prepared.
    async fn row(&self, sql: &str, doing: &'static str) -> Result<Vec<Option<String>>, BellError> {
        let answer = timeout(ANSWER_WITHIN, self.connection.client.simple_query(sql)).await;
        let messages =
            answer.map_err(|_| BellError::Mute)?.map_err(|source| StoreError::new(doing, source))?;
        let row = messages.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        Ok(row.map_or_else(Vec::new, |row| {
            (0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect()
        }))
    }
}
