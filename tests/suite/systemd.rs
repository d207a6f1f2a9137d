//! What a service manager is told, read from a socket as it would.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::stage::{SOON, Stage, outboxd};
use crate::support::{Gate, RelayProcess, Reply};

/// The service manager's end.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
    _home: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Self { socket, path, _home: home }
    }

    fn start(&self, stage: &Stage, url: &str, watchdog_usec: Option<&str>) -> RelayProcess {
        let identities = stage.identities().to_str().unwrap();
        let mut environment = vec![("NOTIFY_SOCKET", self.path.to_str().unwrap())];
        environment.extend(watchdog_usec.map(|limit| ("WATCHDOG_USEC", limit)));
        let arguments = ["run", "--database-url", url, "--identities", identities, "--poll-ms", "20"];
        outboxd().spawn(&arguments, &environment)
    }

    /// The next message.
    #[track_caller]
    fn next(&self) -> String {
        self.socket.set_read_timeout(Some(SOON)).unwrap();
        let mut bytes = [0; 4096];
        let length = self.socket.recv(&mut bytes).expect("a message in time");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// The next message with this text; those before it are returned too, it last.
    #[track_caller]
    fn until(&self, text: &str) -> Vec<String> {
        let mut seen = Vec::new();
        while !seen.last().is_some_and(|message: &String| message.contains(text)) {
            seen.push(self.next());
        }
        seen
    }
}

#[test]
fn start_reload_and_stop_are_told() {
    let stage = Stage::new("systemd");
    let id = stage.subscribe("");
    let manager = Manager::new();
    let relay = manager.start(&stage, &stage.db.url(), None);
    let seen = manager.until("READY=1");
    assert!(seen[..seen.len() - 1].iter().all(|message| message.starts_with("STATUS=")), "{seen:?}");
    let claimed = stage.count(
        "pg_stat_activity where application_name like 'outboxd%claim%' and datname = current_database()",
    );
    assert_eq!(claimed, 1);
    manager.until("STATUS=delivering");

    relay.signal("HUP");
    let begin = manager.until("RELOADING=1").pop().unwrap();
    let moment = begin.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).expect("its moment");
    assert!(moment.parse::<u64>().unwrap() > 0, "{begin}");
    assert_eq!(manager.next(), "READY=1\n");
    // Also when nothing came of it: the service goes on.
    std::fs::create_dir(stage.identities().join("empty")).unwrap();
    relay.signal("HUP");
    manager.until("RELOADING=1");
    assert_eq!(manager.next(), "READY=1\n");

    let gate = Gate::new();
    stage.receiver.reply(Reply::default().gate(&gate));
    stage.db.psql(&format!("select outbox.ping({id})"));
    stage.receiver.wait_for(1, SOON);
    relay.signal("TERM");
    let last = manager.until("STOPPING=1").pop().unwrap();
    assert!(last.contains("STATUS=stopping"), "{last}");
    gate.open();
    assert_eq!(relay.wait(SOON), 0);
}

#[test]
fn a_relay_that_waits_for_its_database_has_started_and_says_what_it_waits_for() {
    let stage = Stage::new("systemd_away");
    let manager = Manager::new();
    let relay = manager.start(&stage, "postgres://postgres@127.0.0.1:1/none?sslmode=disable", None);
    let mut seen = manager.until("READY=1");
    if !seen.iter().any(|message| message.contains("the database cannot be used")) {
        seen = manager.until("the database cannot be used");
    }
    assert!(seen.iter().any(|message| message.contains("127.0.0.1:1")), "{seen:?}");
    relay.signal("TERM");
    manager.until("STOPPING=1");
    assert_eq!(relay.wait(SOON), 0);
}

#[test]
fn a_start_that_fails_is_never_called_ready() {
    let stage = Stage::new("systemd_unfit");
    stage.db.psql("alter schema outbox rename to elsewhere");
    let manager = Manager::new();
    let relay = manager.start(&stage, &stage.db.url(), None);
    assert_eq!(relay.wait(SOON), 1);
    manager.socket.set_nonblocking(true).unwrap();
    let mut bytes = [0; 4096];
    while let Ok(length) = manager.socket.recv(&mut bytes) {
        let message = String::from_utf8_lossy(&bytes[..length]);
        assert!(!message.contains("READY"), "{message}");
    }
}

#[test]
fn the_watchdog_is_fed_well_within_its_limit_and_not_by_a_process_that_stands_still() {
    let stage = Stage::new("systemd_watchdog");
    let manager = Manager::new();
    let limit = Duration::from_secs(5);
    let relay = manager.start(&stage, &stage.db.url(), Some("5000000"));
    manager.until("WATCHDOG=1");
    let mut last = Instant::now();
    for _ in 0..3 {
        manager.until("WATCHDOG=1");
        assert!(last.elapsed() < limit, "{:?}", last.elapsed());
        last = Instant::now();
    }
    relay.signal("STOP");
    manager.socket.set_read_timeout(Some(limit * 2)).unwrap();
    let mut bytes = [0; 4096];
    while let Ok(length) = manager.socket.recv(&mut bytes) {
        assert!(last.elapsed() < limit, "{:?}", String::from_utf8_lossy(&bytes[..length]));
    }
    relay.signal("CONT");
    manager.until("WATCHDOG=1");
}
