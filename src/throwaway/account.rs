//! The account the server runs as, since Postgres refuses to run as root.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use super::{Surroundings, ThrowawayError};

/// Another account than ours.
#[derive(Debug, Clone, Copy)]
pub struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// `postgres`, or `nobody` where Postgres was unpacked rather than installed; `None` when we are not root, and may run
    /// it ourselves.
    pub(super) fn for_server(surroundings: &Surroundings) -> Result<Option<Self>, ThrowawayError> {
        // The portable way to ask without a call that is not safe.
        let output = surroundings.command("id").arg("-u").output();
        let output = output.map_err(|source| ThrowawayError::Program { program: "id".into(), source })?;
        if output.stdout.trim_ascii() != b"0" {
            return Ok(None);
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let found = find(&passwd, "postgres").or_else(|| find(&passwd, "nobody"));
        found.map(Some).ok_or(ThrowawayError::NoAccount)
    }

    /// Gives a file or directory to the account.
    ///
    /// # Errors
    /// When we are not root.
    pub fn own(self, path: &Path) -> std::io::Result<()> {
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))
    }

    /// Lets a command run as the account.
    pub fn run(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }
}

fn find(passwd: &str, name: &str) -> Option<Account> {
    let mut entries = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let entry = entries.find(|entry| entry.first() == Some(&name))?;
    let (uid, gid) = (entry.get(2)?.parse().ok()?, entry.get(3)?.parse().ok()?);
    Some(Account { uid, gid })
}

/// Whether another account can make something in the directory; a private `TMPDIR` of root's would not do.
pub(super) fn is_open_to_everybody(directory: &Path) -> bool {
    let passable = |path: &Path, bits: u32| fs::metadata(path).is_ok_and(|data| data.mode() & bits == bits);
    directory.is_absolute()
        && passable(directory, 0o003)
        && directory.ancestors().all(|path| passable(path, 0o001))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_whole_name() {
        let passwd =
            "root:x:0:0::/root:/bin/sh\npostgres2:x:7:7:::\npostgres:x:103:105::/var:/bin/bash\nodd\n";
        let account = find(passwd, "postgres").expect("it is there");
        assert_eq!((account.uid, account.gid), (103, 105));
        assert!(find(passwd, "nobody").is_none());
    }
}
