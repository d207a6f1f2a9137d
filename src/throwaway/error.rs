//! Why there is no throw-away server, in words that say what to do.

use std::path::PathBuf;
use std::time::Duration;

/// How Postgres is installed where it is not.
const INSTALL: &str = "Debian, Ubuntu: apt-get install postgresql; Fedora, RHEL: dnf install postgresql-server; \
                       macOS: brew install postgresql@17; Alpine: apk add postgresql";

/// Why a server could not be found, made, started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ThrowawayError {
    /// Nothing that could be used.
    #[error(
        "no Postgres server programs (initdb, pg_ctl, postgres) of release {least} or newer were found. Looked in: {}. \
         Install them ({INSTALL}), or set {variable} to the directory they are in",
        .looked.join("; ")
    )]
    NotFound {
        /// The least major release.
        least: u32,
        /// Where, and what was wrong with what is there.
        looked: Vec<String>,
        /// The variable that may name the directory.
        variable: String,
    },
    /// The directory that was named is not one.
    #[error(
        "{variable} is {}, but there is no {missing} in it; name the directory with initdb, pg_ctl and postgres",
        .named.display()
    )]
    Named {
        /// The variable.
        variable: String,
        /// Its value.
        named: PathBuf,
        /// The program that is not there.
        missing: &'static str,
    },
    /// Root without an account to run Postgres as.
    #[error(
        "Postgres does not run as root, and there is no account `postgres` or `nobody` to run it as; make one \
         (useradd --system postgres), or start this as somebody else"
    )]
    NoAccount,
    /// A program that could not be started.
    #[error("{} cannot be started: {source}", .program.display())]
    Program {
        /// Which.
        program: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The directory for all of it.
    #[error("the directory {} cannot be made; is there room, and may we write there? TMPDIR names another place", .0.display())]
    Directory(PathBuf),
    /// A file of ours in it.
    #[error("{} cannot be written: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The guard was ended by somebody.
    #[error("the shell that looks after the throw-away Postgres has ended; end this and start again")]
    GuardGone,
    /// A path that cannot be passed on.
    #[error("{} was given an empty word, or one with a line break in it", .0.display())]
    Word(PathBuf),
    /// A program that did not end.
    #[error("{} did not end within {} s; is the machine or its disk overloaded?", .program.display(), .after.as_secs())]
    Slow {
        /// Which.
        program: PathBuf,
        /// The patience.
        after: Duration,
    },
    /// A program that failed, with its own words and the server's.
    #[error("{program} failed:\n{said}")]
    Failed {
        /// Which.
        program: &'static str,
        /// What it and the server's log said.
        said: String,
    },
    /// No port.
    #[error("no free port on 127.0.0.1 for Postgres: {0}")]
    NoPort(std::io::Error),
    /// The port that was asked for.
    #[error(
        "port {port} of 127.0.0.1 cannot be used for Postgres: {source}; take another, or leave --port away"
    )]
    Port {
        /// Which.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
}
