//! Where this machine keeps Postgres.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The directory with `initdb`, `pg_ctl` and `postgres`.
pub(super) fn server_bin_dir() -> PathBuf {
    let named = std::env::var_os("OUTBOXD_TEST_PG_BIN").map(PathBuf::from);
    if let Some(directory) = named {
        assert!(directory.join("initdb").is_file(), "OUTBOXD_TEST_PG_BIN={}: no initdb", directory.display());
        return directory;
    }
    let candidates = configured_bin_dir().into_iter().chain(packaged_bin_dirs());
    candidates.into_iter().find(|directory| directory.join("initdb").is_file()).expect(
        "no Postgres server found. Install one (Debian: `apt-get install postgresql`) \
         or set OUTBOXD_TEST_PG_BIN to a directory with initdb, pg_ctl and postgres",
    )
}

fn configured_bin_dir() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

/// The directories Debian's packages use, the newest major first.
fn packaged_bin_dirs() -> Vec<PathBuf> {
    let entries = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut majors: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    majors.sort_unstable_by(|a, b| b.cmp(a));
    majors.iter().map(|major| PathBuf::from(format!("/usr/lib/postgresql/{major}/bin"))).collect()
}

/// A program beside the server's, or else wherever a client is installed. Packages come before the
/// PATH, where Debian puts a wrapper in front of each client that costs more than the client itself.
pub(super) fn find_program(bin_dir: &Path, name: &str) -> PathBuf {
    let is_there = |directory: PathBuf| Some(directory.join(name)).filter(|file| file.is_file());
    if let Some(beside) = is_there(bin_dir.to_owned()) {
        return beside;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories =
        configured_bin_dir().into_iter().chain(packaged_bin_dirs()).chain(std::env::split_paths(&path));
    directories
        .find_map(is_there)
        .unwrap_or_else(|| panic!("{name} not found. Debian: `apt-get install postgresql-client`"))
}
