//! The one way to open a connection: TLS as the settings ask for, a deadline around all of it, a name that
//! `pg_stat_activity` shows, and errors that say what to do.

use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::time::Duration;

use native_tls::TlsConnector;
use postgres_native_tls::{MakeTlsConnector, set_postgresql_alpn};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::timeout;
use tokio_postgres::config::SslNegotiation;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Notification, Socket};

use crate::conninfo::{Conninfo, Host, Roots, SslMode, Target};
use crate::pem::{self, PemError};

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

/// Why no session could be opened. Each message is complete without its `source()`; none holds a password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A certificate or key file cannot be used.
    #[error("cannot connect to {at}: {source}")]
    Files {
        /// `host:port`.
        at: String,
        /// Which file, and the way out.
        source: PemError,
    },
    /// The TLS library refused the settings as a whole.
    #[error("cannot connect to {at}: TLS cannot be set up: {source}")]
    Tls {
        /// `host:port`.
        at: String,
        /// What the TLS library said.
        source: native_tls::Error,
    },
    /// The runtime was shut down while the certificates were read.
    #[error("connecting to {at} was interrupted: {source}")]
    Interrupted {
        /// `host:port`.
        at: String,
        /// How the task ended.
        source: JoinError,
    },
    /// The server did not get as far as a usable session in time.
    #[error(
        "cannot connect to {at}: no session within {} s; check that the address is right, that a firewall \
         lets it through and that a Postgres server answers there, or raise connect_timeout",
        after.as_secs()
    )]
    Timeout {
        /// `host:port`.
        at: String,
        /// The deadline that passed.
        after: Duration,
    },
    /// The network, the TLS handshake or the server said no.
    #[error("cannot connect to {at}: {}{}", explain(source), advice(source))]
    Failed {
        /// `host:port`.
        at: String,
        /// What the client library said; [`explain`] puts it into words.
        source: tokio_postgres::Error,
    },
    /// None of several servers could be used.
    #[error("{}", sentences(.0))]
    Exhausted(Vec<ConnectError>),
}

impl ConnectError {
    /// The server's error code, if a server got as far as sending one; of several servers, the last such.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&SqlState> {
        match self {
            ConnectError::Failed { source, .. } => source.code(),
            ConnectError::Exhausted(all) => all.iter().rev().find_map(ConnectError::sqlstate),
            _ => None,
        }
    }

    /// Whether the same attempt may succeed later without anyone changing a setting: the server is away,
    /// starting or full, or the network is down. A refused login or certificate is not transient, but a
    /// daemon may still retry it, as the change may be made on the server.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            ConnectError::Timeout { .. } => true,
            ConnectError::Failed { source, .. } => is_transient(source),
            ConnectError::Exhausted(all) => all.iter().any(ConnectError::is_transient),
            ConnectError::Files { .. } | ConnectError::Tls { .. } | ConnectError::Interrupted { .. } => false,
        }
    }

    /// A refused login is the same on every server of a list, and each further try may lock the role out.
    fn is_refused_login(&self) -> bool {
        self.sqlstate().is_some_and(|code| code.code().starts_with("28"))
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

/// The settings for one server, in the client library's terms.
fn config(info: &Conninfo, target: &Target, purpose: &str) -> Config {
    let mut config = Config::new();
    config.user(&info.user).dbname(&info.dbname).port(target.port);
    match (&target.host, target.hostaddr) {
        (Host::Unix(dir), _) => config.host_path(dir),
        (Host::Tcp(name), Some(addr)) => config.host(name).hostaddr(addr),
        (Host::Tcp(name), None) => config.host(name),
    };
    if let Some(password) = &target.password {
        config.password(password.reveal());
    }
    if let Some(options) = &info.options {
        config.options(options);
    }
    let name = info.application_name.as_deref().unwrap_or("outboxd");
    config.application_name(format!("{name} {purpose}"));
    config.ssl_mode(match target.sslmode {
        SslMode::Disable => tokio_postgres::config::SslMode::Disable,
        SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => {
            tokio_postgres::config::SslMode::Require
        }
    });
    config.ssl_negotiation(info.sslnegotiation);
    config.channel_binding(info.channel_binding);
    config.target_session_attrs(info.target_session_attrs);
    // Half the deadline for each address, so that a name's second address gets its turn.
    config.connect_timeout(info.connect_timeout / 2);
    if let Some(user_timeout) = info.tcp_user_timeout {
        config.tcp_user_timeout(user_timeout);
    }
    config.keepalives(info.keepalives.is_some());
    if let Some(keepalives) = info.keepalives {
        config.keepalives_idle(keepalives.idle).keepalives_interval(keepalives.interval);
        config.keepalives_retries(keepalives.count);
    }
    config
}

/// Reads the certificates anew for every connection, so that renewed files are picked up, and off the
/// runtime's threads: setting up one connector costs tens of milliseconds of CPU.
async fn connector(info: &Conninfo, target: &Target) -> Result<MakeTlsConnector, ConnectError> {
    let (info, target, at) = (info.clone(), target.clone(), target.describe());
    match spawn_blocking(move || build_connector(&info, &target)).await {
        Ok(built) => built.map(MakeTlsConnector::new),
        Err(source) => Err(ConnectError::Interrupted { at, source }),
    }
}

fn build_connector(info: &Conninfo, target: &Target) -> Result<TlsConnector, ConnectError> {
    let files = |source| ConnectError::Files { at: target.describe(), source };
    let mut builder = TlsConnector::builder();
    builder.danger_accept_invalid_certs(target.sslmode < SslMode::VerifyCa);
    builder.danger_accept_invalid_hostnames(target.sslmode < SslMode::VerifyFull);
    // A private root stands alone: the public authorities have no say about the database's name. Without
    // any root nothing can be verified, and a verifying mode then fails instead of trusting too much.
    builder.disable_built_in_roots(info.roots != Some(Roots::System));
    if let Some(Roots::File(path)) = &info.roots {
        for root in pem::read_roots(path).map_err(files)? {
            builder.add_root_certificate(root);
        }
    }
    if let Some(identity) = &info.identity {
        builder.identity(pem::read_identity(&identity.cert, &identity.key).map_err(files)?);
    }
    if info.sslnegotiation == SslNegotiation::Direct {
        set_postgresql_alpn(&mut builder);
    }
    builder.build().map_err(|source| ConnectError::Tls { at: target.describe(), source })
}

/// The whole story of an error, on one line. The client library's own `Display` says only "db error" for
/// anything the server reports.
#[must_use]
pub fn explain(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        let mut text = format!("{} {}: {}", db.severity(), db.code().code(), db.message());
        for (label, part) in [("detail", db.detail()), ("hint", db.hint())] {
            if let Some(part) = part {
                text.extend(["; ", label, ": ", part]);
            }
        }
        return text;
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some layers repeat the text of the layer below.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// What a person can do about it, where that is not plain from the message.
fn advice(error: &tokio_postgres::Error) -> &'static str {
    let class = |code: &SqlState| match code.code() {
        "28P01" => "; check the password (connection string, PGPASSWORD or ~/.pgpass)",
        "28000" => "; check the user, its client certificate and the server's pg_hba.conf",
        "3D000" => "; check dbname, or create the database",
        "53300" => "; close idle sessions, or raise the limit of the server or the role",
        _ => "",
    };
    if let Some(code) = error.code() {
        return class(code);
    }
    let text = explain(error);
    // Texts decide only about the wording here; the library has no codes for these.
    if text.contains("does not support TLS") {
        "; turn on ssl in the server, or set sslmode=disable if every machine on the way is trusted"
    } else if text.contains("hostname mismatch") || text.contains("IP address mismatch") {
        "; the server's certificate is for another name: give that name as host (and the address as \
         hostaddr), or use sslmode=verify-ca"
    } else if text.contains("certificate verify failed") {
        "; check that the server's certificate is valid today and that sslrootcert holds its authority"
    } else if text.contains("password missing") {
        "; the server asks for a password: put it into the connection string, PGPASSWORD or ~/.pgpass"
    } else {
        ""
    }
}

fn is_transient(error: &tokio_postgres::Error) -> bool {
    if let Some(code) = error.code() {
        // Connection trouble, exhausted resources, and a server that starts or stops.
        return ["08", "53", "57P"].iter().any(|class| code.code().starts_with(class));
    }
    if error.is_closed() {
        return true;
    }
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            // The kernel's "permission denied" is about a socket's mode. The library uses the same kind for
            // a server in the wrong role, which changes with the next failover.
            return io.kind() != io::ErrorKind::PermissionDenied || io.raw_os_error().is_none();
        }
        source = cause.source();
    }
    false
}

fn sentences(failures: &[ConnectError]) -> String {
    let all: Vec<String> = failures.iter().map(ToString::to_string).collect();
    all.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(given: &str) -> Conninfo {
        Conninfo::resolve(Some(given), &|_| None).expect(given)
    }

    fn settings(given: &str) -> Config {
        let info = info(given);
        config(&info, &info.targets[0], "relay")
    }

    #[test]
    fn the_client_library_is_told_everything() {
        let config = settings(
            "host=h hostaddr=10.0.0.1 port=7 user=u password=p dbname=d options='-c a=b' \
             tcp_user_timeout=1500 target_session_attrs=read-only channel_binding=require \
             sslnegotiation=direct sslmode=require keepalives_idle=5 keepalives_interval=6 \
             keepalives_count=7",
        );
        assert_eq!(config.get_hosts(), [tokio_postgres::config::Host::Tcp("h".to_owned())]);
        assert_eq!(config.get_hostaddrs(), [std::net::IpAddr::from([10, 0, 0, 1])]);
        assert_eq!(
            (config.get_ports(), config.get_user(), config.get_dbname()),
            (&[7][..], Some("u"), Some("d"))
        );
        assert_eq!(config.get_password(), Some(&b"p"[..]));
        assert_eq!(config.get_options(), Some("-c a=b"));
        assert_eq!(config.get_tcp_user_timeout(), Some(&Duration::from_millis(1500)));
        assert_eq!(config.get_target_session_attrs(), tokio_postgres::config::TargetSessionAttrs::ReadOnly);
        assert_eq!(config.get_channel_binding(), tokio_postgres::config::ChannelBinding::Require);
        assert_eq!(config.get_ssl_negotiation(), SslNegotiation::Direct);
        assert_eq!(config.get_ssl_mode(), tokio_postgres::config::SslMode::Require);
        assert_eq!(config.get_keepalives_idle(), Duration::from_secs(5));
        assert_eq!(config.get_keepalives_interval(), Some(Duration::from_secs(6)));
        assert_eq!(config.get_keepalives_retries(), Some(7));
    }

    #[test]
    fn sessions_are_named_after_their_purpose() {
        for (given, name) in [("", "outboxd relay"), ("application_name=shop", "shop relay")] {
            assert_eq!(settings(&format!("host=h user=u {given}")).get_application_name(), Some(name));
        }
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
