//! What the tests of installing and removing share: the binary on a database, scripts for psql, dumps to
//! compare, and manifests of releases that do not exist yet.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use outboxd::conninfo::Conninfo;
use outboxd::database::{self, Connection};
use outboxd::schema::Manifest;
use outboxd::schema::manifest::{DEFINITIONS, MIGRATIONS, SqlFile};

use crate::catalogue;
use crate::support::{Cluster, Database, Outboxd, Output};

/// Longer than anything here takes.
pub(super) const SOON: Duration = Duration::from_secs(30);

/// The release under test.
pub(super) const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// The binary under test.
pub(super) fn outboxd() -> Outboxd {
    Outboxd::new(Path::new(env!("CARGO_BIN_EXE_outboxd")))
}

/// Runs the binary on a database, as the superuser.
pub(super) fn on(db: &Database, args: &[&str]) -> Output {
    on_as(db, "postgres", args)
}

/// Runs the binary on a database, as a role.
pub(super) fn on_as(db: &Database, role: &str, args: &[&str]) -> Output {
    outboxd().run(args, &[("DATABASE_URL", &db.url_as(role))])
}

/// A new database with the schema of this release.
#[track_caller]
pub(super) fn installed(cluster: &Cluster, hint: &str) -> Database {
    let db = cluster.database(hint);
    expect_code(0, &on(&db, &["migrate"]));
    db
}

/// Panics with all that was printed when a run ended otherwise.
#[track_caller]
pub(super) fn expect_code(code: i32, output: &Output) {
    assert_eq!(output.code, code, "stdout:\n{}\nstderr:\n{}", output.stdout, output.stderr);
}

/// Panics with the whole text when a piece is missing.
#[track_caller]
pub(super) fn expect_text(text: &str, piece: &str) {
    assert!(text.contains(piece), "{piece:?} is not in:\n{text}");
}

/// A session as the library opens it.
pub(super) async fn connect(db: &Database) -> Connection {
    connect_as(db, "postgres").await
}

/// A session as the library opens it, as a role.
pub(super) async fn connect_as(db: &Database, role: &str) -> Connection {
    let info = Conninfo::resolve(Some(&db.url_as(role)), &|_| None).unwrap();
    Box::pin(database::connect(&info, "test")).await.unwrap()
}

/// Applies a script as a DBA would, with psql and these options.
///
/// # Errors
/// What psql complained about.
pub(super) fn apply(cluster: &Cluster, url: &str, options: &[&str], script: &str) -> Result<(), String> {
    let mut command = Command::new(cluster.bin("psql"));
    // An encoding that is not the script's, as a DBA's terminal may have.
    command.env_clear().env("LC_ALL", "C").env("PGCLIENTENCODING", "LATIN1");
    command.args(["-X", "-q", "-d", url]).args(options).args(["-f", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut psql = command.spawn().unwrap();
    // psql stops reading at the first error.
    drop(psql.stdin.take().unwrap().write_all(script.as_bytes()));
    let output = psql.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(complaint) }
}

/// The options that the printed script asks for.
pub(super) const ONE_TRANSACTION: &[&str] = &["-v", "ON_ERROR_STOP=1", "-1"];

/// Whether there is a `pg_dump` here that takes this server.
pub(super) fn can_dump(cluster: &Cluster) -> bool {
    let output = Command::new(cluster.bin("pg_dump")).arg("--version").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let major = text.split(|c: char| !c.is_ascii_digit()).find(|number| !number.is_empty());
    let (major, server) = (major.and_then(|major| major.parse().ok()), cluster.major_version());
    major.is_some_and(|major: u32| major >= server)
}

/// As [`can_dump`], for a test that is nothing without. Says that it was left out, also where it counts as passed and
/// nothing of what it prints is shown.
pub(super) fn can_dump_or_says_so(cluster: &Cluster, test: &str) -> bool {
    let can = can_dump(cluster);
    if !can {
        let server = cluster.major_version();
        // Not by the macro, whose words a test that passes does not show.
        let words = format!("SKIPPED {test}: no pg_dump here is new enough for Postgres {server}\n");
        std::io::stderr().write_all(words.as_bytes()).unwrap();
    }
    can
}

/// `pg_dump` of a database, without what differs from run to run.
pub(super) fn dump(cluster: &Cluster, db: &Database, options: &[&str]) -> String {
    let mut command = Command::new(cluster.bin("pg_dump"));
    command.env_clear().env("LC_ALL", "C").args(options).args(["-d", &db.url()]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // Since the summer of 2025 each dump is guarded by a random key.
    let lines =
        text.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Every object of a database, to be compared with another.
pub(super) fn schema_of(cluster: &Cluster, db: &Database) -> String {
    if !can_dump(cluster) {
        return catalogue::objects(db);
    }
    dump(cluster, db, &["--schema-only"])
}

/// Every object and every row of a database, to be compared with another.
pub(super) fn everything_in(cluster: &Cluster, db: &Database) -> String {
    if !can_dump(cluster) {
        return catalogue::everything(db);
    }
    dump(cluster, db, &["--inserts"])
}

/// The definitions of this release, one of them edited.
pub(super) fn edited(path: &str, from: &str, to: &str) -> Vec<SqlFile<'static>> {
    let mut files = DEFINITIONS.to_vec();
    let file = files.iter_mut().find(|(name, _)| *name == path).unwrap();
    assert!(file.1.contains(from), "{path} does not contain {from:?}");
    file.1 = file.1.replace(from, to).leak();
    files
}

/// The migrations of this release and a further one.
pub(super) fn with_migration(sql: &'static str) -> Vec<SqlFile<'static>> {
    MIGRATIONS.iter().copied().chain([("V2__more", sql)]).collect()
}

/// The definitions of this release on other migrations.
pub(super) fn on_migrations<'a>(migrations: &'a [SqlFile<'a>]) -> Manifest<'a> {
    Manifest { migrations, definitions: DEFINITIONS }
}

/// Other definitions on the migrations of this release.
pub(super) fn with_definitions<'a>(definitions: &'a [SqlFile<'a>]) -> Manifest<'a> {
    Manifest { migrations: MIGRATIONS, definitions }
}

/// Nobody holds the installation lock of this database.
#[track_caller]
pub(super) fn assert_unlocked(db: &Database) {
    let held = "select count(*) from pg_locks l join pg_database d on d.oid = l.database
        where l.locktype = 'advisory' and d.datname = current_database()";
    assert_eq!(db.psql(held), "0");
}
