//! `outboxd dev`, as somebody meets it who has never heard of us.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::guard::{is_alive, wait_until};
use crate::installing::can_dump_or_says_so;
use crate::stage::{SOON, outboxd};
use crate::support::{Cluster, Database, RelayProcess, StopMode, run_command, shared};

/// Two sides of one moment: what `outboxd dev` printed before the first webhook, and the process.
pub(super) struct Playing {
    pub(super) process: RelayProcess,
    /// The line to join in by; empty in an existing database.
    pub(super) psql: String,
    pub(super) folder: PathBuf,
}

/// Whether the server has noticed that all who worked on the database have ended: each keeps a lock as long as its session lasts.
pub(super) const NO_SESSION: &str = "select not exists (select from pg_stat_activity
    where datname = current_database() and application_name like 'outboxd%')";

/// A place for temporary files that any account may use.
pub(super) fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    place
}

/// The folders that were made in a place.
pub(super) fn folders(place: &Path) -> Vec<PathBuf> {
    fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()).collect()
}

impl Playing {
    pub(super) fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut all = vec!["dev"];
        all.extend(arguments);
        Self::ready(outboxd().spawn(&all, environment))
    }

    /// Waits until it has said all it says before the first webhook.
    pub(super) fn ready(process: RelayProcess) -> Self {
        process.wait_for_line("Ctrl-C ends it", SOON);
        let lines = process.lines();
        let psql = lines.iter().find_map(|line| line.strip_prefix("  psql ")).unwrap_or_default().to_owned();
        let certificates = lines.iter().find_map(|line| line.strip_prefix("Certificates, until the end: "));
        let folder = Path::new(certificates.unwrap()).parent().unwrap().to_owned();
        assert!(folder.join("certificates/receiver/tls.crt").is_file());
        Self { process, psql, folder }
    }

    /// Runs statements as somebody does who has pasted the line into a shell.
    pub(super) fn sql(&self, sql: &str) -> String {
        let psql = shared().bin("psql");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{} {} -X -qAt -v ON_ERROR_STOP=1", psql.display(), self.psql)]);
        let output = run_command(command, sql, SOON);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    pub(super) fn port(&self) -> u16 {
        let (_, after_host) = self.psql.split_once("@127.0.0.1:").unwrap();
        after_host.split_once('/').unwrap().0.parse().unwrap()
    }

    /// The first process of the server.
    pub(super) fn postmaster(&self) -> u32 {
        let file = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        file.lines().next().unwrap().parse().unwrap()
    }

    pub(super) fn interrupt(&self) {
        self.process.signal("INT");
        assert_eq!(self.process.wait(SOON), 0, "{:?}", self.process.lines());
    }

    fn last_line(&self) -> String {
        self.process.lines().pop().unwrap()
    }
}

/// Neither server nor folder.
#[track_caller]
fn nothing_left(port: u16, postmaster: u32, folder: &Path) {
    assert!(!folder.exists(), "{} is still there", folder.display());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "something listens on {port}");
    wait_until("the server is gone", || !is_alive(postmaster));
}

#[test]
fn a_newcomer_sees_their_own_change_arrive_and_leaves_nothing_behind() {
    let playing = Playing::start(&[], &[]);
    let (port, postmaster) = (playing.port(), playing.postmaster());
    let lines = playing.process.lines();
    let first = lines.iter().position(|line| line.starts_with("Nothing is watched yet")).unwrap();
    // The three lines, as they are.
    playing.sql(&lines[first + 1..first + 4].join("\n"));
    playing.process.wait_for_line("verified Order.Create Order 1, ", SOON);
    playing.sql("begin; insert into orders values (2, 'never'); rollback; update orders set status = 'paid'");
    let line = playing.process.wait_for_line("verified Order.Update Order 1, ", SOON);
    assert!(
        line.contains("ms old, from outboxd dev, answered 200: {\"id\": 1, \"status\": \"paid\"}"),
        "{line}"
    );
    // Ordered after the rolled-back one: it would have come by now.
    assert!(!playing.process.lines().iter().any(|line| line.contains("Order 2")));
    let of_all = playing
        .sql("select subscriber, status from outbox.subscription; select count(*) from outbox.delivery");
    assert_eq!(of_all, "dev|active\n0");
    // A type that was unknown when dev subscribed to *.
    playing.sql("select outbox.define_event_type('Late.One'); select outbox.emit('Late.One', '{}')");
    playing.process.wait_for_line("verified Late.One", SOON);

    playing.interrupt();
    assert_eq!(
        playing.last_line(),
        "3 webhooks, 3 verified; Postgres, its data and the certificates are gone"
    );
    nothing_left(port, postmaster, &playing.folder);
}

#[test]
fn nobody_gets_in_without_the_password() {
    let playing = Playing::start(&[], &[]);
    let open = format!("postgres://postgres@127.0.0.1:{}/postgres", playing.port());
    let output = Command::new(shared().bin("psql"))
        .args(["-X", "-w", "-c", "select 1", "-d", &open])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("no password supplied"), "{said}");
    // Nor does it stand in the line, which is among the arguments of a process while it is used.
    let (_, passfile) = playing.psql.trim_end_matches('\'').split_once("?passfile=").unwrap();
    let kept = fs::read_to_string(passfile).unwrap();
    let password = kept.trim_end().rsplit(':').next().unwrap();
    assert!(password.len() >= 32 && !playing.process.lines().join("\n").contains(password));
    for private in [Path::new(passfile), &playing.folder] {
        let mode = fs::metadata(private).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} {mode:o}", private.display());
    }
    // Our own commands take the line's URL too.
    let url = playing.psql.trim_matches('\'');
    let done = outboxd().run(&["migrate", "--database-url", url], &[]);
    assert_eq!(done.code, 0, "{}", done.stderr);
}

#[test]
fn what_the_environment_says_of_databases_is_not_used() {
    let db = shared().database("dev_environment");
    let url = db.url();
    let (host, port) = (shared().socket_dir().display().to_string(), shared().port().to_string());
    let environment =
        [("DATABASE_URL", url.as_str()), ("PGHOST", &host), ("PGPORT", &port), ("PGDATABASE", db.name())];
    let playing = Playing::start(&[], &environment);
    assert_eq!(
        playing.process.lines()[0],
        "DATABASE_URL, PGDATABASE, PGHOST, PGPORT are set and not used: only --database-url names a database for dev"
    );
    assert_eq!(playing.sql("select to_regclass('outbox.event') is not null"), "t");
    playing.interrupt();
    assert_eq!(db.psql("select to_regnamespace('outbox') is null"), "t");
}

#[test]
fn without_programs_it_says_what_to_install_and_an_empty_path_is_no_obstacle() {
    let output = outboxd().run(&["dev"], &[("OUTBOXD_PG_BIN", "/nowhere")]);
    assert_eq!(output.code, 1);
    assert!(
        output.stderr.starts_with("outboxd: OUTBOXD_PG_BIN is /nowhere, but there is no initdb"),
        "{}",
        output.stderr
    );
    let psql = shared().bin("psql");
    let beside = psql.parent().unwrap();
    if beside.join("initdb").is_file() {
        let playing = Playing::start(&[], &[("PATH", ""), ("OUTBOXD_PG_BIN", beside.to_str().unwrap())]);
        playing.interrupt();
    }
}

#[test]
fn a_port_that_is_taken_is_told_before_anything_is_made() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let place = place();
    let output = outboxd().run(&["dev", "--port", &port], &[("TMPDIR", place.path().to_str().unwrap())]);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains(&format!("port {port} of 127.0.0.1 cannot be used")), "{}", output.stderr);
    assert_eq!(folders(place.path()), [] as [PathBuf; 0]);
}

#[test]
fn a_file_that_cannot_be_loaded_is_told_in_psqls_words() {
    let place = place();
    let file = place.path().join("bad.sql");
    fs::write(&file, "create table fine (id integer primary key);\nselect * from nowhere;\n").unwrap();
    let file_name = file.to_str().unwrap();
    let output = outboxd()
        .run(&["dev", "--load", file_name, "--watch-all"], &[("TMPDIR", place.path().to_str().unwrap())]);
    assert_eq!(output.code, 1, "{}", output.stdout);
    assert!(
        output.stderr.contains(&format!("psql:{file_name}:2: ERROR:  relation \"nowhere\" does not exist"))
    );
    assert_eq!(folders(place.path()), [file]);
    let output = outboxd().run(&["dev", "--watch", "nowhere"], &[]);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("--watch nowhere: "), "{}", output.stderr);
    assert!(output.stderr.contains("relation \"nowhere\" does not exist"), "{}", output.stderr);
    let output = outboxd().run(&["dev", "--port", "x", "--show", "all"], &[]);
    assert_eq!(output.code, 2);
    assert_eq!(output.stderr.lines().count(), 2, "{}", output.stderr);
}

/// A schema with everything in it that is in the way.
const ODD: &str = "
create table orders (id integer primary key, note text);
create table order_lines (\"order\" integer, line integer, primary key (\"order\", line));
create table \"Odd \"\"Table\"\" 'x'\" (\"The Id\" uuid primary key default gen_random_uuid());
create table no_key (a text);
create table parts (id integer primary key) partition by range (id);
create table parts_1 partition of parts for values from (0) to (9);
create table parent (id integer primary key);
create table child () inherits (parent);
create view orders_view as select * from orders;
create schema archive;
create table archive.orders (id integer primary key);
create table \"日本\" (id integer primary key);
insert into orders values (1, 'from the dump');
";

#[test]
fn a_dump_is_loaded_and_all_that_can_be_is_watched() {
    if !can_dump_or_says_so(shared(), "loading a dump into dev") {
        return;
    }
    let db = shared().database("dev_odd");
    db.psql(ODD);
    let files = tempfile::tempdir().unwrap();
    let dump = files.path().join("shop.dump");
    let made = Command::new(shared().bin("pg_dump"))
        .args(["-Fc", "-d", &db.url(), "-f"])
        .arg(&dump)
        .stdin(Stdio::null())
        .status();
    assert!(made.unwrap().success());
    let more = files.path().join("more.sql");
    fs::write(&more, "create table people (id integer primary key)").unwrap();
    let (dump, more) = (dump.to_str().unwrap(), more.to_str().unwrap());
    let playing = Playing::start(
        &["--load", dump, "--load", more, "--watch", "people=Person", "--watch-all", "--show", "body"],
        &[],
    );
    let text = playing.process.lines().join("\n");
    for line in [
        "\n  select outbox.watch('people', 'Person');",
        "\n  select outbox.watch('archive.orders', 'Order');",
        "\n  select outbox.watch('order_lines', 'OrderLine');",
        "\n  select outbox.watch('\"Odd \"\"Table\"\" ''x''\"', 'OddTableX');",
        "\n  no_key: it has no primary key: select outbox.watch('no_key', 'Name', id => ",
        "\n  select outbox.watch('parts', 'Part');",
        "\n  select outbox.watch('parent', 'Parent');",
        "\n  child: it inherits from parent, whose watch is for its rows too",
        "\n  orders: Order is what archive.orders is called: --watch 'orders=Name' gives it a name of its own",
        "\n  \"日本\": its name makes no object",
    ] {
        assert!(text.contains(line), "{line}\nin:\n{text}");
    }
    assert!(
        !text.contains("parts_1") && !text.contains("orders_view") && !text.contains("Nothing is watched")
    );
    playing
        .sql("insert into \"Odd \"\"Table\"\" 'x'\" default values; insert into order_lines values (7, 1)");
    playing.process.wait_for_line("verified OddTableX.Create OddTableX", SOON);
    playing.process.wait_for_line("verified OrderLine.Create OrderLine [7, 1]", SOON);
    playing.interrupt();
    assert!(playing.last_line().starts_with("2 webhooks, 2 verified"), "the dump's own rows are no news");
}

#[test]
fn answers_are_as_asked_for_and_failures_come_again() {
    let playing = Playing::start(&["--answer", "503,200"], &[]);
    playing.sql("select outbox.emit('outbox.ping', '{}')");
    playing.process.wait_for_line("answered 503", SOON);
    let line = playing.process.wait_for_line("answered 200", SOON);
    assert!(line.contains("again"), "{line}");
    playing.interrupt();
    assert!(playing.last_line().starts_with("2 webhooks, 2 verified"), "{:?}", playing.process.lines());
}

#[test]
fn two_at_once_do_not_meet() {
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| Playing::start(&[], &[]));
        let two = scope.spawn(|| Playing::start(&[], &[]));
        (one.join().unwrap(), two.join().unwrap())
    });
    assert_ne!(one.port(), two.port());
    one.sql("select outbox.emit('outbox.ping', '{\"n\": 1}')");
    one.process.wait_for_line("verified outbox.ping", SOON);
    one.interrupt();
    two.sql("select outbox.emit('outbox.ping', '{\"n\": 2}')");
    two.process.wait_for_line("verified outbox.ping", SOON);
    two.interrupt();
    assert!(two.last_line().starts_with("1 webhook, 1 verified"), "{:?}", two.process.lines());
}

#[test]
fn when_its_postgres_is_killed_it_says_so_and_cleans_up() {
    let playing = Playing::start(&[], &[]);
    let (port, postmaster) = (playing.port(), playing.postmaster());
    crate::support::kill(postmaster, "KILL");
    assert_eq!(playing.process.wait(SOON), 1);
    playing.process.wait_for_line("the throw-away Postgres has ended; its last words:", SOON);
    nothing_left(port, postmaster, &playing.folder);
}

/// A crash of one session makes Postgres start all of them anew: that is no end.
#[test]
fn a_server_that_recovers_is_waited_for() {
    let playing = Playing::start(&[], &[]);
    let backend: u32 = playing
        .sql("select pid from pg_stat_activity where application_name = 'outboxd dev' and backend_type = 'client backend'")
        .lines()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    crate::support::kill(backend, "KILL");
    let cluster = playing.psql.clone();
    let up = format!(
        "until psql {cluster} -X -qAt -c \"select outbox.emit('outbox.ping', '{{}}')\" 2>/dev/null; do :; done"
    );
    assert!(Command::new("sh").args(["-c", &up]).stdout(Stdio::null()).status().unwrap().success());
    playing.process.wait_for_line("verified outbox.ping", SOON);
    playing.interrupt();
}

#[test]
fn a_reader_who_goes_away_ends_it_quietly() {
    let db = shared().database("dev_reader");
    let (binary, url) = (env!("CARGO_BIN_EXE_outboxd"), db.url());
    let script = format!("{binary} dev --database-url '{url}' --answer 503 | grep -m 1 verified");
    let reader = std::thread::spawn(move || {
        let mut command = Command::new("sh");
        command.args(["-c", &script]);
        run_command(command, "", SOON * 2)
    });
    db.wait_until("select to_regclass('outbox.subscription') is not null", SOON);
    db.wait_until("select exists (select from outbox.subscription)", SOON);
    // It fails and comes again, which is the line that nobody reads.
    db.psql("select outbox.emit('outbox.ping', '{}')");
    let output = reader.join().unwrap();
    assert!(output.status.success(), "{output:?}");
    // The relay may have warned of what failed; nothing else is worth a word.
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.lines().all(|line| line.contains("WARN failed, will retry")), "{said}");
    assert_eq!(
        db.psql("select status from outbox.subscription; select count(*) from outbox.delivery"),
        "gone\n0"
    );
}

/// A database with a watched table, and nobody else.
fn migrated(cluster: &Cluster, hint: &str) -> Database {
    let db = cluster.database(hint);
    let done = outboxd().run(&["migrate", "--database-url", &db.url()], &[]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    db
}

#[test]
fn in_an_existing_database_schema_and_watches_stay_and_the_rest_goes() {
    let db = shared().database("dev_existing");
    db.psql("create table orders (id integer primary key)");
    let url = db.url();
    let playing = Playing::start(&["--database-url", &url, "--watch", "orders"], &[]);
    playing.process.wait_for_line("applied V1__outbox", SOON);
    assert_eq!(playing.psql, "");
    let name = db.psql("select subscriber from outbox.subscription");
    assert!(name.starts_with("outboxd-dev@") && name.ends_with(&playing.process.pid().to_string()), "{name}");
    db.psql("insert into orders values (1)");
    playing.process.wait_for_line("verified Order.Create Order 1", SOON);

    let refused = outboxd().run(&["dev", "--database-url", &url], &[]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("another `outboxd dev` works on this database"), "{}", refused.stderr);

    playing.interrupt();
    let last = playing.last_line();
    assert!(last.contains(&format!("subscription {name} and its 0 open deliveries")), "{last}");
    assert!(last.contains("outboxd uninstall"), "{last}");
    assert!(!playing.folder.exists());
    let left = "select (select count(*) from outbox.subscription where status <> 'gone'), \
                (select count(*) from outbox.relay), (select count(*) from outbox.delivery), (select count(*) from outbox.watch)";
    assert_eq!(db.psql(left), "0|0|0|1");
    // Again: what it left is no relay.
    db.wait_until(NO_SESSION, SOON);
    Playing::start(&["--database-url", &url], &[]).interrupt();
}

/// What Postgres says, and what to do, stands there once.
#[test]
fn what_cannot_be_watched_is_told_once() {
    let db = migrated(shared(), "dev_unwatchable");
    db.psql("create view v as select 1 as id");
    let refused = outboxd().run(&["dev", "--database-url", &db.url(), "--watch", "v"], &[]);
    assert_eq!(
        (refused.code, refused.stderr.matches("cannot be watched").count()),
        (1, 1),
        "{}",
        refused.stderr
    );
    assert!(!refused.stderr.contains("db error"), "{}", refused.stderr);
}

#[test]
fn other_relays_and_other_subscriptions_are_left_alone() {
    let db = migrated(shared(), "dev_others");
    let url = db.url();
    db.psql("select outbox.subscribe('acme', '*', 'https://acme.example/secret-path')");
    db.psql("select outbox.report_relay('prod 1', 'far', 1, '0', null)");
    let refused = outboxd().run(&["dev", "--database-url", &url], &[]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("relay prod 1 on far works on this database (seen "),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("outboxd listen"), "{}", refused.stderr);

    db.psql("update outbox.relay set last_seen_at = last_seen_at - interval '31 s'");
    let refused = outboxd().run(&["dev", "--database-url", &url], &[]);
    assert_eq!(refused.code, 1);
    let text = refused.stderr;
    assert!(
        text.contains("\n  1: acme * to https://acme.example\n") && text.contains("--deliver-all"),
        "{text}"
    );
    assert_eq!(
        db.psql("select count(*) from outbox.subscription; select count(*) from outbox.relay"),
        "1\n1"
    );

    db.psql("update outbox.subscription set status = 'paused'");
    Playing::start(&["--database-url", &url], &[]).interrupt();
    db.psql("update outbox.subscription set status = 'active' where id = 1");
    db.wait_until(NO_SESSION, SOON);
    Playing::start(&["--database-url", &url, "--deliver-all"], &[]).interrupt();
    assert_eq!(db.psql("select status from outbox.subscription where id = 1"), "active");
}

#[test]
fn a_copy_is_refused_in_the_words_of_the_relay() {
    let db = migrated(shared(), "dev_copy");
    db.psql("update outbox.setting set home = '1/1'");
    let refused = outboxd().run(&["dev", "--database-url", &db.url()], &[]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("is a copy of another"), "{}", refused.stderr);
    assert_eq!(db.psql("select count(*) from outbox.subscription"), "0");
}

#[test]
fn an_existing_database_that_restarts_is_waited_for() {
    let cluster = Cluster::start(&crate::support::ClusterOptions::default());
    let db = migrated(&cluster, "dev_restart");
    let playing = Playing::start(&["--database-url", &db.url()], &[]);
    cluster.restart(StopMode::Fast);
    // The lock is taken again, so nobody else develops here.
    db.wait_until(
        "select count(*) = 1 from pg_locks where locktype = 'advisory' and objid = 1870160897",
        SOON,
    );
    db.psql("select outbox.emit('outbox.ping', '{}')");
    playing.process.wait_for_line("verified outbox.ping", SOON);
    playing.interrupt();
    assert_eq!(db.psql("select count(*) from outbox.subscription where status <> 'gone'"), "0");
}
