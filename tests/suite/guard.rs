//! However `outboxd dev` ends, neither server nor folder nor subscription stays.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::dev::{NO_SESSION, Playing, folders, place};
use crate::stage::{SOON, outboxd};
use crate::support::{Cluster, ClusterOptions, Outboxd, RelayProcess, kill, shared};

/// Waits for a fact. The shell that brings it about belongs to nobody any more and can tell nobody.
#[track_caller]
pub(super) fn wait_until(what: &str, fact: impl Fn() -> bool) {
    let deadline = Instant::now() + SOON;
    while !fact() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Starts it as the leader of a process group.
fn leader(arguments: &[&str], environment: &[(&str, &str)]) -> RelayProcess {
    let mut all = vec![env!("CARGO_BIN_EXE_outboxd"), "dev"];
    all.extend(arguments);
    Outboxd::new(Path::new("setsid")).spawn(&all, environment)
}

/// To all processes of a group.
fn kill_group(leader: u32) {
    let script = format!("kill -s KILL -- -{leader}");
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
}

pub(super) fn is_alive(process: u32) -> bool {
    Path::new(&format!("/proc/{process}")).exists()
}

#[test]
fn killed_alone_or_with_its_group_it_leaves_nothing() {
    for group in [false, true] {
        let playing = Playing::ready(leader(&[], &[]));
        let postmaster = playing.postmaster();
        let pid = playing.process.pid();
        if group {
            kill_group(pid);
        } else {
            playing.process.signal("KILL");
        }
        assert_eq!(playing.process.wait(SOON), 128 + 9);
        wait_until("the folder is gone", || !playing.folder.exists());
        wait_until("the server is gone", || !is_alive(postmaster));
    }
}

#[test]
fn every_signal_that_asks_for_the_end_is_heeded() {
    for signal in ["INT", "TERM", "HUP"] {
        let playing = Playing::start(&[], &[]);
        let postmaster = playing.postmaster();
        playing.process.signal(signal);
        assert_eq!(playing.process.wait(SOON), 0, "{signal}");
        assert!(!playing.folder.exists(), "{signal}");
        // Its parent may take a moment to notice.
        wait_until(signal, || !is_alive(postmaster));
    }
}

/// At several moments of the second in which the server is made: whatever it was doing.
#[test]
fn killed_while_the_server_is_being_made_it_leaves_nothing() {
    for moment in ["data", "data/pg_wal", "data/postgresql.conf", "data/global/pg_control", "log"] {
        let place = place();
        let process = leader(&[], &[("TMPDIR", place.path().to_str().unwrap())]);
        let come = || folders(place.path()).first().is_some_and(|folder| folder.join(moment).exists());
        wait_until(moment, come);
        kill_group(process.pid());
        process.wait(SOON);
        wait_until("the place is empty", || folders(place.path()).is_empty());
        // Whatever was under way has ended, and does not make it anew.
        wait_until("nothing of it runs", || !runs_in(place.path()));
        assert_eq!(folders(place.path()), [] as [PathBuf; 0], "{moment}");
    }
}

/// Whether a process has the place in its arguments.
fn runs_in(place: &Path) -> bool {
    let place = place.to_str().unwrap();
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let arguments = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains(place)
    })
}

/// Not a test of its own: the process that [`a_panic_leaves_nothing`] looks at.
#[test]
#[ignore = "panics; another test runs it"]
fn panic_with_a_cluster() {
    let cluster = Cluster::start(&ClusterOptions::default());
    panic!("folder {}", cluster.base_dir().display());
}

#[test]
fn a_panic_leaves_nothing() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "guard::panic_with_a_cluster", "--ignored", "--nocapture"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let folder = lines
        .find_map(|line| line.split_once("folder ").map(|(_, folder)| folder.trim().to_owned()))
        .unwrap();
    lines.for_each(drop);
    assert!(!child.wait().unwrap().success());
    assert!(!Path::new(&folder).exists(), "{folder}");
}

#[test]
fn killed_in_an_existing_database_its_subscription_and_deliveries_go() {
    let db = shared().database("dev_killed");
    let url = db.url();
    let playing = Playing::ready(leader(&["--database-url", &url, "--answer", "503"], &[]));
    db.psql("select outbox.emit('outbox.ping', '{}')");
    playing.process.wait_for_line("answered 503", SOON);
    kill_group(playing.process.pid());
    playing.process.wait(SOON);
    let clean = "select (select count(*) from outbox.subscription where status <> 'gone') \
                 + (select count(*) from outbox.delivery) + (select count(*) from outbox.relay) = 0";
    db.wait_until(clean, SOON);
    wait_until("the folder is gone", || !playing.folder.exists());
}

/// Both killed: the next start does what the guard could not.
#[test]
fn what_even_the_guard_left_the_next_start_removes() {
    let db = shared().database("dev_twice_killed");
    let url = db.url();
    let playing = Playing::ready(leader(&["--database-url", &url], &[]));
    let children = format!("/proc/{0}/task/{0}/children", playing.process.pid());
    let guards = std::fs::read_to_string(children).unwrap();
    for guard in guards.split_whitespace() {
        kill(guard.parse().unwrap(), "KILL");
    }
    playing.process.signal("KILL");
    playing.process.wait(SOON);
    let left = "select subscriber from outbox.subscription where status <> 'gone'";
    let name = db.psql(left);
    assert!(name.starts_with("outboxd-dev@"), "{name}");
    // Killed, they leave sessions that the server has to notice.
    db.wait_until(NO_SESSION, SOON);
    let again = outboxd().spawn(&["dev", "--database-url", &url], &[]);
    let again = Playing::ready(again);
    assert_ne!(db.psql(left), name);
    again.interrupt();
    assert_eq!(db.psql(left), "");
    // Nobody was left to do it.
    std::fs::remove_dir_all(&playing.folder).unwrap();
}
