//! What the integration tests and the demo stand on: a throw-away Postgres, a test certificate
//! authority, a subscriber that records what it is sent, and a handle on the `outboxd` binary.
//!
//! | module           | what it gives                                                                |
//! |------------------|------------------------------------------------------------------------------|
//! | `cluster`        | [`Cluster`]: a Postgres server that cannot outlive the process using it      |
//! | `database`       | [`Database`]: one database of a cluster; `psql`, URLs, waiting for a fact    |
//! | `pgbouncer`      | [`Pgbouncer`]: a pooler in transaction mode in front of a cluster               |
//! | `session`        | [`Session`]: one long-lived connection, for interleavings and notifications  |
//! | `pki`            | [`Authority`], [`CertPair`]: certificates made on the spot                   |
//! | `receiver`       | [`Receiver`]: the recording subscriber, over mTLS or plain HTTP              |
//! | `reply`          | [`Reply`], [`Gate`]: what a receiver answers and when                        |
//! | `raw_receiver`   | [`RawReceiver`]: a scripted byte stream, for answers no HTTP library writes  |
//! | `signature`      | [`verify_signature`]: an independent Standard Webhooks verifier              |
//! | `relay`          | [`Outboxd`]: runs the binary, reads its lines, sends it signals              |
//! | `proxy`          | [`Proxy`]: a TCP path that can go dead                                        |
//! | `process`, `net` | child processes with a deadline; ports nothing else will take                |
//!
//! `outboxd::throwaway` is the lower half of `cluster`; `serving`, `request` and `tls` are that of `receiver`.
//!
//! Nothing here sleeps to let something happen. What can signal is waited for; where only looking
//! again helps (a row in a database), a poll with a deadline does it and says what it last saw.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part of the support")]
#![allow(unreachable_pub, reason = "public towards the test files; a test binary exports nothing")]

mod cluster;
mod database;
mod net;
mod pgbouncer;
mod pki;
mod process;
mod proxy;
mod raw_receiver;
mod receiver;
mod relay;
mod reply;
mod request;
mod serving;
mod session;
mod signature;
mod tls;

pub use cluster::{Cluster, ClusterOptions, StopMode, shared};
pub use database::{Database, PsqlError};
pub use openssl::ssl::SslVersion;
pub use pgbouncer::Pgbouncer;
pub use pki::{Authority, CertPair, write_identity};
pub use process::{kill, run_command};
pub use proxy::Proxy;
pub use raw_receiver::{Duplex, RawReceiver, read_request};
pub use receiver::{Receiver, ReceiverOptions};
pub use relay::{Outboxd, Output, RelayProcess};
pub use reply::{Gate, Reply};
pub use request::Request;
pub use session::{Notice, Session};
pub use signature::verify_signature;
pub use tls::TlsOptions;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks even when another thread panicked while it held the lock: the panic that matters is the
/// first one, and a second one in a helper thread would only hide it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
