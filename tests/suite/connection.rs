//! Connection settings against real servers: what libpq's users expect, checked beside psql where nothing differs.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use outboxd::conninfo::Conninfo;
use outboxd::database::{self, explain};
use tempfile::TempDir;

use crate::support::{Authority, Cluster, ClusterOptions, shared, write_identity};

/// A server with TLS, whose certificate is for `db.test`, and two files of authorities: its own and another one.
struct Tls {
    cluster: Cluster,
    files: TempDir,
}

fn tls() -> &'static Tls {
    static TLS: OnceLock<Tls> = OnceLock::new();
    TLS.get_or_init(|| {
        let (right, wrong) = (Authority::new("right"), Authority::new("wrong"));
        let hba =
            ["hostssl all certain all cert", "host all scrammed all scram-sha-256", "host all all all trust"];
        let cluster = Cluster::start(&ClusterOptions {
            ssl: Some(right.server(&["db.test"])),
            ssl_client_ca_pem: Some(right.pem()),
            conf: vec!["listen_addresses = '*'".to_owned()],
            hba: hba.map(str::to_owned).to_vec(),
            ..ClusterOptions::default()
        });
        cluster.admin().psql("create role certain login; create role scrammed login password 'right one'");
        let files = tempfile::tempdir().unwrap();
        write_identity(files.path(), "right", Some(&right.client("certain")), Some(&right.pem()));
        write_identity(files.path(), "wrong", Some(&wrong.client("certain")), Some(&wrong.pem()));
        Tls { cluster, files }
    })
}

impl Tls {
    fn file(&self, identity: &str, name: &str) -> PathBuf {
        self.files.path().join(identity).join(name)
    }

    /// Settings with the right and the wrong authority and the port put in.
    fn fill(&self, settings: &str) -> String {
        let port = self.cluster.port().to_string();
        let file = |name| format!("sslrootcert={}", self.file(name, "ca.crt").display());
        let filled = settings.replace("RIGHT", &file("right")).replace("WRONG", &file("wrong"));
        format!("user=postgres dbname=postgres port={port} {filled}")
    }
}

/// `t` or `f` for a session with or without TLS, or why there is none.
async fn ours(settings: &str) -> Result<String, String> {
    let info = Conninfo::resolve(Some(settings), &|_| None).map_err(|found| found.to_string())?;
    let connection = Box::pin(database::connect(&info, "test")).await.map_err(|error| error.to_string())?;
    let ssl = "select ssl::text from pg_stat_ssl where pid = pg_backend_pid()";
    let row = connection.client.query_one(ssl, &[]).await.map_err(|error| explain(&error))?;
    Ok(row.get::<_, String>(0)[..1].to_owned())
}

/// The same by psql, which is libpq.
fn libpq(cluster: &Cluster, settings: &str) -> Result<String, String> {
    let mut psql = Command::new(cluster.bin("psql"));
    psql.env_clear().env("LC_ALL", "C").env("HOME", "/nonexistent");
    psql.args([
        "-X",
        "-qAt",
        "-c",
        "select ssl from pg_stat_ssl where pid = pg_backend_pid()",
        "-d",
        settings,
    ]);
    let output = psql.output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What a set of settings leads to.
enum Expected {
    Encrypted,
    Plain,
    Refused(&'static str),
}

use Expected::{Encrypted, Plain, Refused};

async fn expect(cluster: &Cluster, settings: &str, expected: &Expected, as_libpq: bool) {
    let found = ours(settings).await;
    match expected {
        Encrypted => assert_eq!(found.as_deref(), Ok("t"), "{settings}"),
        Plain => assert_eq!(found.as_deref(), Ok("f"), "{settings}"),
        Refused(why) => {
            let refusal = found.clone().expect_err(settings);
            assert!(refusal.contains(why), "{settings}\n{why:?} is not in {refusal:?}");
        }
    }
    let psql = libpq(cluster, settings);
    let alike = psql.as_ref().ok() == found.as_ref().ok();
    assert_eq!(alike, as_libpq, "{settings}\nours: {found:?}\npsql: {psql:?}");
}

#[tokio::test]
async fn every_sslmode_means_what_it_means_to_libpq() {
    const UNKNOWN: &str =
        "check that the server's certificate is valid today and that sslrootcert holds its authority";
    const MISNAMED: &str = "the server's certificate is for another name";
    let by_name = "host=db.test hostaddr=127.0.0.1";
    let cases = [
        (by_name, "sslmode=disable", Plain),
        (by_name, "sslmode=disable RIGHT", Plain),
        (by_name, "sslmode=prefer", Encrypted),
        (by_name, "sslmode=allow sslcompression=0", Encrypted),
        (by_name, "sslmode=require", Encrypted),
        (by_name, "sslmode=require RIGHT", Encrypted),
        (by_name, "sslmode=require WRONG", Refused(UNKNOWN)),
        (by_name, "sslmode=verify-ca RIGHT", Encrypted),
        (by_name, "sslmode=verify-ca WRONG", Refused(UNKNOWN)),
        (by_name, "sslmode=verify-full RIGHT", Encrypted),
        (by_name, "sslmode=verify-full WRONG", Refused(UNKNOWN)),
        ("host=127.0.0.1", "sslmode=disable", Plain),
        ("host=127.0.0.1", "sslmode=prefer", Encrypted),
        ("host=127.0.0.1", "sslmode=require", Encrypted),
        ("host=127.0.0.1", "sslmode=require WRONG", Refused(UNKNOWN)),
        ("host=127.0.0.1", "sslmode=verify-ca RIGHT", Encrypted),
        ("host=127.0.0.1", "sslmode=verify-ca WRONG", Refused(UNKNOWN)),
        ("host=127.0.0.1", "sslmode=verify-full RIGHT", Refused(MISNAMED)),
        ("host=other.test hostaddr=127.0.0.1", "sslmode=verify-full RIGHT", Refused(MISNAMED)),
        ("host=other.test hostaddr=127.0.0.1", "sslmode=verify-ca RIGHT", Encrypted),
        (
            by_name,
            "sslmode=verify-full",
            Refused("give sslrootcert=FILE (the certificate authority of the server)"),
        ),
        (
            by_name,
            "sslmode=verify-ca",
            Refused("asks for verification, but there is nothing to verify against"),
        ),
        (
            by_name,
            "sslmode=verify-full sslrootcert=/nonexistent",
            Refused("sslrootcert names a file that does not exist"),
        ),
    ];
    let server = tls();
    for (host, settings, expected) in &cases {
        // libpq tries `allow` in the other order: plaintext first.
        let as_libpq = !settings.contains("allow");
        let settings = server.fill(&format!("{host} {settings}"));
        expect(&server.cluster, &settings, expected, as_libpq).await;
    }
}

#[tokio::test]
async fn a_server_without_tls_is_spoken_to_only_when_that_was_asked_for() {
    const NO_TLS: &str = "turn on ssl in the server, or set sslmode=disable";
    let off_host = "host=db.test hostaddr=127.0.0.1";
    let socket = format!("host={}", shared().socket_dir().display());
    let cases = [
        ("host=127.0.0.1", "", Plain),
        ("host=127.0.0.1", "sslmode=disable", Plain),
        ("host=127.0.0.1", "sslmode=prefer", Plain),
        ("host=127.0.0.1", "sslmode=require", Refused(NO_TLS)),
        ("host=127.0.0.1", "RIGHT", Refused(NO_TLS)),
        (off_host, "sslmode=verify-ca RIGHT", Refused(NO_TLS)),
        (off_host, "sslmode=verify-full RIGHT", Refused(NO_TLS)),
        // Sockets have no TLS and nobody in between.
        (&socket, "", Plain),
        (&socket, "sslmode=require", Plain),
        (&socket, "sslmode=verify-full RIGHT", Plain),
    ];
    for (host, settings, expected) in &cases {
        // A root that is named is meant: libpq would send the password in plaintext all the same.
        let as_libpq = *settings != "RIGHT";
        let settings = tls().fill(&format!("{host} {settings} port={}", shared().port()));
        expect(shared(), &settings, expected, as_libpq).await;
    }
}

/// libpq's default gives way to plaintext whenever the other side, or somebody in between, says it has no TLS.
#[tokio::test]
async fn without_sslmode_another_machine_is_spoken_to_over_tls_or_not_at_all() {
    // An address that leads here without being a loopback address.
    let (server, elsewhere) = (tls(), "host=db.test hostaddr=0.0.0.0");
    let (with_tls, without) = (&server.cluster, shared());
    let cases = [
        (with_tls, "", Encrypted, true),
        (with_tls, "RIGHT", Encrypted, true),
        // libpq then logs in over plaintext.
        (with_tls, "WRONG", Refused("certificate verify failed"), false),
        (with_tls, "sslmode=disable", Plain, true),
        (without, "", Refused("turn on ssl in the server, or set sslmode=disable"), false),
        (without, "sslmode=prefer", Plain, true),
    ];
    for (cluster, settings, expected, as_libpq) in &cases {
        let settings = server.fill(&format!("{elsewhere} {settings} port={}", cluster.port()));
        expect(cluster, &settings, expected, *as_libpq).await;
    }
}

#[tokio::test]
async fn a_client_certificate_logs_in_and_another_authoritys_does_not() {
    let server = tls();
    let pair = |name: &str| {
        let (cert, key) = (server.file(name, "tls.crt"), server.file(name, "tls.key"));
        format!("user=certain sslcert={} sslkey={}", cert.display(), key.display())
    };
    let base = server.fill("host=db.test hostaddr=127.0.0.1 sslmode=verify-full RIGHT");
    let cases = [
        (pair("right"), Encrypted),
        (pair("wrong"), Refused("cannot connect to db.test")),
        ("user=certain".to_owned(), Refused("28000")),
        (
            format!("user=certain sslcert={}", server.file("right", "tls.crt").display()),
            Refused("give sslkey as well"),
        ),
    ];
    for (identity, expected) in &cases {
        expect(&server.cluster, &format!("{base} {identity}"), expected, true).await;
    }
}

#[tokio::test]
async fn channel_binding_can_be_demanded() {
    let cases = [
        ("sslmode=require channel_binding=require", Encrypted),
        ("sslmode=disable channel_binding=prefer", Plain),
        ("sslmode=disable channel_binding=require", Refused("channel binding")),
    ];
    for (settings, expected) in &cases {
        let settings = tls().fill(&format!("host=127.0.0.1 user=scrammed password='right one' {settings}"));
        expect(&tls().cluster, &settings, expected, true).await;
    }
}
