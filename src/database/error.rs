//! Why no session could be opened, in words that say what to do, and whether trying again may help.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use tokio::task::JoinError;
use tokio_postgres::error::SqlState;

use crate::pem::PemError;

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
    pub(super) fn is_refused_login(&self) -> bool {
        self.sqlstate().is_some_and(|code| code.code().starts_with("28"))
    }
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
