//! Making, starting and stopping a throw-away server.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::guard::{Put, Said};
use super::{Account, Folder, Login, Options, Programs, Surroundings, ThrowawayError, port};

/// How long `initdb`, a start or a stop may take: generous, since a laden machine is slow.
const PATIENCE: Duration = Duration::from_secs(90);

/// How often another port is tried when the server does not come up on the first.
const START_ATTEMPTS: u32 = 3;

/// Where its settings are.
const CONF: &str = "data/postgresql.conf";

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// As a crash: every process is killed, the next start recovers from the log.
    Immediate,
    /// Orderly: sessions are cut off, then a checkpoint is written.
    Fast,
}

/// A throw-away server. It stops and its directory goes when this value is dropped, and also when the process ends in any
/// other way.
#[derive(Debug)]
pub struct Server {
    programs: Programs,
    folder: Folder,
    port: u16,
    /// For clients, where a password is asked for.
    passfile: Option<PathBuf>,
}

impl Server {
    /// Makes a new server and starts it. Returns once it takes connections.
    ///
    /// # Errors
    /// [`ThrowawayError`]; nothing is left behind.
    pub fn start(surroundings: &Surroundings, options: &Options) -> Result<Self, ThrowawayError> {
        let programs = Programs::find(surroundings)?;
        let account = Account::for_server(surroundings)?;
        // Before the second that initdb takes, to be told early.
        if let Some(port) = options.port {
            port::listen_on(port).map_err(|source| ThrowawayError::Port { port, source })?;
        }
        let pg_ctl = programs.server("pg_ctl");
        let folder = Folder::make_for(surroundings, &options.prefix, account, Some(&pg_ctl))?;
        let mut server = Self { programs, folder, port: 0, passfile: None };
        server.initialise(&options.login)?;
        server.configure(options)?;
        for attempt in 1.. {
            server.take_port(options.port)?;
            match server.start_again() {
                Err(ThrowawayError::Failed { .. }) if attempt < START_ATTEMPTS && options.port.is_none() => {}
                result => {
                    result?;
                    break;
                }
            }
        }
        if let Login::Password(password) = &options.login {
            let line = format!("127.0.0.1:{}:*:postgres:{password}", server.port);
            server.passfile = Some(server.folder.write("passfile", &line)?);
        }
        Ok(server)
    }

    /// The TCP port on 127.0.0.1, also part of the socket's name. Restarts keep it.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How `postgres` logs in to a database with a plain name, over TCP. It holds no password, which everybody could read
    /// among a client's arguments, but the place of one.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let passfile = self.passfile().map(|path| format!("?passfile={}", path.display()));
        format!("postgres://postgres@127.0.0.1:{}/{database}{}", self.port, passfile.unwrap_or_default())
    }

    /// The file with the password of `postgres`, where one is asked for.
    #[must_use]
    pub fn passfile(&self) -> Option<&Path> {
        self.passfile.as_deref()
    }

    /// The folder that holds everything of this server.
    #[must_use]
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The directory of the Unix socket.
    #[must_use]
    pub fn socket_directory(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// The programs it was made with.
    #[must_use]
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// What the server has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Whether the server's first process is there.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.server_program("pg_ctl", &["status"]).is_ok_and(|said| said.success)
    }

    /// Stops the server; its data stay.
    ///
    /// # Errors
    /// [`ThrowawayError`] with the server's words.
    pub fn stop(&self, mode: StopMode) -> Result<(), ThrowawayError> {
        let mode = match mode {
            StopMode::Immediate => "immediate",
            StopMode::Fast => "fast",
        };
        let said = self.server_program("pg_ctl", &["stop", "-w", "-t", "60", "-m", mode])?;
        self.must("pg_ctl stop", &said)
    }

    /// Starts the server, once stopped. Returns once it takes connections.
    ///
    /// # Errors
    /// [`ThrowawayError`] with the server's words.
    pub fn start_again(&self) -> Result<(), ThrowawayError> {
        let log = self.folder.path().join("log");
        let words = ["start", "-w", "-t", "60", "-s", "-l"].map(OsStr::new);
        let said = self.run("pg_ctl", &[words.as_slice(), &[log.as_os_str()]].concat())?;
        self.must("pg_ctl start", &said)
    }

    /// Takes everything away, and says whether it is gone.
    #[must_use]
    pub fn remove(&self) -> bool {
        self.folder.remove()
    }

    fn initialise(&self, login: &Login) -> Result<(), ThrowawayError> {
        let mut words = vec!["-U", "postgres", "--no-sync", "--encoding=UTF8"];
        let given;
        match login {
            Login::Trust => words.extend(["-A", "trust"]),
            Login::Password(password) => {
                given = format!("--pwfile={}", self.folder.write("password", password)?.display());
                words.extend(["-A", "scram-sha-256", &given]);
            }
        }
        let mut failures = String::new();
        // C.UTF-8 sorts as C does and knows letters; not every system has it.
        for locale in ["--locale=C.UTF-8", "--locale=C"] {
            let said = self.server_program("initdb", &[words.as_slice(), &[locale]].concat())?;
            if said.success {
                return Ok(());
            }
            failures += &said.text;
        }
        Err(ThrowawayError::Failed { program: "initdb", said: failures })
    }

    fn configure(&self, options: &Options) -> Result<(), ThrowawayError> {
        for (name, text) in options.private_files() {
            self.folder.write(&format!("data/{name}"), text)?;
        }
        self.folder.put(Put::Behind, CONF, &options.conf(&self.socket_directory()))?;
        self.folder.put(Put::Before, "data/pg_hba.conf", &options.hba.join("\n"))?;
        Ok(())
    }

    /// The port is ours until the listener is dropped; another process may take it in between.
    fn take_port(&mut self, wanted: Option<u16>) -> Result<(), ThrowawayError> {
        self.port = if let Some(port) = wanted {
            port
        } else {
            let listening = port::listen().and_then(|listener| listener.local_addr());
            listening.map_err(ThrowawayError::NoPort)?.port()
        };
        self.folder.put(Put::Behind, CONF, &format!("port = {}", self.port))?;
        Ok(())
    }

    fn must(&self, program: &'static str, said: &Said) -> Result<(), ThrowawayError> {
        if said.success {
            return Ok(());
        }
        let said = format!("{}{}", said.text, self.log()).trim_end().to_owned();
        Err(ThrowawayError::Failed { program, said })
    }

    /// Runs a server program on the data directory.
    fn server_program(&self, name: &str, arguments: &[&str]) -> Result<Said, ThrowawayError> {
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        self.run(name, &arguments)
    }

    fn run(&self, name: &str, arguments: &[&OsStr]) -> Result<Said, ThrowawayError> {
        let (program, data) = (self.programs.server(name), self.folder.path().join("data"));
        let on = [OsStr::new("-D"), data.as_os_str()];
        self.folder.guard.run(&[&[program.as_os_str()], arguments, &on].concat(), PATIENCE)
    }
}
