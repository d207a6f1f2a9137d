//! What a demo that was killed would leave behind: the relay and the folder of certificates. (The server has a watcher of
//! its own in `tests/support`.)

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// Reads which relay runs, one line per change; an empty line means none. The end of the input is our end, however it
/// came: the kernel closes our end of the pipe.
const SHELL: &str = r#"
trap '' HUP INT TERM
while read -r line; do relay=$line; done
[ -z "$relay" ] || kill -9 "$relay"
rm -rf -- "$1"
"#;

/// A shell in a process group of its own, so that what ends ours from a terminal does not end it.
pub(crate) struct Guard {
    shell: Child,
    input: Mutex<Option<ChildStdin>>,
}

impl Guard {
    /// Watches over a folder, which goes with us.
    pub(crate) fn over(folder: &Path) -> Result<Self, String> {
        let mut command = Command::new("sh");
        command.args(["-c", SHELL, "guard"]).arg(folder).current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = command.spawn().map_err(|e| format!("no shell to clean up behind us: {e}"))?;
        let input = Mutex::new(shell.stdin.take());
        Ok(Self { shell, input })
    }

    /// Says which relay must not outlive us.
    pub(crate) fn relay(&self, pid: Option<u32>) {
        let line = pid.map_or_else(String::new, |pid| pid.to_string()) + "\n";
        if let Some(input) = self.input.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            // A guard that somebody killed guards nothing; that is no reason to stop.
            drop(input.write_all(line.as_bytes()));
        }
    }
}

impl Drop for Guard {
    /// Lets the shell do what it is there for, and waits until it has done it.
    fn drop(&mut self) {
        drop(self.input.lock().unwrap_or_else(PoisonError::into_inner).take());
        drop(self.shell.wait());
    }
}
