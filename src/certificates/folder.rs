//! Writes an authority's certificates where the relay and the receiver look for them; all or nothing.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::LOCAL_NAMES;
use super::authority::{Authority, CertificatesError, Pair};

/// The common name of the relay's certificate.
const RELAY: &str = "outboxd";

/// What was made.
#[derive(Debug)]
pub struct Made {
    /// For `outboxd run --identities`: the folder with the folder `default`.
    pub identities: PathBuf,
    /// For `outboxd listen --tls`.
    pub receiver: PathBuf,
    /// The names by which the receiver may be reached.
    pub names: Vec<String>,
}

/// Nothing was made; what was there is as it was.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// What is there stays.
    #[error(
        "{} is there already, and nothing is overwritten: name another folder, or remove {} and {} first",
        found.display(), identity.display(), receiver.display()
    )]
    Exists {
        /// What is there.
        found: PathBuf,
        /// Where the relay's certificates were to go.
        identity: PathBuf,
        /// Where the receiver's were to go.
        receiver: PathBuf,
    },
    /// The operating system refuses.
    #[error("cannot write {}: {source}; nothing was made", path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The TLS library refuses.
    #[error(transparent)]
    Certificates(#[from] CertificatesError),
}

/// Makes a new authority and, by it, `folder/identities/default` and `folder/receiver`, each with `tls.crt`, `tls.key` and
/// `ca.crt`. The receiver may be reached by [`LOCAL_NAMES`] and `hosts`.
///
/// # Errors
/// One of the two is there already, or cannot be written; then there is nothing of either.
pub fn write(folder: &Path, hosts: &[String]) -> Result<Made, FolderError> {
    let identities = folder.join("identities");
    let (identity, receiver) = (identities.join("default"), folder.join("receiver"));
    let exists = |found: &Path| FolderError::Exists {
        found: found.to_owned(),
        identity: identity.clone(),
        receiver: receiver.clone(),
    };
    // Also a link that leads nowhere.
    if let Some(found) = [&identity, &receiver].into_iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(exists(found));
    }
    let mut names: Vec<String> = LOCAL_NAMES.map(str::to_owned).to_vec();
    for host in hosts {
        if !names.contains(host) {
            names.push(host.clone());
        }
    }
    let authority = Authority::new()?;
    let (client, server) = (authority.client(RELAY)?, authority.server(&names)?);

    let mut undo = Undo::default();
    undo.make_folders(&identities)?;
    let stage = folder.join(format!(".certificates-{:016x}", fastrand::u64(..)));
    make_folder(&stage, 0o700)?;
    undo.stage = Some(stage.clone());
    for (name, pair, to) in [("identity", &client, &identity), ("receiver", &server, &receiver)] {
        let made = stage.join(name);
        write_pair(&made, pair, authority.pem())?;
        // Whoever was faster has the place: a folder that is not empty is not replaced.
        fs::rename(&made, to).map_err(|source| match source.kind() {
            io::ErrorKind::DirectoryNotEmpty
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::NotADirectory => exists(to),
            _ => FolderError::Unwritable { path: to.clone(), source },
        })?;
        undo.placed.push(to.clone());
    }
    undo.keep();
    Ok(Made { identities, receiver, names })
}

fn write_pair(folder: &Path, pair: &Pair, ca: &str) -> Result<(), FolderError> {
    make_folder(folder, 0o755)?;
    for (name, text, mode) in
        [("tls.crt", pair.certificate.as_str(), 0o644), ("tls.key", &pair.key, 0o600), ("ca.crt", ca, 0o644)]
    {
        let path = folder.join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .map_err(|source| FolderError::Unwritable { path, source })?;
    }
    Ok(())
}

fn make_folder(path: &Path, mode: u32) -> Result<(), FolderError> {
    DirBuilder::new()
        .mode(mode)
        .create(path)
        .map_err(|source| FolderError::Unwritable { path: path.to_owned(), source })
}

/// Takes back what was made, unless told to keep it.
#[derive(Default)]
struct Undo {
    /// Folders that were not there, outermost first.
    folders: Vec<PathBuf>,
    stage: Option<PathBuf>,
    placed: Vec<PathBuf>,
}

impl Undo {
    /// Makes a folder and those above it that are not there.
    fn make_folders(&mut self, path: &Path) -> Result<(), FolderError> {
        let missing: Vec<_> =
            path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
        for path in missing.into_iter().rev() {
            match make_folder(path, 0o755) {
                Ok(()) => self.folders.push(path.to_owned()),
                // Somebody else makes it at the same time.
                Err(_) if path.is_dir() => {}
                Err(problem) => return Err(problem),
            }
        }
        Ok(())
    }

    fn keep(mut self) {
        self.folders.clear();
        self.placed.clear();
    }
}

impl Drop for Undo {
    /// What cannot be removed stays: there is nobody to tell, and the first problem is the one that matters.
    fn drop(&mut self) {
        for path in self.placed.iter().chain(&self.stage) {
            let _ = fs::remove_dir_all(path);
        }
        for path in self.folders.iter().rev() {
            let _ = fs::remove_dir(path);
        }
    }
}
