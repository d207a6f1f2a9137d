//! Whether files have changed since they were last looked at, cheaply: first what the file system says of them, and only when
//! that differs, what is in them. Kubernetes changes a mounted secret by swapping a link, which is a change of both.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Folders in folders, and no deeper: NAME/next/tls.crt.
const DEPTH_MAX: u32 = 3;

/// What the files of some folders looked like.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    seen: BTreeMap<PathBuf, [i64; 5]>,
    content: u64,
}

impl Stamp {
    /// How the folders, and files that stand on their own, look now.
    #[must_use]
    pub fn of(folders: &[&Path]) -> Self {
        let seen = look(folders);
        let content = read(&seen);
        Self { seen, content }
    }

    /// Looks again; true when anything in them differs from what it was the last time.
    pub fn has_changed(&mut self, folders: &[&Path]) -> bool {
        let seen = look(folders);
        if seen == self.seen {
            return false;
        }
        let content = read(&seen);
        self.seen = seen;
        std::mem::replace(&mut self.content, content) != content
    }
}

/// Every file, with what changes when it does.
fn look(folders: &[&Path]) -> BTreeMap<PathBuf, [i64; 5]> {
    let mut seen = BTreeMap::new();
    for path in folders {
        collect(path, DEPTH_MAX, &mut seen);
    }
    seen
}

/// A file, or those in a folder. One that cannot be looked at is as good as missing here: reading it says why.
fn collect(path: &Path, depth: u32, seen: &mut BTreeMap<PathBuf, [i64; 5]>) {
    let Ok(facts) = fs::metadata(path) else { return };
    if facts.is_file() {
        #[allow(clippy::cast_possible_wrap, reason = "compared, never counted with")]
        let stamp =
            [facts.ino() as i64, facts.size() as i64, facts.mtime(), facts.mtime_nsec(), facts.ctime_nsec()];
        seen.insert(path.to_owned(), stamp);
    } else if facts.is_dir() && depth > 0 {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                collect(&entry.path(), depth - 1, seen);
            }
        }
    }
}

fn read(seen: &BTreeMap<PathBuf, [i64; 5]>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for path in seen.keys() {
        path.hash(&mut hasher);
        fs::read(path).ok().hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_moved_or_linked_anew_is_a_change_and_what_is_touched_is_none() {
        let home = tempfile::tempdir().expect("a folder");
        let at = |name: &str| home.path().join(name);
        fs::create_dir_all(at("acme/next")).expect("made");
        fs::write(at("acme/tls.crt"), "one").expect("written");
        fs::write(at("v1"), "one").expect("written");
        fs::write(at("v2"), "two").expect("written");
        std::os::unix::fs::symlink(at("v1"), at("acme/link")).expect("linked");
        let folder = at("acme");
        let mut stamp = Stamp::of(&[&folder]);
        let mut changed = || stamp.has_changed(&[&folder]);
        assert!(!changed(), "nothing happened");
        fs::write(at("acme/tls.crt"), "one").expect("written");
        assert!(!changed(), "the same again");
        fs::write(at("acme/tls.crt"), "two").expect("written");
        assert!(changed() && !changed(), "written, and told once");
        fs::write(at("acme/next/tls.crt"), "next").expect("written");
        assert!(changed(), "deeper");
        fs::remove_file(at("acme/link")).expect("removed");
        std::os::unix::fs::symlink(at("v2"), at("acme/link")).expect("linked");
        assert!(changed(), "swapped");
        fs::write(at("acme/..data"), "hidden").expect("written");
        assert!(!changed(), "hidden");
        fs::remove_file(at("acme/tls.crt")).expect("removed");
        assert!(changed(), "gone");
    }
}
