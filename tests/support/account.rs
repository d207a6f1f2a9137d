//! The account the server runs as, since Postgres refuses to run as root.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// Another account than ours.
#[derive(Clone, Copy)]
pub(super) struct Owner {
    uid: u32,
    gid: u32,
}

/// `postgres`, or `nobody` where Postgres was unpacked rather than installed.
pub(super) fn unprivileged_account() -> Owner {
    let passwd = fs::read_to_string("/etc/passwd").expect("/etc/passwd is readable");
    find(&passwd, "postgres")
        .or_else(|| find(&passwd, "nobody"))
        .expect("an account `postgres` or `nobody` to run Postgres as")
}

fn find(passwd: &str, name: &str) -> Option<Owner> {
    let mut entries = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let entry = entries.find(|entry| entry.first() == Some(&name))?;
    let (uid, gid) = (entry.get(2)?.parse().ok()?, entry.get(3)?.parse().ok()?);
    Some(Owner { uid, gid })
}

/// Gives a file or directory to the account, if it is not ours.
pub(super) fn give_to(path: &Path, owner: Option<Owner>) {
    if let Some(Owner { uid, gid }) = owner {
        std::os::unix::fs::chown(path, Some(uid), Some(gid)).expect("root may change owners");
    }
}

/// Lets a command run as the account, if it is not ours.
pub(super) fn run_as(command: &mut Command, owner: Option<Owner>) {
    if let Some(Owner { uid, gid }) = owner {
        command.uid(uid).gid(gid);
    }
}

/// Whether another account can reach the directory; a private `TMPDIR` of root's would not do.
pub(super) fn open_to_everybody(directory: &Path) -> bool {
    let passable = |path: &Path| fs::metadata(path).is_ok_and(|data| data.mode() & 0o001 != 0);
    directory.is_absolute() && directory.ancestors().all(passable)
}
