//! What of the process's environment a throw-away server depends on; handed in, since only main reads it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::Command;

/// Where programs are where nobody has said it.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The environment, sorted into what is looked at and what is passed on to Postgres' programs.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The variable that may name a directory of programs, for messages.
    pub(super) variable: String,
    /// What it says.
    pub(super) named: Option<PathBuf>,
    /// Where programs are looked for.
    pub(super) path: OsString,
    /// Where temporary files go.
    pub(super) temp: PathBuf,
    /// Passed on.
    environment: Vec<(OsString, OsString)>,
}

impl Surroundings {
    /// `variables` is the whole environment; `variable` may name the directory of the server's programs. What
    /// names a database or configures us is not passed on: a program of the server's must not meet another server.
    pub fn new(variables: impl Iterator<Item = (OsString, OsString)>, variable: &str) -> Self {
        let all: Vec<(OsString, OsString)> = variables.collect();
        let value = |name: &str| all.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let given = |name: &str| value(name).filter(|value| !value.is_empty());
        let path = given("PATH").unwrap_or_else(|| PATH.into());
        let path = paths(&path).into_iter().map(absolute).collect::<Vec<_>>().join(OsStr::new(":"));
        let named_path = [("PATH".into(), path.clone())];
        Self {
            variable: variable.to_owned(),
            named: given(variable).map(|named| absolute(named.into()).into()),
            path,
            temp: given("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from),
            environment: all.into_iter().filter(|(name, _)| !is_ours(name)).chain(named_path).collect(),
        }
    }

    /// Whether a program of this name is found without saying where.
    #[must_use]
    pub fn finds(&self, program: &str) -> bool {
        paths(&self.path).iter().any(|directory| directory.join(program).is_file())
    }

    /// A program in this environment, with messages in English.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("LC_ALL", "C");
        command
    }
}

/// As seen from elsewhere: the guard's programs run in `/`.
fn absolute(path: PathBuf) -> OsString {
    std::path::absolute(&path).unwrap_or(path).into_os_string()
}

/// `std::env::split_paths` by hand: the environment is main's.
pub(super) fn paths(path: &OsStr) -> Vec<PathBuf> {
    let pieces = path.as_bytes().split(|byte| *byte == b':').filter(|piece| !piece.is_empty());
    pieces.map(|piece| PathBuf::from(OsStr::from_bytes(piece))).collect()
}

/// Names a database, or configures outboxd.
fn is_ours(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name == "DATABASE_URL" || name == "RUST_LOG" || name.starts_with("PG") || name.starts_with("OUTBOXD_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_names_another_server_is_passed_on() {
        let variables =
            [("PATH", "/bin"), ("PGHOST", "prod"), ("DATABASE_URL", "x"), ("BIN", "/pg"), ("A", "b")];
        let variables = variables.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let found = Surroundings::new(variables.into_iter(), "BIN");
        assert_eq!(found.named, Some(PathBuf::from("/pg")));
        assert_eq!((found.path.to_str(), found.temp.to_str()), (Some("/bin"), Some("/tmp")));
        let relative =
            [("PATH", "/bin::here"), ("BIN", "pg")].map(|(name, value)| (name.into(), value.into()));
        let relative = Surroundings::new(relative.into_iter(), "BIN");
        assert!(paths(&relative.path).iter().chain(&relative.named).all(|path| path.is_absolute()));
        assert_eq!(paths(&relative.path).len(), 2);
        let shown = format!("{:?}", found.command("x").get_envs().collect::<Vec<_>>());
        assert!(!shown.contains("prod") && !shown.contains("DATABASE_URL"), "{shown}");
        assert!(shown.contains("LC_ALL") && shown.contains("\"A\""), "{shown}");
    }
}
