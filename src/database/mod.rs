//! The one way to open a connection: TLS as the settings ask for, a deadline around all of it, a name that
//! `pg_stat_activity` shows, and errors that say what to do.
//!
//! `config` puts our settings into the client library's terms, `tls` reads the certificates, `error` finds the
//! words for what went wrong.

mod config;
mod error;
mod tls;

use std::future::poll_fn;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Notification, Socket};

use self::config::config;
pub use self::error::{ConnectError, explain};
use self::tls::connector;
use crate::conninfo::{Conninfo, SslMode, Target};

/// An open session. Dropping it closes the session.
#[derive(Debug)]
pub struct Connection {
    /// Runs statements.
    pub client: Client,
    /// Tells when the session has ended; apart from `client`, so that both can be used at once.
    pub lost: Lost,
}

/// The task that carries a session's bytes, seen from outside.
#[derive(Debug)]
pub struct Lost {
    task: JoinHandle<()>,
}

impl Lost {
    /// Waits until the session has ended, for whatever reason. May be awaited again afterwards, and
    /// dropping the future loses nothing.
    pub async fn wait(&mut self) {
        if !self.task.is_finished() {
            // The reason was logged where it was met, and a cancelled task is just as lost.
            let _ = (&mut self.task).await;
        }
    }

    /// Whether the session has ended. A dead path counts only once the kernel has noticed it.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.task.is_finished()
    }
}

impl Drop for Lost {
    /// Left alone, the task would hold a dead path's socket until the kernel gives up on it.
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Opens a session and discards its notifications. `purpose` completes the name that `pg_stat_activity`
/// shows: `outboxd <purpose>`, or `<application_name> <purpose>` if that is set.
///
/// The servers are tried in order, each within `connect_timeout`. One deadline for the whole list would let
/// a first server that swallows packets keep the second from ever being reached.
///
/// # Errors
///
/// See [`ConnectError`]; of several servers all failures are reported.
pub async fn connect(info: &Conninfo, purpose: &str) -> Result<Connection, ConnectError> {
    connect_listening(info, purpose, |_| ()).await
}

/// Opens a session like [`connect`] and hands every notification to `notified`. That runs in the task which
/// carries the session's bytes: it must neither block nor wait.
///
/// # Errors
///
/// See [`connect`].
pub async fn connect_listening<F>(
    info: &Conninfo,
    purpose: &str,
    notified: F,
) -> Result<Connection, ConnectError>
where
    F: Fn(Notification) + Clone + Send + 'static,
{
    let mut failures = Vec::new();
    for target in &info.targets {
        let attempt = attempt(info, target, purpose, notified.clone());
        let failure = match timeout(info.connect_timeout, Box::pin(attempt)).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(failure)) => failure,
            Err(_) => ConnectError::Timeout { at: target.describe(), after: info.connect_timeout },
        };
        let stop = failure.is_refused_login();
        failures.push(failure);
        if stop {
            break;
        }
    }
    match failures.pop() {
        Some(only) if failures.is_empty() => Err(only),
        last => Err(ConnectError::Exhausted(failures.into_iter().chain(last).collect())),
    }
}

async fn attempt<F>(
    info: &Conninfo,
    target: &Target,
    purpose: &str,
    notified: F,
) -> Result<Connection, ConnectError>
where
    F: Fn(Notification) + Send + 'static,
{
    let config = config(info, target, purpose);
    let opened = if target.sslmode == SslMode::Disable {
        open(&config, NoTls, notified).await
    } else {
        open(&config, connector(info, target).await?, notified).await
    };
    opened.map_err(|source| ConnectError::Failed { at: target.describe(), source })
}

async fn open<T, F>(config: &Config, tls: T, notified: F) -> Result<Connection, tokio_postgres::Error>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
    F: Fn(Notification) + Send + 'static,
{
    let (client, connection) = config.connect(tls).await?;
    let task = tokio::spawn(drive(connection, notified));
    Ok(Connection { client, lost: Lost { task } })
}

/// Carries a session's bytes until it ends. Awaiting the connection itself would discard notifications.
async fn drive<S, F>(mut connection: tokio_postgres::Connection<Socket, S>, notified: F)
where
    S: tokio_postgres::tls::TlsStream + Unpin,
    F: Fn(Notification),
{
    loop {
        match poll_fn(|cx| connection.poll_message(cx)).await {
            Some(Ok(AsyncMessage::Notification(notification))) => notified(notification),
            Some(Ok(AsyncMessage::Notice(notice))) => {
                tracing::debug!(severity = notice.severity(), "server notice: {}", notice.message());
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                tracing::debug!("database connection lost: {}", explain(&error));
                return;
            }
            None => {
                tracing::debug!("database connection closed");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    fn info(given: &str) -> Conninfo {
        Conninfo::resolve(Some(given), &|_| None).expect(given)
    }

    #[tokio::test]
    async fn a_mute_server_meets_the_deadline() {
        let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = mute.local_addr().expect("an address").port();
        let info = info(&format!("host=127.0.0.1 port={port} user=u password=secret connect_timeout=1"));
        let error = connect(&info, "test").await.map(|_| ()).expect_err("nobody answers");
        assert!(matches!(error, ConnectError::Timeout { .. }) && error.is_transient());
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("cannot connect to 127.0.0.1:{port}: no session within 1 s")),
            "{text}"
        );
    }

    #[tokio::test]
    async fn every_server_that_fails_is_reported() {
        let info = info("host=127.0.0.1,/nonexistent port=1 user=u password=secret sslmode=disable");
        let error = connect(&info, "test").await.map(|_| ()).expect_err("nobody listens");
        let text = error.to_string();
        assert!(
            text.contains("127.0.0.1:1: ") && text.contains("; cannot connect to /nonexistent:1: "),
            "{text}"
        );
        assert!(error.is_transient() && error.sqlstate().is_none());
        assert!(!format!("{text} {error:?}").contains("secret"));
    }

    #[tokio::test]
    async fn an_unusable_root_is_named() {
        let info = info("host=127.0.0.1 port=1 user=u sslmode=verify-full sslrootcert=/dev/null");
        let error = connect(&info, "test").await.map(|_| ()).expect_err("no certificate");
        let text = error.to_string();
        assert!(text.starts_with("cannot connect to 127.0.0.1:1: /dev/null holds no certificate"), "{text}");
        assert!(!error.is_transient() && error.source().is_some());
    }
}
