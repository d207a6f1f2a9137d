//! A `PgBouncer` in transaction mode in front of a cluster: every transaction may meet another session.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::cluster::Cluster;
use super::database::Database;
use super::{net, process};

/// How long it may take until it takes connections.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Runs it until nobody holds the other end of our input, which the kernel closes however this process ends.
const KEEPER: &str = r#"
trap '' HUP INT TERM
"$1" "$2/pgbouncer.ini" >"$2/log" 2>&1 </dev/null &
read -r line
kill -9 $!
"#;

/// A running `PgBouncer`; gone when this value is dropped.
pub struct Pgbouncer {
    directory: PathBuf,
    port: u16,
    keeper: Child,
}

impl Pgbouncer {
    /// Puts one in front of a cluster, with so many sessions of each role in each database. `settings` are further
    /// lines of its configuration.
    pub fn start(cluster: &Cluster, pool_size: u32, settings: &str) -> Self {
        let port = net::port_of(&net::listen());
        let directory = cluster.base_dir().join(format!("pgbouncer-{port}"));
        fs::create_dir(&directory).expect("the cluster's directory is ours");
        let users = directory.join("users");
        let config = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = transaction\n\
             default_pool_size = {pool_size}\nmax_client_conn = 500\nadmin_users = postgres\n{settings}\n",
            cluster.port(),
            users.display(),
        );
        for (path, text) in
            [(&directory.join("pgbouncer.ini"), config.as_str()), (&users, "\"postgres\" \"\"\n")]
        {
            fs::write(path, text).expect("the new directory is writable");
            give_to(path, cluster);
        }
        give_to(&directory, cluster);
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper"]).arg(program()).arg(&directory).stdin(Stdio::piped());
        process::clean_environment(&mut command);
        if let Some(account) = cluster.owner() {
            account.run(&mut command);
        }
        let keeper = command.current_dir("/").spawn().expect("a shell to keep PgBouncer");
        let pooler = Self { directory, port, keeper };
        let deadline = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "PgBouncer does not start:\n{}", pooler.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        pooler
    }

    /// The same database, reached through it.
    pub fn database(&self, database: &Database) -> Database {
        database.behind(self.port)
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Drop for Pgbouncer {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        drop(self.keeper.wait());
    }
}

/// To the account that the cluster belongs to, if that is not ours.
fn give_to(path: &Path, cluster: &Cluster) {
    if let Some(account) = cluster.owner() {
        account.own(path).expect("root may change owners");
    }
}

/// Debian puts it where only root looks.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    directories
        .map(|directory| directory.join("pgbouncer"))
        .find(|file: &PathBuf| Path::is_file(file))
        .expect("PgBouncer is installed (Debian: `apt-get install pgbouncer`)")
}
