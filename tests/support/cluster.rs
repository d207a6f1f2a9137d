//! A Postgres server for one test run: its own directory, its own ports, gone afterwards.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use super::account::{Owner, give_to, open_to_everybody, run_as, unprivileged_account};
use super::database::Database;
use super::pki::CertPair;
use super::programs::{find_program, server_bin_dir};
use super::{lock, net, process};

/// How long `initdb`, a start or a stop may take: generous, since a laden CI machine is slow.
const SERVER_TIMEOUT: Duration = Duration::from_secs(90);

/// How often another port is tried when the server does not come up on the first.
const START_ATTEMPTS: u32 = 3;

/// The longest directory that leaves room for `/outboxd-pg-XXXXXX/s/.s.PGSQL.NNNNN` in the roughly
/// hundred bytes a Unix socket address may have.
const TEMP_DIR_LENGTH_MAX: usize = 60;

/// What the watcher does once nobody holds the other end of its input: stop the server, remove its
/// directory. The second and third round are for a server that was being made when we were killed.
const WATCHER: &str = r#"
trap '' HUP INT TERM
read -r line
"$1" stop -D "$2/data" -m immediate -t 20 || kill -9 "$(head -n 1 "$2/data/postmaster.pid")"
rm -rf "$2" && test ! -e "$2" && exit
for round in 1 2; do sleep 1; rm -rf "$2"; done
"#;

/// How a [`Cluster`] differs from the ordinary one.
#[derive(Clone, Default)]
pub struct ClusterOptions {
    /// Write through to the disk. Off by default: the tests kill servers, never machines.
    pub fsync: bool,
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

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopMode {
    /// As a crash: every process is killed, the next start recovers from the log.
    Immediate,
    /// Orderly: sessions are cut off, then a checkpoint is written.
    Fast,
}

/// A running Postgres. It stops and its directory goes when this value is dropped, and also when
/// the process ends in any other way: a watching shell notices that the process let go of a pipe.
pub struct Cluster {
    bin_dir: PathBuf,
    psql: PathBuf,
    base: PathBuf,
    port: u16,
    owner: Option<Owner>,
    databases: AtomicU32,
    watcher: Mutex<Child>,
}

/// The cluster all tests of one process share. Started by whoever asks first.
pub fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| Cluster::start(&ClusterOptions::default()))
}

impl Cluster {
    /// Makes a new cluster and starts it. Panics with the server's words when that fails.
    pub fn start(options: &ClusterOptions) -> Self {
        let bin_dir = server_bin_dir();
        let (base, owner) = make_base();
        let watcher = watch(&bin_dir, &base, owner);
        let mut cluster = Self {
            psql: find_program(&bin_dir, "psql"),
            bin_dir,
            base,
            port: 0,
            owner,
            databases: AtomicU32::new(0),
            watcher: Mutex::new(watcher),
        };
        cluster.initialise();
        cluster.configure(options);
        for attempt in 1.. {
            // The port is ours until the probe is dropped; another process may take it in between.
            cluster.port = net::port_of(&net::listen());
            cluster.append("postgresql.conf", &format!("port = {}\n", cluster.port));
            match cluster.try_start() {
                Ok(()) => break,
                Err(log) => assert!(attempt < START_ATTEMPTS, "Postgres does not start:\n{log}"),
            }
        }
        cluster
    }

    /// The TCP port on 127.0.0.1, also part of the socket's name. Restarts keep it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory of the Unix socket.
    pub fn socket_dir(&self) -> PathBuf {
        self.base.join("s")
    }

    /// The directory that holds everything of this cluster.
    pub fn base_dir(&self) -> &Path {
        &self.base
    }

    /// The account it belongs to when that is not ours.
    pub(super) fn owner(&self) -> Option<Owner> {
        self.owner
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.base.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The path of a Postgres program. Clients (`psql`, `pg_dump`) need not live with the server.
    pub fn bin(&self, name: &str) -> PathBuf {
        find_program(&self.bin_dir, name)
    }

    /// The major version, such as 15.
    pub fn major_version(&self) -> u32 {
        let text = fs::read_to_string(self.base.join("data/PG_VERSION")).expect("PG_VERSION is readable");
        text.trim().parse().expect("PG_VERSION is a number")
    }

    /// Stops the server and starts it again, on the same port and with its data.
    pub fn restart(&self, mode: StopMode) {
        self.stop(mode);
        self.start_again();
    }

    /// Stops the server; its data stay.
    pub fn stop(&self, mode: StopMode) {
        let mode = match mode {
            StopMode::Immediate => "immediate",
            StopMode::Fast => "fast",
        };
        let output = self.server_program("pg_ctl", &["stop", "-w", "-t", "60", "-m", mode]);
        assert!(output.status.success(), "Postgres does not stop: {}\n{}", text_of(&output), self.log());
    }

    /// Starts a stopped server. Returns once it takes connections.
    pub fn start_again(&self) {
        if let Err(log) = self.try_start() {
            panic!("Postgres does not start again:\n{log}");
        }
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
        Database::new("postgres", &self.socket_dir(), self.port, self.psql.clone())
    }

    fn create_database(&self, hint: &str, owner: &str) -> Database {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let lowered = hint.to_ascii_lowercase();
        let stem: String =
            lowered.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(40).collect();
        let name = format!("{stem}_{number}");
        self.admin().psql(&format!("create database \"{name}\" owner \"{owner}\""));
        Database::new(&name, &self.socket_dir(), self.port, self.psql.clone())
    }

    fn initialise(&self) {
        let mut failures = String::new();
        // C.UTF-8 sorts as C does and knows letters; not every system has it.
        for locale in ["--locale=C.UTF-8", "--locale=C"] {
            let arguments = ["-A", "trust", "-U", "postgres", "--no-sync", "--encoding=UTF8", locale];
            let output = self.server_program("initdb", &arguments);
            if output.status.success() {
                return;
            }
            failures += &text_of(&output);
        }
        panic!("initdb failed:\n{failures}");
    }

    fn configure(&self, options: &ClusterOptions) {
        let onoff = |flag: bool| if flag { "on" } else { "off" };
        let mut conf = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nmax_connections = 200\n\
             fsync = {}\nsynchronous_commit = on\ntimezone = 'UTC'\nlog_line_prefix = '%m [%p] %u@%d %a '\n",
            self.socket_dir().display(),
            onoff(options.fsync),
        );
        if let Some(pair) = &options.ssl {
            self.write_private("server.crt", &pair.cert_pem);
            self.write_private("server.key", &pair.key_pem);
            conf += "ssl = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\n";
        }
        if let Some(pem) = &options.ssl_client_ca_pem {
            self.write_private("client_ca.crt", pem);
            conf += "ssl_ca_file = 'client_ca.crt'\n";
        }
        self.append("postgresql.conf", &(conf + &options.conf.join("\n") + "\n"));
        let hba = self.base.join("data/pg_hba.conf");
        let defaults = fs::read_to_string(&hba).expect("initdb wrote pg_hba.conf");
        let lines = options.hba.join("\n");
        fs::write(&hba, format!("local all postgres trust\n{lines}\n{defaults}"))
            .expect("pg_hba.conf is writable");
    }

    /// Adds to a file of the data directory; `initdb` made it, so its owner is already right.
    fn append(&self, name: &str, text: &str) {
        let path = self.base.join("data").join(name);
        let before = fs::read_to_string(&path).expect("initdb wrote its configuration");
        fs::write(&path, before + text).expect("the configuration is writable");
    }

    /// Writes a file of the data directory that only the server may read, as it demands of keys.
    fn write_private(&self, name: &str, text: &str) {
        let path = self.base.join("data").join(name);
        fs::write(&path, text).expect("the data directory is writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a new file's mode can be set");
        give_to(&path, self.owner);
    }

    fn try_start(&self) -> Result<(), String> {
        let log = self.base.join("log");
        let log = log.to_str().expect("temporary directories have plain names");
        let output = self.server_program("pg_ctl", &["start", "-w", "-t", "60", "-s", "-l", log]);
        if output.status.success() { Ok(()) } else { Err(text_of(&output) + &self.log()) }
    }

    /// Runs a server program on the data directory, as the server's account.
    fn server_program(&self, name: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.bin_dir.join(name));
        command.args(arguments).arg("-D").arg(self.base.join("data")).current_dir(&self.base);
        process::clean_environment(&mut command);
        run_as(&mut command, self.owner);
        process::run(command, Vec::new(), SERVER_TIMEOUT)
    }
}

impl Drop for Cluster {
    /// Lets the watcher do what it is there for, and waits until it has done it.
    fn drop(&mut self) {
        let mut watcher = lock(&self.watcher);
        drop(watcher.stdin.take());
        drop(watcher.wait());
    }
}

/// Starts the shell that cleans up behind this process. The pipe to its input is the link: the
/// kernel closes our end however we end, `kill -9` included. A process group of its own keeps it
/// alive when a terminal or a test runner signals ours.
fn watch(bin_dir: &Path, base: &Path, owner: Option<Owner>) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", WATCHER, "watcher"]).arg(bin_dir.join("pg_ctl")).arg(base);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    process::clean_environment(&mut command);
    run_as(&mut command, owner);
    command.current_dir("/").process_group(0).spawn().expect("a shell to watch over the server")
}

/// The cluster's directory, and the account it belongs to when that is not ours.
fn make_base() -> (PathBuf, Option<Owner>) {
    let preferred = std::env::temp_dir();
    let usable = preferred.as_os_str().len() <= TEMP_DIR_LENGTH_MAX && open_to_everybody(&preferred);
    let parent = if usable { preferred } else { PathBuf::from("/tmp") };
    let made = tempfile::Builder::new().prefix("outboxd-pg-").tempdir_in(parent);
    let base = made.expect("a temporary directory can be made").keep();
    // What we make belongs to our effective user: the portable way to learn whether that is root.
    let is_root = fs::metadata(&base).expect("the new directory is there").uid() == 0;
    let owner = is_root.then(unprivileged_account);
    for directory in [base.join("data"), base.join("s")] {
        fs::create_dir(&directory).expect("a directory can be made in the new directory");
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).expect("its mode can be set");
        give_to(&directory, owner);
    }
    give_to(&base, owner);
    (base, owner)
}

fn text_of(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
