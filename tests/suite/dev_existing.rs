//! `outboxd dev` in a database that is there and stays: what it leaves alone, and how it ends when things go wrong.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::dev::Playing;
use crate::stage::{LOCAL, SOON, outboxd};
use crate::support::{Authority, Cluster, ClusterOptions, Database, StopMode, shared};

/// Of ours, and anybody's.
const ACTIVE: &str = "select subscriber from outbox.subscription where status <> 'gone' order by 1";

/// Makes the removal of any subscription fail.
const STUCK: &str = "create function public.refuse() returns trigger language plpgsql as \
                     $$ begin raise 'nobody removes anything here'; end $$; \
                     create trigger a_refusal before delete on outbox.subscription \
                     for each row execute function public.refuse()";

fn migrated(cluster: &Cluster, hint: &str) -> Database {
    let db = cluster.database(hint);
    let done = outboxd().run(&["migrate", "--database-url", &db.url()], &[]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    db
}

#[test]
fn a_relative_path_leads_the_guard_to_where_it_leads_dev() {
    let authority = Authority::new("dev authority");
    let cluster =
        Cluster::start(&ClusterOptions { ssl: Some(authority.server(&LOCAL)), ..ClusterOptions::default() });
    let db = cluster.database("dev_relative");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ca.crt"), authority.pem()).unwrap();
    let url = format!("{}?sslmode=verify-ca&sslrootcert=ca.crt", db.tcp_url());
    let start = || Playing::ready(outboxd().spawn_in(folder.path(), &["dev", "--database-url", &url], &[]));
    start().interrupt();
    assert_eq!(db.psql(ACTIVE), "");
    let playing = start();
    playing.process.signal("KILL");
    playing.process.wait(SOON);
    db.wait_until("select not exists (select from outbox.subscription where status <> 'gone')", SOON);
}

#[test]
fn what_the_environment_demands_of_a_connection_holds() {
    let db = shared().database("dev_demands");
    let process = outboxd().spawn(&["dev", "--database-url", &db.tcp_url()], &[("PGSSLMODE", "require")]);
    assert_eq!(process.wait(SOON), 1, "{:?}", process.lines());
    assert!(process.lines().iter().any(|line| line.contains("TLS")), "{:?}", process.lines());
    let environment = [("PGSSLMODE", "verify-full"), ("PGSSLROOTCERT", "/nowhere.crt")];
    let process = outboxd().spawn(&["dev", "--database-url", &db.tcp_url()], &environment);
    assert_eq!(process.wait(SOON), 2, "{:?}", process.lines());
    process.wait_for_line("PGSSLROOTCERT names a file that does not exist", SOON);
    assert_eq!(db.psql("select to_regnamespace('outbox') is null"), "t");
}

/// Its exit code, if it ends in time; killed otherwise.
fn ends(mut child: Child) -> Option<i32> {
    let process = child.id();
    let (told, end) = mpsc::channel();
    std::thread::spawn(move || told.send(child.wait()));
    let ended = end.recv_timeout(SOON);
    if ended.is_err() {
        crate::support::kill(process, "KILL");
    }
    ended.ok().and_then(|status| status.unwrap().code())
}

fn with_output(url: &str, output: Stdio) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outboxd"));
    command.args(["dev", "--database-url", url, "--show", "body"]).env_remove("DATABASE_URL");
    command.stdin(Stdio::null()).stdout(output).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_signal_ends_it_also_while_standard_output_takes_nothing() {
    let db = migrated(shared(), "dev_unread");
    let mut child = with_output(&db.url(), Stdio::piped());
    let unread = child.stdout.take();
    db.wait_until("select exists (select from outbox.subscription)", SOON);
    // Each is more than the pipe takes.
    db.psql(
        "select count(outbox.emit('outbox.ping', jsonb_build_object('text', repeat('x', 100000)))) \
         from generate_series(1, 30)",
    );
    db.wait_until("select count(*) >= 10 from outbox.attempt", SOON);
    assert!(crate::support::kill(child.id(), "INT"));
    assert_eq!(ends(child), Some(0));
    assert_eq!(db.psql(ACTIVE), "");
    drop(unread);
}

#[test]
fn output_that_cannot_be_written_ends_it_in_good_order() {
    let db = migrated(shared(), "dev_full");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    assert_eq!(ends(with_output(&db.url(), full.into())), Some(0));
    assert_eq!(db.psql(ACTIVE), "");
}

#[test]
fn where_the_schema_is_gone_nothing_is_left_to_remove() {
    let db = migrated(shared(), "dev_uninstalled");
    let playing = Playing::start(&["--database-url", &db.url()], &[]);
    let done = outboxd().run(&["uninstall", "--force", "--database-url", &db.url()], &[]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let asked = Instant::now();
    playing.interrupt();
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
    playing.process.wait_for_line("schema outbox is gone, and dev's subscription with it", SOON);
}

#[test]
fn a_removal_that_is_refused_is_told_soon_and_with_the_way_out() {
    let db = migrated(shared(), "dev_stuck");
    let playing = Playing::start(&["--database-url", &db.url()], &[]);
    let name = db.psql(ACTIVE);
    db.psql(STUCK);
    let asked = Instant::now();
    playing.process.signal("INT");
    assert_eq!(playing.process.wait(SOON), 1);
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
    let line = playing.process.wait_for_line("nobody removes anything here", SOON);
    let way_out = format!("delete from outbox.subscription where subscriber = '{name}'");
    assert!(line.contains(&way_out), "{line}");
    db.psql(&format!("drop trigger a_refusal on outbox.subscription; {way_out}"));
    assert_eq!(db.psql(ACTIVE), "");
}

#[test]
fn two_failures_are_both_told() {
    let db = migrated(shared(), "dev_two_failures");
    db.psql(STUCK);
    let output = outboxd().run(&["dev", "--database-url", &db.url(), "--watch", "nowhere"], &[]);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("outboxd: --watch nowhere: "), "{}", output.stderr);
    assert!(output.stderr.contains("nobody removes anything here"), "{}", output.stderr);
}

#[test]
fn at_the_end_it_waits_for_the_database_and_says_so() {
    let cluster = Cluster::start(&ClusterOptions::default());
    let db = migrated(&cluster, "dev_away");
    let playing = Playing::start(&["--database-url", &db.url()], &[]);
    let name = db.psql(ACTIVE);
    // Longer than it, and none of this one's.
    db.psql(&format!("select outbox.subscribe('{name}3', '*', 'https://localhost:1/')"));
    cluster.stop(StopMode::Fast);
    playing.process.signal("INT");
    playing.process.wait_for_line("waiting for the database", SOON);
    cluster.start_again();
    assert_eq!(playing.process.wait(SOON), 0, "{:?}", playing.process.lines());
    assert_eq!(db.psql(ACTIVE), format!("{name}3"));
}

#[test]
fn who_is_refused_has_changed_nothing() {
    let db = migrated(shared(), "dev_refused");
    db.psql(
        "select outbox.subscribe('outboxd-dev@far:1', '*', 'https://localhost:1/'); \
         select outbox.report_relay('prod 1', 'far', 1, '0', null)",
    );
    let refused = outboxd().run(&["dev", "--database-url", &db.url()], &[]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("relay prod 1 on far works on"), "{}", refused.stderr);
    assert_eq!(db.psql(ACTIVE), "outboxd-dev@far:1");

    db.psql("delete from outbox.relay; update outbox.setting set home = '1/1'");
    let refused = outboxd().run(&["dev", "--database-url", &db.url()], &[]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("is a copy of another"), "{}", refused.stderr);
    assert_eq!(db.psql(ACTIVE), "outboxd-dev@far:1");
}

#[test]
fn what_it_advises_can_be_done_there() {
    let db = migrated(shared(), "dev_advice");
    let playing = Playing::start(&["--database-url", &db.url()], &[]);
    let text = playing.process.lines().join("\n");
    assert!(text.contains("Nothing is watched yet"), "{text}");
    for wrong in ["--load", "create table", "outboxd listen --tls", "outboxd run --"] {
        assert!(!text.contains(wrong), "{wrong} in:\n{text}");
    }
    let name = db.psql(ACTIVE);
    playing.interrupt();
    // The row of the subscriber stays, whom past deliveries name.
    playing.process.wait_for_line(&format!("{name} stays in outbox.subscriber"), SOON);
    let kept = format!("select count(*) from outbox.subscriber s where s::text like '%{name}%'");
    assert_eq!(db.psql(&kept), "1");
}

#[test]
fn a_relay_that_comes_later_is_told() {
    let db = migrated(shared(), "dev_later_relay");
    let playing = Playing::start(&["--database-url", &db.url()], &[]);
    db.psql("select outbox.report_relay('prod 1', 'far', 1, '0', null)");
    playing.process.wait_for_line("relay prod 1 on far works on this database too", SOON);
    playing.interrupt();
}
