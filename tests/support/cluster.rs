//! A Postgres server for one test run: its own directory, its own ports, gone afterwards.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

pub use outboxd::throwaway::StopMode;
use outboxd::throwaway::{Account, Login, Options, Server, Surroundings, Tls};

use super::database::Database;
use super::pki::CertPair;

/// Names the directory of the server's programs; without it they are looked for.
const PROGRAMS: &str = "OUTBOXD_TEST_PG_BIN";

/// How a [`Cluster`] differs from the ordinary one.
#[derive(Clone, Default)]
pub struct ClusterOptions {
    /// Write through to the disk. Off by default: the tests kill servers, never machines.
    pub fsync: bool,
    /// Asks for a password over TCP, for who stays open while others are on the machine. The socket is in a private folder.
    pub password: bool,
    /// Further lines for `postgresql.conf`; the last one wins.
    pub conf: Vec<String>,
    /// Lines for `pg_hba.conf`. They come before the permissive defaults, so a test that wants a
    /// refusal adds a `reject` line. `postgres` over the socket is always let in.
    pub hba: Vec<String>,
    /// Offers TLS with this certificate.
    pub ssl: Option<CertPair>,
    /// With `ssl`: the authority for client certificates (`clientcert=…`, method `cert`).
    pub ssl_client_ca_pem: Option<String>,
}

/// A running Postgres. It stops and its directory goes when this value is dropped, and also when
/// the process ends in any other way.
pub struct Cluster {
    server: Server,
    psql: PathBuf,
    databases: AtomicU32,
}

/// The cluster all tests of one process share. Started by whoever asks first.
pub fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| Cluster::start(&ClusterOptions::default()))
}

impl Cluster {
    /// Makes a new cluster and starts it. Panics with the server's words when that fails.
    pub fn start(options: &ClusterOptions) -> Self {
        let surroundings = Surroundings::new(std::env::vars_os(), PROGRAMS);
        let server = Server::start(&surroundings, &settings(options)).unwrap_or_else(|why| panic!("{why}"));
        let psql = server.programs().client("psql").expect("psql is installed");
        Self { server, psql, databases: AtomicU32::new(0) }
    }

    /// The TCP port on 127.0.0.1, also part of the socket's name. Restarts keep it.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// The directory of the Unix socket.
    pub fn socket_dir(&self) -> PathBuf {
        self.server.socket_directory()
    }

    /// The directory that holds everything of this cluster.
    pub fn base_dir(&self) -> &Path {
        self.server.folder().path()
    }

    /// The account it belongs to when that is not ours.
    pub(super) fn owner(&self) -> Option<Account> {
        self.server.folder().account()
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// The path of a client (`psql`, `pg_dump`), which need not live with the server.
    pub fn bin(&self, name: &str) -> PathBuf {
        let found = self.server.programs().client(name);
        found.unwrap_or_else(|| panic!("{name} not found. Debian: `apt-get install postgresql-client`"))
    }

    /// The major version, such as 15.
    pub fn major_version(&self) -> u32 {
        let release = self.server.programs().release();
        let major: String = release.chars().take_while(char::is_ascii_digit).collect();
        major.parse().expect("a release begins with a number")
    }

    /// Stops the server and starts it again, on the same port and with its data.
    pub fn restart(&self, mode: StopMode) {
        self.stop(mode);
        self.start_again();
    }

    /// Stops the server; its data stay.
    pub fn stop(&self, mode: StopMode) {
        self.server.stop(mode).unwrap_or_else(|why| panic!("{why}"));
    }

    /// Starts a stopped server. Returns once it takes connections.
    pub fn start_again(&self) {
        self.server.start_again().unwrap_or_else(|why| panic!("{why}"));
    }

    /// A new, empty database owned by `postgres`; its name begins with the hint.
    pub fn database(&self, hint: &str) -> Database {
        self.create_database(hint, "postgres")
    }

    /// A new, empty database owned by an ordinary LOGIN role, which is made when it is not there
    /// yet. Roles belong to the whole cluster: tests that change one want a name of their own.
    pub fn database_owned_by(&self, role: &str) -> Database {
        self.admin().psql(&format!(
            "do $$ begin create role \"{role}\" login; \
             exception when duplicate_object or unique_violation then null; end $$"
        ));
        self.create_database(role, role)
    }

    /// The database every cluster has; for statements about roles and databases.
    pub fn admin(&self) -> Database {
        self.existing("postgres")
    }

    fn existing(&self, name: &str) -> Database {
        let passfile = self.server.passfile().map(Path::to_owned);
        Database::new(name, &self.socket_dir(), self.port(), passfile, self.psql.clone())
    }

    fn create_database(&self, hint: &str, owner: &str) -> Database {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let lowered = hint.to_ascii_lowercase();
        let stem: String =
            lowered.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(40).collect();
        let name = format!("{stem}_{number}");
        self.admin().psql(&format!("create database \"{name}\" owner \"{owner}\""));
        self.existing(&name)
    }
}

fn settings(options: &ClusterOptions) -> Options {
    let mut conf = vec![
        "max_connections = 200".to_owned(),
        format!("fsync = {}", if options.fsync { "on" } else { "off" }),
        "synchronous_commit = on".to_owned(),
        "timezone = 'UTC'".to_owned(),
        // Compiling takes a tenth of all the time that the tests take, and no test is about it.
        "jit = off".to_owned(),
        "log_line_prefix = '%m [%p] %u@%d %a '".to_owned(),
    ];
    conf.extend(options.conf.clone());
    let mut hba = vec!["local all postgres trust".to_owned()];
    hba.extend(options.hba.clone());
    let tls = options.ssl.as_ref().map(|pair| Tls {
        certificate: pair.cert_pem.clone(),
        key: pair.key_pem.clone(),
        client_ca: options.ssl_client_ca_pem.clone(),
    });
    let login = if options.password {
        Login::Password(Login::random_password().expect("/dev/urandom can be read"))
    } else {
        Login::Trust
    };
    Options { prefix: "outboxd-pg-".to_owned(), port: None, login, conf, hba, tls }
}
