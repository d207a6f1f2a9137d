//! TLS identities by name: which client certificate to show and which CA to trust. Read from PEM files, at start and when
//! asked to again; private keys are never in the database.
//!
//! One folder per name, with the file names that Kubernetes and cert-manager use: `tls.crt` (certificate and chain),
//! `tls.key` (PKCS#8), `ca.crt` (trusted instead of the system's CAs). `ca.crt` alone makes an identity that shows no
//! certificate; `tls.crt` and `tls.key` alone trust the system's CAs. Subscriptions that name none use `default`.
//! `next/tls.crt` and `next/tls.key` are the successors, for the time in which not everybody takes them yet; whom they are
//! shown to is `delivery`'s to find out.

mod stamp;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use native_tls::Protocol;
use tokio::sync::watch;

use crate::pem::{self, Facts, PemError};
pub use stamp::Stamp;

/// Serials given so far.
static SERIALS: AtomicU64 = AtomicU64::new(0);

/// The name used by subscriptions that name none.
pub const DEFAULT: &str = "default";

/// Certificates under one name, ready to connect with.
pub struct Identity {
    /// Name of its folder.
    pub name: String,
    /// Differs between any two identities that were ever read, also of one name: connections are shared by it.
    pub serial: u64,
    /// Opens TLS connections. Built once: reading the CA bundle takes tens of milliseconds.
    connector: tokio_native_tls::TlsConnector,
    /// The same with HTTP/2 on offer, and what to build it of when somebody first wants that.
    http2: OnceLock<tokio_native_tls::TlsConnector>,
    builder: native_tls::TlsConnectorBuilder,
    /// The private CA's file; `None` trusts the system's.
    pub roots: Option<PathBuf>,
    /// The client certificate's file; `None` shows none.
    pub certificate: Option<PathBuf>,
    /// Where its files are, or would be; `None` for a relay that was given no folder of identities.
    pub folder: Option<PathBuf>,
    /// The client certificate's dates and name.
    pub shown: Option<Facts>,
    /// Those of the CAs in `roots`.
    pub trusted: Vec<Facts>,
    /// The same with the successor of the client certificate, where there is one.
    pub next: Option<Arc<Self>>,
    /// Whether this is such a successor.
    pub is_next: bool,
}

/// This machine's clock, seconds since 1970: certificates are dated by it.
#[must_use]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

impl Identity {
    /// What opens TLS connections, with or without an offer of HTTP/2.
    ///
    /// # Errors
    /// When a file that was fine when it was read is no longer.
    pub fn connector(&self, http2: bool) -> Result<&tokio_native_tls::TlsConnector, native_tls::Error> {
        if !http2 {
            return Ok(&self.connector);
        }
        if let Some(connector) = self.http2.get() {
            return Ok(connector);
        }
        let connector = self.builder.build()?;
        Ok(self.http2.get_or_init(|| connector.into()))
    }

    /// `current` or `next`.
    #[must_use]
    pub fn which(&self) -> &'static str {
        if self.is_next { "next" } else { "current" }
    }

    /// Whether the certificate it shows, if any, holds at that time.
    #[must_use]
    pub fn holds(&self, now: i64) -> bool {
        self.shown.as_ref().is_none_or(|shown| shown.holds(now))
    }

    /// For messages: `identity "acme" (/etc/…/tls.crt)`.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.certificate {
            Some(path) => format!("identity {:?} ({})", self.name, path.display()),
            None => format!("identity {:?}, which has none (no tls.crt and tls.key)", self.name),
        }
    }

    /// For messages: what to do so that a file is in it: `put tls.crt and tls.key into /etc/…/acme and send the relay SIGHUP`.
    #[must_use]
    pub fn put(&self, files: &str) -> String {
        match &self.folder {
            Some(folder) => format!("put {files} into {} and send the relay SIGHUP", folder.display()),
            None => format!(
                "put {files} into the folder FOLDER/{}, and start the relay with --identities FOLDER",
                self.name
            ),
        }
    }

    /// The same trust without the client certificate: how a stranger would be received.
    ///
    /// # Errors
    /// When the CA file can no longer be used.
    pub fn without_certificate(&self) -> Result<Self, IdentityError> {
        build(&self.name, None, self.roots.clone(), self.folder.clone())
    }

    /// Reads the successor. One that is the certificate itself was put in its place, and not taken away yet.
    fn read_next(&mut self, folder: &Path) -> Result<(), IdentityError> {
        let Some(client) = client(&folder.join("next"))? else { return Ok(()) };
        let mut next = build(&self.name, Some(client), self.roots.clone(), self.folder.clone())?;
        if next.shown != self.shown {
            next.is_next = true;
            self.next = Some(Arc::new(next));
        }
        Ok(())
    }
}

/// All identities of a relay, by name, as they are at the moment. Clones are the same.
#[derive(Clone)]
pub struct Identities {
    by_name: Arc<RwLock<ByName>>,
    /// Rises with every reading.
    generation: Arc<watch::Sender<u64>>,
}

type ByName = BTreeMap<String, Arc<Identity>>;

/// An identity that cannot be used; found at start, never first by a delivery.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The folder of identities cannot be listed.
    #[error("the identities folder {path} cannot be read: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A name that a subscription could not name.
    #[error(
        "the identity folder {0} has a name that no subscription can use: take letters, digits, '.', '_' and '-'"
    )]
    Name(PathBuf),
    /// A folder without certificates.
    #[error("the identity folder {0} has neither tls.crt and tls.key nor ca.crt")]
    Empty(PathBuf),
    /// Half a client certificate.
    #[error("the identity folder {folder} has {present} but not {missing}")]
    Half {
        /// The folder.
        folder: PathBuf,
        /// The file that is there.
        present: &'static str,
        /// The file that is not.
        missing: &'static str,
    },
    /// A file that is not what it should be.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// OpenSSL refuses the combination.
    #[error("identity {name:?} cannot be used: {source}")]
    Unusable {
        /// Its name.
        name: String,
        /// Why.
        source: native_tls::Error,
    },
}

impl Identities {
    /// Reads every identity of `folder`; without a folder there is only `default`, which trusts the system's CAs and
    /// shows no certificate.
    ///
    /// # Errors
    /// Every problem of every identity at once.
    pub fn read(folder: Option<&Path>) -> Result<Self, Vec<IdentityError>> {
        let mut found = BTreeMap::new();
        let mut problems = Vec::new();
        for path in folder.map_or_else(|| Ok(Vec::new()), subfolders).map_err(|e| vec![e])? {
            match read_identity(&path) {
                Ok(identity) => {
                    found.insert(identity.name.clone(), Arc::new(identity));
                }
                Err(problem) => problems.push(problem),
            }
        }
        if !found.contains_key(DEFAULT) && problems.is_empty() {
            match build(DEFAULT, None, None, folder.map(|folder| folder.join(DEFAULT))) {
                Ok(identity) => {
                    found.insert(DEFAULT.to_owned(), Arc::new(identity));
                }
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok(Self { by_name: Arc::new(RwLock::new(found)), generation: Arc::new(watch::Sender::new(0)) })
        } else {
            Err(problems)
        }
    }

    /// The identity of that name, or `default`.
    #[must_use]
    pub fn get(&self, name: Option<&str>) -> Option<Arc<Identity>> {
        self.now().get(name.unwrap_or(DEFAULT)).cloned()
    }

    /// Puts what was read later in place of what was read before, in all clones. Who holds an identity keeps it.
    pub fn replace(&self, later: &Self) {
        let by_name = later.now().clone();
        *self.by_name.write().unwrap_or_else(PoisonError::into_inner) = by_name;
        self.generation.send_modify(|generation| *generation += 1);
    }

    /// Rises whenever they were replaced.
    #[must_use]
    pub fn generation(&self) -> u64 {
        *self.generation.borrow()
    }

    /// Tells who holds it of every replacement.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// All there are.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Identity>> {
        self.now().values().cloned().collect()
    }

    fn now(&self) -> RwLockReadGuard<'_, ByName> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// For messages: `; it knows acme, default`.
    #[must_use]
    pub fn names(&self) -> String {
        format!("; it knows {}", self.now().keys().map(String::as_str).collect::<Vec<_>>().join(", "))
    }
}

/// The folders in `folder`. Names that begin with a dot are how Kubernetes swaps a mounted secret: not identities.
///
/// # Errors
/// [`IdentityError::Folder`].
pub fn subfolders(folder: &Path) -> Result<Vec<PathBuf>, IdentityError> {
    let unreadable = |source| IdentityError::Folder { path: folder.to_owned(), source };
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.is_dir() && !hidden {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// Reads the identity in one folder.
///
/// # Errors
/// What is wrong with the name of the folder or with its files.
pub fn read_identity(folder: &Path) -> Result<Identity, IdentityError> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > 100 || !name.chars().all(plain) || name.starts_with('-') {
        return Err(IdentityError::Name(folder.to_owned()));
    }
    let roots = folder.join("ca.crt");
    let client = client(folder)?;
    if client.is_none() && !roots.exists() {
        return Err(IdentityError::Empty(folder.to_owned()));
    }
    let mut identity = build(name, client, roots.exists().then_some(roots), Some(folder.to_owned()))?;
    identity.read_next(folder)?;
    Ok(identity)
}

/// The files of a client certificate, if there is one.
fn client(folder: &Path) -> Result<Option<(PathBuf, PathBuf)>, IdentityError> {
    let [certificate, key] = ["tls.crt", "tls.key"].map(|file| folder.join(file));
    let half = |present, missing| Err(IdentityError::Half { folder: folder.to_owned(), present, missing });
    match (certificate.exists(), key.exists()) {
        (true, true) => Ok(Some((certificate, key))),
        (true, false) => half("tls.crt", "tls.key"),
        (false, true) => half("tls.key", "tls.crt"),
        (false, false) => Ok(None),
    }
}

fn build(
    name: &str,
    client: Option<(PathBuf, PathBuf)>,
    roots: Option<PathBuf>,
    folder: Option<PathBuf>,
) -> Result<Identity, IdentityError> {
    let mut builder = native_tls::TlsConnector::builder();
    builder.min_protocol_version(Some(Protocol::Tlsv12));
    if let Some((certificate, key)) = &client {
        // Checks that the two belong together.
        builder.identity(pem::read_identity(certificate, key)?);
    }
    if let Some(path) = &roots {
        // Instead of the system's, not beside them: a public CA must not vouch for a private subscriber.
        builder.disable_built_in_roots(true);
        for root in pem::read_roots(path)? {
            builder.add_root_certificate(root);
        }
    }
    let connector =
        builder.build().map_err(|source| IdentityError::Unusable { name: name.to_owned(), source })?;
    builder.request_alpns(&["h2", "http/1.1"]);
    let shown = client.as_ref().and_then(|(certificate, _)| Facts::in_file(certificate).into_iter().next());
    Ok(Identity {
        name: name.to_owned(),
        serial: SERIALS.fetch_add(1, Ordering::Relaxed),
        connector: connector.into(),
        http2: OnceLock::new(),
        builder,
        shown,
        trusted: roots.as_deref().map(Facts::in_file).unwrap_or_default(),
        next: None,
        is_next: false,
        roots,
        certificate: client.map(|(certificate, _)| certificate),
        folder,
    })
}
