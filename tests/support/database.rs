//! One database of a cluster, reached with `psql` as an application's developer would.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::process;
use super::session::Session;

/// How long one `psql` run may take. A test that waits for a lock for ever should fail, not hang.
const PSQL_TIMEOUT: Duration = Duration::from_mins(1);

/// How often [`Database::wait_until`] looks.
const POLL_EVERY: Duration = Duration::from_millis(10);

/// The beginnings of the lines of a report that end a message, a detail or a hint.
const OTHER_FIELDS: [&str; 9] = [
    "LINE ",
    "QUERY:  ",
    "CONTEXT:  ",
    "LOCATION:  ",
    "SCHEMA NAME:  ",
    "TABLE NAME:  ",
    "COLUMN NAME:  ",
    "DATATYPE NAME:  ",
    "CONSTRAINT NAME:  ",
];

/// A database. Cheap to clone. It is not dropped at the end of a test: the whole cluster is, and
/// `drop database` would cost a checkpoint each time.
#[derive(Clone, Debug)]
pub struct Database {
    name: String,
    host: String,
    port: u16,
    /// For TCP, where a password is asked for.
    passfile: Option<PathBuf>,
    psql: PathBuf,
}

/// An error as the server reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PsqlError {
    /// Five characters; empty when the connection itself failed.
    pub sqlstate: String,
    /// The primary message.
    pub message: String,
    /// The DETAIL line, if any.
    pub detail: Option<String>,
    /// The HINT line, if any.
    pub hint: Option<String>,
    /// All that was printed.
    pub raw: String,
}

impl Database {
    pub(super) fn new(
        name: &str,
        socket_dir: &Path,
        port: u16,
        passfile: Option<PathBuf>,
        psql: PathBuf,
    ) -> Self {
        let host = socket_dir.to_str().expect("temporary directories have plain names");
        Self { name: name.to_owned(), host: percent_encode(host), port, passfile, psql }
    }

    /// Another database of the same cluster.
    pub fn named(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    /// The same database by way of something that listens on this port of 127.0.0.1.
    pub(super) fn behind(&self, port: u16) -> Self {
        Self { host: "127.0.0.1".to_owned(), port, ..self.clone() }
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A URL over the Unix socket, as the superuser `postgres`.
    pub fn url(&self) -> String {
        self.url_as("postgres")
    }

    /// A URL over the Unix socket, as another role.
    pub fn url_as(&self, user: &str) -> String {
        format!("postgres://{}@{}:{}/{}", percent_encode(user), self.host, self.port, self.name)
    }

    /// A URL over TCP, as the superuser `postgres`.
    pub fn tcp_url(&self) -> String {
        let passfile = self.passfile.as_ref().map(|path| format!("?passfile={}", path.display()));
        self.tcp_url_as("postgres") + &passfile.unwrap_or_default()
    }

    /// A URL over TCP, as another role.
    pub fn tcp_url_as(&self, user: &str) -> String {
        format!("postgres://{}@127.0.0.1:{}/{}", percent_encode(user), self.port, self.name)
    }

    /// Runs statements one after another and returns what they print: one line per row, columns
    /// separated by `|`. Panics with the server's error when one fails.
    #[track_caller]
    pub fn psql(&self, sql: &str) -> String {
        self.psql_as("postgres", sql)
    }

    /// As [`Database::psql`], as another role.
    #[track_caller]
    pub fn psql_as(&self, user: &str, sql: &str) -> String {
        match self.try_psql_as(user, sql) {
            Ok(printed) => printed,
            Err(error) => panic!("psql as {user} failed\n{}\nin: {sql}", error.raw),
        }
    }

    /// Runs statements that may fail.
    ///
    /// # Errors
    /// The first error, taken apart; the statements after it did not run.
    pub fn try_psql(&self, sql: &str) -> Result<String, PsqlError> {
        self.try_psql_as("postgres", sql)
    }

    /// As [`Database::try_psql`], as another role.
    ///
    /// # Errors
    /// The first error, taken apart; the statements after it did not run.
    pub fn try_psql_as(&self, user: &str, sql: &str) -> Result<String, PsqlError> {
        let mut command = Command::new(&self.psql);
        process::clean_environment(&mut command);
        command.env("PGCLIENTENCODING", "UTF8");
        command.args(["-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose"]);
        command.arg("-d").arg(self.url_as(user));
        let output = process::run(command, sql.as_bytes().to_vec(), PSQL_TIMEOUT);
        if !output.status.success() {
            return Err(parse_error(&String::from_utf8_lossy(&output.stderr)));
        }
        let printed = String::from_utf8(output.stdout).expect("psql prints UTF-8");
        Ok(printed.strip_suffix('\n').unwrap_or(&printed).to_owned())
    }

    /// Opens a long-lived connection as `postgres`.
    pub async fn session(&self) -> Session {
        self.session_as("postgres").await
    }

    /// As [`Database::session`], under a name of its own and when the database may be away.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn try_session(&self, application_name: &str) -> Result<Session, PsqlError> {
        Session::open(&format!("{}?application_name={}", self.url(), percent_encode(application_name))).await
    }

    /// Opens a long-lived connection over TCP as `postgres`.
    pub async fn tcp_session(&self) -> Session {
        let opened = Session::open(&self.tcp_url()).await;
        opened.unwrap_or_else(|error| panic!("cannot connect to {} over TCP: {error:?}", self.name))
    }

    /// Opens a long-lived connection as another role.
    pub async fn session_as(&self, user: &str) -> Session {
        let opened = Session::open(&self.url_as(user)).await;
        opened.unwrap_or_else(|error| panic!("cannot connect to {} as {user}: {error:?}", self.name))
    }

    /// Waits until the statement returns `t`, looking every 10 ms; for facts nothing announces.
    /// Survives a restart of the server. Panics with what it last saw. Blocks the calling thread: a
    /// test that is a future, and whose tasks must go on meanwhile, awaits the next one instead.
    #[track_caller]
    pub fn wait_until(&self, sql: &str, within: Duration) {
        if let Err(last) = blocking(self.poll_until(sql, within)) {
            panic!("not true within {within:?}: {sql}\nlast value: {last}");
        }
    }

    /// As [`Database::wait_until`], for a test that is itself a future.
    pub async fn wait_until_async(&self, sql: &str, within: Duration) {
        if let Err(last) = self.poll_until(sql, within).await {
            panic!("not true within {within:?}: {sql}\nlast value: {last}");
        }
    }

    /// Waits until the backend with this process id (see [`Session::pid`]) waits for a lock.
    pub async fn wait_until_locked_out(&self, pid: i32, within: Duration) {
        self.wait_until_async(&format!("select cardinality(pg_blocking_pids({pid})) > 0"), within).await;
    }

    async fn poll_until(&self, sql: &str, within: Duration) -> Result<(), String> {
        let deadline = Instant::now() + within;
        let mut session = None;
        loop {
            let seen = self.look(&mut session, sql).await;
            match seen {
                Ok(value) if value == "t" => return Ok(()),
                Ok(value) if Instant::now() >= deadline => return Err(value),
                Err(error) if Instant::now() >= deadline => return Err(format!("{error:?}")),
                Ok(_) => {}
                Err(_) => session = None,
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    async fn look(&self, session: &mut Option<Session>, sql: &str) -> Result<String, PsqlError> {
        if session.is_none() {
            *session = Some(Session::open(&self.url()).await?);
        }
        let open = session.as_ref().expect("it was opened above");
        open.try_query_text(sql).await
    }
}

/// Runs a future to its end from any thread, one that already belongs to a runtime included.
fn blocking<T: Send>(future: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be built").block_on(future)
        });
        worker.join().expect("the future did not panic")
    })
}

/// Encodes everything but unreserved characters, so that a directory can be the host of a URL.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a String takes what is written");
        }
    }
    encoded
}

/// Takes psql's verbose report apart. Notices may come before it; fields may run over several lines.
fn parse_error(raw: &str) -> PsqlError {
    let raw = raw.trim_end();
    let mut lines = raw.lines();
    let Some(report) = lines.find_map(report_of) else {
        return PsqlError { message: raw.to_owned(), raw: raw.to_owned(), ..PsqlError::default() };
    };
    let coded = report.split_once(": ").filter(|(code, _)| is_sqlstate(code));
    let (sqlstate, message) = coded.unwrap_or(("", report));
    let (mut message, mut detail, mut hint) = (message.to_owned(), None, None);
    let mut field = Some(&mut message);
    for line in lines {
        if let Some(text) = line.strip_prefix("DETAIL:  ") {
            field = Some(detail.insert(text.to_owned()));
        } else if let Some(text) = line.strip_prefix("HINT:  ") {
            field = Some(hint.insert(text.to_owned()));
        } else if OTHER_FIELDS.iter().any(|tag| line.starts_with(tag)) {
            field = None;
        } else if let Some(text) = &mut field {
            text.push('\n');
            text.push_str(line);
        }
    }
    PsqlError { sqlstate: sqlstate.to_owned(), message, detail, hint, raw: raw.to_owned() }
}

/// What follows the severity in a line that begins an error. psql puts its own name in front when it
/// could not connect, and the line's number when it reads from a file.
fn report_of(line: &str) -> Option<&str> {
    let mut tags = ["ERROR:  ", "FATAL:  ", "PANIC:  "].into_iter();
    if line.starts_with("psql:") {
        return tags
            .find_map(|tag| Some(line.split_once(tag)?.1))
            .or_else(|| line.strip_prefix("psql: error: "));
    }
    tags.find_map(|tag| line.strip_prefix(tag))
}

fn is_sqlstate(text: &str) -> bool {
    text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}
