//! One connection that a test drives step by step.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio_postgres::{AsyncMessage, Client, NoTls, SimpleQueryMessage, SimpleQueryRow};

use super::database::PsqlError;

/// A long-lived connection. Clones share it, so that a test can start a statement that will wait
/// for a lock in a task of its own and go on.
#[derive(Clone)]
pub struct Session {
    client: Arc<Client>,
    notices: Arc<Mutex<mpsc::UnboundedReceiver<Notice>>>,
    pid: i32,
}

/// A notification this session was sent after a `listen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The channel it came over.
    pub channel: String,
    /// What it carried.
    pub payload: String,
}

impl Session {
    /// Connects without TLS.
    pub(super) async fn open(url: &str) -> Result<Self, PsqlError> {
        let (client, mut connection) =
            tokio_postgres::connect(url, NoTls).await.map_err(|error| from_driver(&error))?;
        let (sender, notices) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            // Ends with the connection, and drops the sender: whoever waits for a notice learns it.
            while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                if let AsyncMessage::Notification(n) = message {
                    let notice = Notice { channel: n.channel().to_owned(), payload: n.payload().to_owned() };
                    drop(sender.send(notice));
                }
            }
        });
        let mut session = Self { client: Arc::new(client), notices: Arc::new(Mutex::new(notices)), pid: 0 };
        let pid = session.try_query_text("select pg_backend_pid()").await?;
        session.pid = pid.parse().expect("a process id is a number");
        Ok(session)
    }

    /// The server process behind this session.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Runs statements; panics when one fails.
    pub async fn execute(&self, sql: &str) {
        self.query_text(sql).await;
    }

    /// Runs statements that may fail.
    ///
    /// # Errors
    /// What the server reported.
    pub async fn try_execute(&self, sql: &str) -> Result<(), PsqlError> {
        self.try_query_text(sql).await.map(drop)
    }

    /// Runs statements and returns their rows as `psql -qAt` prints them; panics when one fails.
    pub async fn query_text(&self, sql: &str) -> String {
        let result = self.try_query_text(sql).await;
        result.unwrap_or_else(|error| panic!("{}: {}\nin: {sql}", error.sqlstate, error.raw))
    }

    /// As [`Session::query_text`], for statements that may fail.
    ///
    /// # Errors
    /// What the server reported.
    pub async fn try_query_text(&self, sql: &str) -> Result<String, PsqlError> {
        let messages = self.client.simple_query(sql).await.map_err(|error| from_driver(&error))?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row_text(row)),
            _ => None,
        });
        Ok(rows.collect::<Vec<_>>().join("\n"))
    }

    /// The next notification; panics when none comes in time.
    pub async fn notice(&self, within: Duration) -> Notice {
        let mut notices = self.notices.lock().await;
        let next = tokio::time::timeout(within, notices.recv()).await;
        next.unwrap_or_else(|_| panic!("no notification within {within:?}")).expect("the session is open")
    }

    /// The notifications that are here already. A round trip to the server comes first, so those
    /// that were committed before this call are among them.
    pub async fn notices_so_far(&self) -> Vec<Notice> {
        self.execute("select 1").await;
        let mut notices = self.notices.lock().await;
        std::iter::from_fn(|| notices.try_recv().ok()).collect()
    }
}

fn row_text(row: &SimpleQueryRow) -> String {
    let columns = (0..row.len()).map(|index| row.get(index).unwrap_or_default());
    columns.collect::<Vec<_>>().join("|")
}

fn from_driver(error: &tokio_postgres::Error) -> PsqlError {
    let raw = format!("{error:?}");
    let Some(report) = error.as_db_error() else {
        return PsqlError { message: error.to_string(), raw, ..PsqlError::default() };
    };
    PsqlError {
        sqlstate: report.code().code().to_owned(),
        message: report.message().to_owned(),
        detail: report.detail().map(str::to_owned),
        hint: report.hint().map(str::to_owned),
        raw,
    }
}
