//! Child processes that end: every wait has a deadline.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// How long a killed child may take to be gone.
const KILL_GRACE: Duration = Duration::from_secs(5);

/// Settings of the person running the tests that would change what a child does.
const INHERITED: [&str; 2] = ["DATABASE_URL", "RUST_LOG"];

/// Removes from a child's environment everything that names a database or configures the relay,
/// and makes its messages English.
pub fn clean_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if INHERITED.contains(&text.as_ref()) || text.starts_with("PG") || text.starts_with("OUTBOXD_") {
            command.env_remove(&name);
        }
    }
    command.env("LC_ALL", "C");
}

/// Runs a command to its end with `stdin` as its input. Panics, with what the command had printed,
/// when it takes longer than `within`.
pub fn run(mut command: Command, stdin: Vec<u8>, within: Duration) -> Output {
    let shown = format!("{command:?}");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {shown}: {error}"));
    let pid = child.id();
    let mut input = child.stdin.take().expect("stdin is a pipe");
    // A thread of its own: a child that prints before it has read everything would otherwise wait
    // for us while we wait for it. A child that never reads gives a broken pipe, which is its right.
    thread::spawn(move || drop(input.write_all(&stdin)));
    let (sender, ended) = channel();
    thread::spawn(move || drop(sender.send(child.wait_with_output())));
    match ended.recv_timeout(within) {
        Ok(output) => output.unwrap_or_else(|error| panic!("cannot read from {shown}: {error}")),
        Err(RecvTimeoutError::Disconnected) => panic!("the thread waiting for {shown} panicked"),
        Err(RecvTimeoutError::Timeout) => {
            kill(pid, "KILL");
            let printed = ended.recv_timeout(KILL_GRACE);
            panic!("{shown} did not end within {within:?}; it printed {printed:?}");
        }
    }
}

/// As [`run`], in a clean environment and with text as the input.
pub fn run_command(mut command: Command, stdin: &str, within: Duration) -> Output {
    clean_environment(&mut command);
    run(command, stdin.as_bytes().to_vec(), within)
}

/// Sends a signal. The standard library can only send `SIGKILL`, so the shell's own `kill` does it.
pub fn kill(pid: u32, signal: &str) -> bool {
    let script = format!("kill -s {signal} {pid}");
    let status = Command::new("sh").arg("-c").arg(script).stderr(Stdio::null()).status();
    status.expect("a shell to send a signal with").success()
}
