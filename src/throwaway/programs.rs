//! Where this machine keeps Postgres, and which one is taken.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::surroundings::paths;
use super::{Surroundings, ThrowawayError};

/// What a server is made and started with.
const NEEDED: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// The oldest major release that schema outbox can be installed on.
const LEAST: u32 = 15;

/// Where packages put each release: the folder, how the release's folder in it begins, and where in that the programs are.
const PACKAGED: [(&str, &str, &str); 9] = [
    ("usr/lib/postgresql", "", "bin"),
    ("usr", "pgsql-", "bin"),
    ("usr/libexec", "postgresql", ""),
    ("opt/homebrew/opt", "postgresql", "bin"),
    ("usr/local/opt", "postgresql", "bin"),
    ("home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("usr/local", "pgsql", "bin"),
    ("Applications/Postgres.app/Contents/Versions", "", "bin"),
    ("opt", "pgsql", "bin"),
];

/// The programs of one installation.
#[derive(Debug, Clone)]
pub struct Programs {
    directory: PathBuf,
    /// As the server says it: `15.4`.
    release: String,
    /// Where else clients may be.
    elsewhere: Vec<PathBuf>,
}

impl Programs {
    /// Those in the directory that the variable names, whatever their release; else the newest there are.
    ///
    /// # Errors
    /// Where was looked, and what to install.
    pub fn find(surroundings: &Surroundings) -> Result<Self, ThrowawayError> {
        Self::find_below(Path::new("/"), surroundings)
    }

    fn find_below(root: &Path, surroundings: &Surroundings) -> Result<Self, ThrowawayError> {
        let elsewhere = || all(root, surroundings).into_iter().flat_map(|place| place.directories).collect();
        if let Some(named) = &surroundings.named {
            if let Some(missing) = NEEDED.into_iter().find(|program| !named.join(program).is_file()) {
                let (variable, named) = (surroundings.variable.clone(), named.clone());
                return Err(ThrowawayError::Named { variable, named, missing });
            }
            let release = release(surroundings, named).map_or_else(String::new, |(_, text)| text);
            return Ok(Self { directory: named.clone(), release, elsewhere: elsewhere() });
        }
        let mut looked = vec![format!("{} (not set)", surroundings.variable)];
        let mut best: Option<(u32, Self)> = None;
        for place in all(root, surroundings) {
            let mut found = Vec::new();
            for directory in place.directories.iter().filter_map(|directory| home_of(directory)) {
                let Some((major, release)) = release(surroundings, &directory) else { continue };
                found.push(release.clone());
                // The first place wins among equals.
                if major >= LEAST && best.as_ref().is_none_or(|(best, _)| major > *best) {
                    best = Some((major, Self { directory, release, elsewhere: Vec::new() }));
                }
            }
            looked.push(match found.as_slice() {
                [] => place.name,
                found => format!("{} (has {}, too old)", place.name, found.join(", ")),
            });
        }
        match best {
            Some((_, found)) => Ok(Self { elsewhere: elsewhere(), ..found }),
            None => Err(ThrowawayError::NotFound {
                least: LEAST,
                looked,
                variable: surroundings.variable.clone(),
            }),
        }
    }

    /// The server's release: `15.4`.
    #[must_use]
    pub fn release(&self) -> &str {
        &self.release
    }

    /// One of the server's own programs.
    pub(super) fn server(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// A client (`psql`, `pg_dump`), which need not be where the server is. Packages come before the PATH, where Debian
    /// puts a wrapper in front of each client that costs more than the client itself.
    #[must_use]
    pub fn client(&self, name: &str) -> Option<PathBuf> {
        let directories = std::iter::once(&self.directory).chain(&self.elsewhere);
        directories.map(|directory| directory.join(name)).find(|file| file.is_file())
    }
}

/// Where to look, by a name for messages.
struct Place {
    name: String,
    directories: Vec<PathBuf>,
}

fn all(root: &Path, surroundings: &Surroundings) -> Vec<Place> {
    let configured = configured(surroundings);
    let name = match configured.first() {
        Some(directory) => format!("{} (pg_config --bindir)", directory.display()),
        None => "pg_config (not in PATH)".to_owned(),
    };
    let mut places = vec![Place { name, directories: configured }];
    places
        .extend(PACKAGED.into_iter().map(|(folder, prefix, inside)| packaged(root, folder, prefix, inside)));
    let directories = paths(&surroundings.path);
    places.push(Place { name: "PATH".to_owned(), directories });
    places
}

fn configured(surroundings: &Surroundings) -> Vec<PathBuf> {
    let asked = find_in(&surroundings.path, "pg_config")
        .and_then(|program| surroundings.command(program).arg("--bindir").output().ok());
    let printed = asked.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    Some(PathBuf::from(printed.trim())).into_iter().filter(|path| path.is_absolute()).collect()
}

/// The newest release's folder first, as far as their names tell.
fn packaged(root: &Path, folder: &str, prefix: &str, inside: &str) -> Place {
    let folder = root.join(folder);
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut names: Vec<OsString> = entries.map(|entry| entry.file_name()).collect();
    names.retain(|name| name.to_string_lossy().starts_with(prefix));
    names.sort_unstable_by_key(|name| {
        let digits: String = name.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
        std::cmp::Reverse(digits.parse::<u32>().unwrap_or(0))
    });
    Place {
        name: folder.join(format!("{prefix}*")).join(inside).display().to_string(),
        directories: names.into_iter().map(|name| folder.join(name).join(inside)).collect(),
    }
}

fn find_in(path: &OsStr, program: &str) -> Option<PathBuf> {
    paths(path).into_iter().map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// The directory with all that a server needs: this one, or the one its `initdb` is a link into.
fn home_of(directory: &Path) -> Option<PathBuf> {
    let complete = |directory: &Path| NEEDED.iter().all(|program| directory.join(program).is_file());
    if complete(directory) {
        return Some(directory.to_owned());
    }
    let real = fs::canonicalize(directory.join("initdb")).ok()?;
    real.parent().filter(|home| complete(home)).map(Path::to_owned)
}

/// From `postgres (PostgreSQL) 15.4 (Debian 15.4-1)`: the major release, and the release.
fn release(surroundings: &Surroundings, directory: &Path) -> Option<(u32, String)> {
    let output = surroundings.command(directory.join("postgres")).arg("--version").output().ok()?;
    let printed = String::from_utf8(output.stdout).ok()?;
    let release = printed.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let major: String = release.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, release.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// An installation that says which release it is.
    fn install(directory: &Path, release: &str) {
        fs::create_dir_all(directory).expect("a temporary directory is writable");
        for program in NEEDED {
            let script = format!("#!/bin/sh\necho '{program} (PostgreSQL) {release} (Packaged 1)'\n");
            fs::write(directory.join(program), script).expect("writable");
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(directory.join(program), mode).expect("ours");
        }
    }

    fn surroundings(path: &Path, named: Option<&Path>) -> Surroundings {
        let named = named.map(|named| ("BIN".into(), named.into()));
        let path: OsString = format!("{}:/bin:/usr/bin", path.display()).into();
        Surroundings::new(named.into_iter().chain([("PATH".into(), path)]), "BIN")
    }

    #[test]
    fn the_newest_of_all_places_is_taken_and_links_are_followed() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let (path, below) = (root.path().join("path"), |place: &str| root.path().join(place));
        fs::create_dir(&path).expect("writable");
        install(&below("usr/lib/postgresql/9/bin"), "9.6.24");
        install(&below("usr/lib/postgresql/15/bin"), "15.1");
        install(&below("opt/homebrew/opt/postgresql@93/bin"), "93.2");
        let mine = surroundings(&path, None);
        let found = Programs::find_below(root.path(), &mine).expect("there are some");
        assert_eq!(
            (found.release(), &found.directory),
            ("93.2", &below("opt/homebrew/opt/postgresql@93/bin"))
        );

        install(&below("somewhere/else"), "94.0");
        std::os::unix::fs::symlink(below("somewhere/else/initdb"), path.join("initdb")).expect("writable");
        fs::write(path.join("a_client"), "").expect("writable");
        let found = Programs::find_below(root.path(), &mine).expect("there are some");
        assert_eq!((found.release(), found.client("a_client")), ("94.0", Some(path.join("a_client"))));

        let old = surroundings(&path, Some(&below("usr/lib/postgresql/9/bin")));
        assert_eq!(Programs::find_below(root.path(), &old).expect("as told").release(), "9.6.24");
    }

    #[test]
    fn nothing_found_says_where_it_looked_and_what_to_install() {
        let root = tempfile::tempdir().expect("a temporary directory");
        install(&root.path().join("usr/pgsql-12/bin"), "12.3");
        let mut mine = surroundings(root.path(), None);
        mine.path = root.path().into();
        let text = Programs::find_below(root.path(), &mine).expect_err("too old").to_string();
        for part in [
            "of release 15 or newer",
            "BIN (not set)",
            "pg_config (not in PATH)",
            "usr/lib/postgresql/*/bin;",
            "usr/pgsql-*/bin (has 12.3, too old)",
            "; PATH.",
            "apt-get install postgresql",
            "dnf install postgresql-server",
            "brew install",
            "set BIN to",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let named = surroundings(root.path(), Some(root.path()));
        let text = Programs::find_below(root.path(), &named).expect_err("nothing there").to_string();
        assert!(text.starts_with("BIN is /") && text.contains("there is no initdb in it"), "{text}");
    }
}
