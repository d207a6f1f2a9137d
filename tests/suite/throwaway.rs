//! The throw-away server of `outboxd dev`: what it is made with, and what an account beside ours can do to it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::dev::{Playing, folders, place};
use crate::guard::wait_until;
use crate::stage::{SOON, outboxd};
use crate::support::shared;

/// Where the server's own programs are, if they are beside psql.
fn programs() -> Option<PathBuf> {
    let psql = shared().bin("psql");
    let beside = psql.parent().unwrap();
    beside.join("initdb").is_file().then(|| beside.to_owned())
}

fn script(file: &Path, text: &str) {
    fs::write(file, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Whether the server's account is another one than ours.
fn is_root(ours: &Path) -> bool {
    fs::metadata(ours).unwrap().uid() == 0
}

/// An account that owns the folder can put a link anywhere in it, at any moment.
#[test]
fn root_writes_through_no_link_of_the_accounts() {
    let place = place();
    let Some(programs) = programs().filter(|_| is_root(place.path())) else { return };
    for moved in ["postgresql.conf", "pg_hba.conf"] {
        let (bin, victim) = (place.path().join(format!("bin-{moved}")), place.path().join("victim"));
        fs::create_dir(&bin).unwrap();
        fs::set_permissions(&bin, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(&victim, "root's own\n").unwrap();
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o600)).unwrap();
        for program in ["pg_ctl", "postgres"] {
            script(&bin.join(program), &format!("exec {}/{program} \"$@\"", programs.display()));
        }
        let (real, link) = (programs.display(), victim.display());
        let initdb = format!(
            "{real}/initdb \"$@\" || exit; for data; do :; done; rm $data/{moved}; ln -s {link} $data/{moved}"
        );
        script(&bin.join("initdb"), &initdb);
        let environment =
            [("OUTBOXD_PG_BIN", bin.to_str().unwrap()), ("TMPDIR", place.path().to_str().unwrap())];
        let output = outboxd().run(&["dev"], &environment);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "root's own\n", "{moved}: {}", output.stderr);
        assert_eq!(output.code, 1, "{}", output.stdout);
        assert!(
            output.stderr.contains(moved) && output.stderr.contains("ermission denied"),
            "{}",
            output.stderr
        );
        let left = folders(place.path());
        assert!(!left.iter().any(|path| path.to_string_lossy().contains("outboxd-dev-")), "{left:?}");
    }
}

/// Whether a process has the word among its arguments.
fn runs(word: &str) -> bool {
    fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let arguments = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains(word)
    })
}

#[test]
fn what_a_file_has_started_ends_with_dev_however_that_ends() {
    for (signal, seconds) in [("INT", "97531"), ("KILL", "97532")] {
        let place = place();
        let file = place.path().join("slow.sql");
        fs::write(&file, format!("\\! sleep {seconds}\n")).unwrap();
        let loading = outboxd()
            .spawn(&["dev", "--load", file.to_str().unwrap()], &[("TMPDIR", place.path().to_str().unwrap())]);
        wait_until("the file is under way", || runs(seconds));
        loading.signal(signal);
        loading.wait(SOON);
        wait_until(signal, || !runs(seconds));
        wait_until(signal, || folders(place.path()) == [file.clone()]);
    }
}

/// What a file leaves running does not hold up the start, and goes.
#[test]
fn what_a_file_leaves_running_is_no_obstacle() {
    let place = place();
    let file = place.path().join("behind.sql");
    fs::write(&file, "\\! sleep 97533 &\ncreate table orders (id integer primary key);\n").unwrap();
    let playing = Playing::start(&["--load", file.to_str().unwrap(), "--watch", "orders"], &[]);
    wait_until("it is gone", || !runs("97533"));
    playing.interrupt();
}

#[test]
fn a_place_with_an_odd_name_is_not_taken() {
    let place = place();
    for name in ["a,b", "a$HOME\\b"] {
        let odd = place.path().join(name);
        fs::create_dir(&odd).unwrap();
        fs::set_permissions(&odd, fs::Permissions::from_mode(0o1777)).unwrap();
        let playing = Playing::start(&[], &[("TMPDIR", odd.to_str().unwrap())]);
        assert_eq!(playing.sql("select 1"), "1", "{name}");
        assert_eq!(playing.folder.parent(), Some(Path::new("/tmp")), "{name}");
        playing.interrupt();
    }
}

#[test]
fn programs_may_be_named_from_where_one_is() {
    let Some(programs) = programs() else { return };
    let place = place();
    std::os::unix::fs::symlink(programs, place.path().join("bin")).unwrap();
    let process = outboxd().spawn_in(place.path(), &["dev"], &[("OUTBOXD_PG_BIN", "bin")]);
    Playing::ready(process).interrupt();
}
