//! A Postgres server that cannot outlive the process using it: for `outboxd dev`, and for the tests.
//!
//! | file | what it answers |
//! |---|---|
//! | `surroundings` | what of the environment is used |
//! | `programs` | where this machine keeps Postgres, and which one is taken |
//! | `account` | which account a server runs as, when we are root |
//! | `port` | a loopback port that nothing else will take |
//! | `guard` | who makes the directory and the server, and takes both away however we end |
//! | `folder` | where all of it is |
//! | `settings` | what is written into the server's configuration |
//! | `server` | making, starting, stopping |
//! | `error` | why there is no server, in words that say what to do |
//!
//! Everything here blocks; a task calls it on a thread of its own.

mod account;
mod error;
mod folder;
mod guard;
pub mod port;
mod programs;
mod server;
mod settings;
mod surroundings;

pub use account::Account;
pub use error::ThrowawayError;
pub use folder::Folder;
pub use programs::Programs;
pub use server::{Server, StopMode};
pub use settings::{Login, Options, Tls};
pub use surroundings::Surroundings;
