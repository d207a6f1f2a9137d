//! Secrets by name: what subscriptions name and the relay alone holds. From the files of one folder, and from variables of
//! the environment that begin with `OUTBOXD_SECRET_`; a file counts more. So nobody who may write SQL can have the relay
//! read any other file or variable of its machine.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// How variables begin that hold one.
pub const VARIABLE: &str = "OUTBOXD_SECRET_";
/// Longer than any token that fits into a header.
const BYTES_MAX: usize = 16 * 1024;

/// One secret. It shows itself nowhere.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Arc<str>);

impl Secret {
    /// One line of printable ASCII, with or without its end; `None` when it is not that, or empty.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        // Editors and `echo` end a file with a line feed, which is none of the secret's.
        let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        (printable && !text.trim().is_empty() && text.len() <= BYTES_MAX).then(|| Self(text.into()))
    }

    /// The secret itself: for a request, never for words.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Secrets by name.
type ByName = BTreeMap<String, Secret>;

/// All secrets of a relay as they are at the moment. Clones are the same.
#[derive(Clone, Default)]
pub struct Secrets {
    by_name: Arc<RwLock<ByName>>,
    /// Rises with every reading.
    generation: Arc<AtomicU64>,
}

/// A secret that cannot be used; found at start, never first by a delivery. What is in it is not repeated.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The folder, or a file in it, cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A name that no subscription could name.
    #[error(
        "{0} has a name that no subscription can use: it begins with a lower-case letter and has up to 63 of a-z, 0-9, _, . and -"
    )]
    Name(String),
    /// Nothing that a request could carry.
    #[error("{0} is not a secret that can be sent: one line of printable ASCII is needed, up to 16 KiB")]
    Content(String),
}

impl Secrets {
    /// Reads every file of `folder` that does not begin with a dot, and takes from `environment` what begins with
    /// [`VARIABLE`].
    ///
    /// # Errors
    /// Every problem of every secret at once.
    pub fn read(
        folder: Option<&Path>,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<SecretError>> {
        let (mut found, mut problems) = (ByName::new(), Vec::new());
        for (variable, value) in environment {
            let Some(name) = variable.strip_prefix(VARIABLE) else { continue };
            match Secret::new(value) {
                Some(secret) => drop(found.insert(in_environment(name), secret)),
                None => problems.push(SecretError::Content(variable.clone())),
            }
        }
        for path in folder.map_or_else(|| Ok(Vec::new()), files).map_err(|problem| vec![problem])? {
            match read_file(&path) {
                Ok((name, secret)) => {
                    found.insert(name, secret);
                }
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            let by_name = Arc::new(RwLock::new(found));
            Ok(Self { by_name, generation: Arc::default() })
        } else {
            Err(problems)
        }
    }

    /// The secret of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Secret> {
        let now = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        now.get(name).or_else(|| now.get(&in_environment(name))).cloned()
    }

    /// Puts what was read later in place of what was read before, in all clones.
    pub fn replace(&self, later: &Self) {
        let later = later.by_name.read().unwrap_or_else(PoisonError::into_inner).clone();
        *self.by_name.write().unwrap_or_else(PoisonError::into_inner) = later;
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Rises whenever they were replaced.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }
}

/// The variable of a name, without its beginning.
#[must_use]
pub fn in_environment(name: &str) -> String {
    name.to_ascii_uppercase().replace(['-', '.'], "_")
}

/// The files of a folder of secrets. Those that begin with a dot are how Kubernetes swaps a mounted secret.
///
/// # Errors
/// When it cannot be listed.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, SecretError> {
    let unreadable = |source| SecretError::Unreadable { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read_file(path: &Path) -> Result<(String, Secret), SecretError> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.len() > 63 || !name.chars().all(plain) {
        return Err(SecretError::Name(path.display().to_string()));
    }
    let bytes =
        std::fs::read(path).map_err(|source| SecretError::Unreadable { path: path.to_owned(), source })?;
    let secret = std::str::from_utf8(&bytes).ok().and_then(Secret::new);
    let secret = secret.ok_or_else(|| SecretError::Content(path.display().to_string()))?;
    Ok((name.to_owned(), secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_file_counts_more_than_a_variable_and_both_are_found_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("acme-token"), "from a file\r\n").expect("written");
        std::fs::write(folder.path().join("..data"), "\0").expect("written");
        std::fs::create_dir(folder.path().join("sub")).expect("made");
        let variables = environment(&[
            ("OUTBOXD_SECRET_ACME_TOKEN", "from a variable"),
            ("OUTBOXD_SECRET_OTHER_ONE", "of the environment"),
            ("PATH", "/bin"),
        ]);
        let secrets = Secrets::read(Some(folder.path()), &variables).expect("all good");
        let get = |name| secrets.get(name).map(|secret| secret.reveal().to_owned());
        assert_eq!(get("acme-token").as_deref(), Some("from a file"));
        assert_eq!(get("other.one").as_deref(), Some("of the environment"));
        assert_eq!((get("path"), get("nobody"), get("..data")), (None, None, None));
        assert_eq!(format!("{:?}", secrets.get("acme-token")), "Some(Secret(..))");
        let later = Secrets::read(None, &variables).expect("good");
        secrets.clone().replace(&later);
        assert_eq!(
            secrets.get("acme-token").map(|s| s.reveal().to_owned()).as_deref(),
            Some("from a variable")
        );
        assert_eq!(secrets.generation(), 1);
    }

    #[test]
    fn what_is_no_secret_is_told_all_at_once_and_never_repeated() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, content) in
            [("Upper", "fine"), ("two-lines", "hidden\nhidden"), ("empty", "\n"), ("good", "x")]
        {
            std::fs::write(folder.path().join(name), content).expect("written");
        }
        let variables = environment(&[("OUTBOXD_SECRET_ODD", "hidden\u{7f}")]);
        let problems = Secrets::read(Some(folder.path()), &variables).err().expect("refused");
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 4, "{told:?}");
        for (at, words) in [
            (0, "OUTBOXD_SECRET_ODD is not"),
            (1, "Upper has a name"),
            (2, "empty is not"),
            (3, "two-lines is not"),
        ] {
            assert!(told[at].contains(words) && !told[at].contains("hidden"), "{told:?}");
        }
        let missing = Secrets::read(Some(&folder.path().join("nowhere")), &variables).err().expect("refused");
        assert!(missing[0].to_string().contains("nowhere cannot be read"), "{missing:?}");
    }
}
