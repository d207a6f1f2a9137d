//! Where the database is and how to reach it, read the way libpq users expect.
//!
//! A connection string (URL or `key=value`), the `PG*` variables and `~/.pgpass` go in; the plain data below
//! comes out. Nothing here opens a connection: the only file that is read is the password file.
//!
//! The way from one to the other, which [`Conninfo::resolve`] walks:
//!
//! 1. `connection_string` tells the two notations apart; `url` and `pairs` cut each into keys and values.
//! 2. `keys` says which keys there are and what becomes of each; `settings` keeps the values, and fills what
//!    the string leaves out from the `PG*` variables.
//! 3. `servers`, `tls`, `password_file` and `timeouts` read their settings and apply the defaults.
//!
//! Three differences from libpq are deliberate. An unset `sslmode` never means a silent plaintext fallback
//! to another machine, no setting that guards the connection is dropped in silence, and waits are bounded.
//!
//! Messages name settings, never their values: a connection string usually holds a password, and a slip of
//! the pen can move a piece of it into any other field.

mod connection_string;
mod keys;
mod pairs;
mod password_file;
mod resolve;
mod servers;
mod settings;
#[cfg(test)]
mod tests;
mod timeouts;
mod tls;
mod url;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::config::{ChannelBinding, SslNegotiation, TargetSessionAttrs};

/// Everything needed to open a session, with every default already applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conninfo {
    /// The role to log in as.
    pub user: String,
    /// The database; libpq's default is the name of the role.
    pub dbname: String,
    /// The servers to try, in this order; never empty.
    pub targets: Vec<Target>,
    /// The name to show in `pg_stat_activity`; `None` leaves the choice to whoever connects.
    pub application_name: Option<String>,
    /// Server settings for the session, as in `-c statement_timeout=5s`.
    pub options: Option<String>,
    /// How long one server may take from the first packet to a usable session.
    pub connect_timeout: Duration,
    /// Probes that find a dead path while nothing is sent; `None` when the user turned them off.
    pub keepalives: Option<Keepalives>,
    /// How long sent data may stay unacknowledged; `None` leaves it to the kernel (many minutes).
    pub tcp_user_timeout: Option<Duration>,
    /// Whether a server that is a standby (or is not one) is acceptable.
    pub target_session_attrs: TargetSessionAttrs,
    /// Whether the password exchange must be tied to the TLS session.
    pub channel_binding: ChannelBinding,
    /// Whether TLS is asked for first or spoken at once (Postgres 17 and later).
    pub sslnegotiation: SslNegotiation,
    /// What a server's certificate is checked against; always there for the two verifying modes.
    pub roots: Option<Roots>,
    /// The client certificate, for servers that ask for one.
    pub identity: Option<IdentityFiles>,
}

/// One server of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where it listens, and the name its certificate must carry under [`SslMode::VerifyFull`].
    pub host: Host,
    /// Dial this address instead of looking the name up.
    pub hostaddr: Option<IpAddr>,
    /// The port; for a socket directory, the number at the end of the socket's name.
    pub port: u16,
    /// The password for this server: password files can hold one for each.
    pub password: Option<Password>,
    /// How TLS is used with this server; settled for each, as one list may mix sockets and networks.
    pub sslmode: SslMode,
}

/// A host name (or address), or the directory of a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name or address to reach over TCP.
    Tcp(String),
    /// The directory that holds `.s.PGSQL.<port>`.
    Unix(PathBuf),
}

/// How TLS is used. libpq's `allow` is read as [`SslMode::Prefer`]: TLS first is never the weaker order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS without verification if the server has it, plaintext otherwise.
    Prefer,
    /// TLS without verification.
    Require,
    /// TLS, and the certificate must come from a trusted root.
    VerifyCa,
    /// TLS, a trusted root, and the certificate must carry the host's name.
    VerifyFull,
}

/// The certificate authorities a server may be vouched for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// Those of the operating system (`sslrootcert=system`).
    System,
    /// Those of one PEM file, and no others.
    File(PathBuf),
}

/// The two PEM files of a client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityFiles {
    /// The certificate, followed by its intermediates if there are any.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Times of the TCP keepalive probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalives {
    /// Silence before the first probe.
    pub idle: Duration,
    /// Time between probes.
    pub interval: Duration,
    /// Unanswered probes after which the connection counts as lost.
    pub count: u32,
}

/// A password: `Debug` hides it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The password itself, for the login and nothing else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}

impl Target {
    /// `host:port`, for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.host {
            Host::Tcp(host) if host.contains(':') => format!("[{host}]:{}", self.port),
            Host::Tcp(host) => format!("{host}:{}", self.port),
            Host::Unix(dir) => format!("{}:{}", dir.display(), self.port),
        }
    }
}

/// Everything that is wrong with the settings, found in one go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.join("\n"))]
pub struct ConninfoError {
    /// One sentence for each problem; none of them quotes a value.
    pub problems: Vec<String>,
}

impl Conninfo {
    /// `user@host:port/dbname`, for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        let hosts: Vec<String> = self.targets.iter().map(Target::describe).collect();
        format!("{}@{}/{}", self.user, hosts.join(","), self.dbname)
    }
}
