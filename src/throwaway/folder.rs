//! A folder that is removed however this process ends.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::account::is_open_to_everybody;
use super::guard::{Guard, Put, Said};
use super::{Account, Surroundings, ThrowawayError};

/// The longest place that leaves room for `/outboxd-dev-XXXXXXXX/s/.s.PGSQL.NNNNN` in the roughly
/// hundred bytes a Unix socket address may have.
const PLACE_LENGTH_MAX: usize = 60;

/// A folder for nobody else, removed with all that is in it when this value is dropped, and also when the process ends in
/// any other way.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    account: Option<Account>,
    pub(super) guard: Guard,
}

impl Folder {
    /// Makes a folder of ours; its name begins with `prefix`.
    ///
    /// # Errors
    /// [`ThrowawayError::Directory`], or when there is no shell.
    pub fn make(surroundings: &Surroundings, prefix: &str) -> Result<Self, ThrowawayError> {
        Self::make_for(surroundings, prefix, None, None)
    }

    /// Makes a folder of the account's, with what a server needs; `pg_ctl` is what stops that.
    pub(super) fn make_for(
        surroundings: &Surroundings,
        prefix: &str,
        account: Option<Account>,
        pg_ctl: Option<&Path>,
    ) -> Result<Self, ThrowawayError> {
        let path = place(surroundings, account, prefix);
        let guard = Guard::start(surroundings, account, pg_ctl.unwrap_or(Path::new("false")), &path)?;
        Ok(Self { path, account, guard })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The account it belongs to when that is not ours.
    #[must_use]
    pub fn account(&self) -> Option<Account> {
        self.account
    }

    /// Makes a folder in it.
    ///
    /// # Errors
    /// [`ThrowawayError::File`], or when the guard has ended.
    pub fn make_folder(&self, name: &str) -> Result<PathBuf, ThrowawayError> {
        let path = self.path.join(name);
        let said = self.guard.make(&path)?;
        done(path, &said)
    }

    /// Writes a new file in it, which nobody else may read.
    ///
    /// # Errors
    /// [`ThrowawayError::File`], or when the guard has ended.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, ThrowawayError> {
        self.put(Put::New, name, text)
    }

    /// Writes lines into a file in it.
    pub(super) fn put(&self, how: Put, name: &str, text: &str) -> Result<PathBuf, ThrowawayError> {
        let said = self.guard.put(how, name, text)?;
        done(self.path.join(name), &said)
    }

    /// Takes everything away, and says whether it is gone.
    #[must_use]
    pub fn remove(&self) -> bool {
        self.guard.clean_up()
    }
}

fn done(path: PathBuf, said: &Said) -> Result<PathBuf, ThrowawayError> {
    if said.success {
        return Ok(path);
    }
    let source = std::io::Error::other(said.text.trim().to_owned());
    Err(ThrowawayError::File { path, source })
}

/// Whether a path means itself everywhere: in a list of `postgresql.conf`, a shell, a URL.
fn is_plain(path: &Path) -> bool {
    path.as_os_str().as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(byte))
}

/// A name that nobody has thought of, where there is room for it and the account can get at it.
fn place(surroundings: &Surroundings, account: Option<Account>, prefix: &str) -> PathBuf {
    let preferred = &surroundings.temp;
    let short = preferred.as_os_str().len() <= PLACE_LENGTH_MAX && preferred.is_absolute();
    let usable = short && is_plain(preferred) && (account.is_none() || is_open_to_everybody(preferred));
    let parent = if usable { preferred } else { Path::new("/tmp") };
    let random: String = std::iter::repeat_with(fastrand::alphanumeric).take(8).collect();
    parent.join(format!("{prefix}{random}"))
}
