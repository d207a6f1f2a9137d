//! Loading a schema or a dump into a throw-away database.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use outboxd::throwaway::{Server, Surroundings};
use tokio::task::spawn_blocking;

/// How a dump in Postgres' custom format begins.
const CUSTOM: &[u8] = b"PGDMP";

/// Runs a program in a process group of its own, which a terminal's Ctrl-C does not reach, prints its exit code, and kills
/// the group at the end of its standard input: the kernel brings that about however we end.
const KEEPER: &str = r#"
exec 3<&0 </dev/null
{ read -r _ <&3; kill -s KILL 0; } &
exec 3<&-
"$@" >/dev/null
echo $?
wait
"#;

/// How much of what went wrong is shown, in lines.
const LINES_MAX: usize = 20;

/// A file, and the program that runs it in the database.
pub(super) struct Load {
    file: PathBuf,
    name: &'static str,
    command: Command,
}

impl Load {
    pub(super) fn new(
        server: &Server,
        surroundings: &Surroundings,
        password: &str,
        file: PathBuf,
    ) -> Result<Self> {
        let mut begin = [0; CUSTOM.len()];
        let read = File::open(&file).and_then(|mut file| file.read_exact(&mut begin));
        let (name, arguments): (_, &[&str]) = if read.is_ok() && begin == CUSTOM {
            ("pg_restore", &["--exit-on-error", "--no-owner", "--no-privileges", "-d", "postgres"])
        } else {
            ("psql", &["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"])
        };
        let program = server.programs().client(name).with_context(|| {
            format!(
                "--load needs {name}, which was not found (Debian, Ubuntu: apt-get install postgresql-client)"
            )
        })?;
        let mut command = surroundings.command("/bin/sh");
        command
            .args(["-c", KEEPER, "outboxd-load"])
            .arg(program)
            .args(arguments)
            .arg(&file)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", server.port().to_string());
        command.env("PGUSER", "postgres").env("PGDATABASE", "postgres").env("PGPASSWORD", password);
        Ok(Self { file, name, command })
    }

    /// Runs it to its end. Where that is not waited for, or we end in any other way, it ends with all that it has started.
    pub(super) async fn run(mut self) -> Result<()> {
        let started = self.command.spawn();
        let mut child = started.with_context(|| format!("{} cannot be started", self.name))?;
        let (line, answers, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let said = spawn_blocking(move || {
            let mut said = Vec::new();
            errors.map(|mut errors| errors.read_to_end(&mut said)).transpose().map(|_| said)
        });
        let code = spawn_blocking(move || {
            let mut code = String::new();
            answers.map(|answers| BufReader::new(answers).read_line(&mut code)).transpose().map(|_| code)
        });
        let code = code.await??;
        drop(line);
        let said = said.await??;
        spawn_blocking(move || child.wait()).await??;
        if code.trim() == "0" {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&said);
        let mut text: Vec<&str> = said.lines().take(LINES_MAX).collect();
        if said.contains("role \"") && said.contains("does not exist") {
            text.push("A dump without owners goes into any database: pg_dump --no-owner --no-privileges");
        }
        bail!("{} could not be loaded:\n{}", self.file.display(), text.join("\n"))
    }
}
