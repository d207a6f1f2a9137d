//! A shell that is typed into line by line, as somebody follows a page.

use std::io::Write as _;
use std::path::Path;
use std::process::{ChildStdin, Command};
use std::time::Duration;

use crate::support::RelayProcess;

/// The end of what a line has printed, with its exit code.
const END: &str = "==end of line==";

/// A bash with an environment of its own. What it started in the background ends with it.
pub(super) struct Terminal {
    shell: RelayProcess,
    /// Gone when it closes.
    input: Option<ChildStdin>,
}

impl Terminal {
    /// Opens one in a folder; of the environment it has what is given, and a plain PATH behind `programs`.
    pub(super) fn open(folder: &Path, programs: &[&Path], environment: &[(&str, &str)]) -> Self {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let programs = programs.iter().map(|program| (*program).to_owned());
        let path = std::env::join_paths(programs.chain(std::env::split_paths(&inherited))).unwrap();
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc"]).current_dir(folder).env_clear();
        command.env("LC_ALL", "C.UTF-8").env("PATH", path).envs(environment.iter().copied());
        if let Some(home) = std::env::var_os("HOME") {
            command.env("HOME", home);
        }
        let (shell, input) = RelayProcess::with_input(command);
        let mut terminal = Self { shell, input: Some(input) };
        terminal.types("exec 2>&1; trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT", Duration::from_secs(10));
        terminal
    }

    /// Types a line and returns what it prints until the prompt is back. Panics when it fails.
    #[track_caller]
    pub(super) fn types(&mut self, line: &str, within: Duration) -> String {
        let (code, printed) = self.tries(line, within);
        assert_eq!(code, 0, "$ {line}\n{printed}");
        printed
    }

    /// Types a line; its exit code and what it prints.
    #[track_caller]
    pub(super) fn tries(&mut self, line: &str, within: Duration) -> (i32, String) {
        let mark = self.shell.mark();
        let input = self.input.as_mut().expect("the terminal is open");
        writeln!(input, "{line}\nended=$?\necho; echo '{END}' $ended").expect("the shell reads");
        let end = self.shell.wait_for_line_from(mark, END, within);
        let printed = self.shell.lines().split_off(mark);
        let printed: Vec<_> = printed.into_iter().take_while(|printed| *printed != end).collect();
        let code = end.trim_start_matches(END).trim().parse().expect("the exit code");
        (code, printed.join("\n").trim_end().to_owned())
    }

    /// What has been printed so far, also by what runs in the background: a place for [`Terminal::waits_for`].
    pub(super) fn mark(&self) -> usize {
        self.shell.mark()
    }

    /// Waits for a line with this text after a mark.
    #[track_caller]
    pub(super) fn waits_for(&self, mark: usize, text: &str, within: Duration) -> String {
        self.shell.wait_for_line_from(mark, text, within)
    }

    /// Closes it and waits for the end of what it started.
    #[track_caller]
    pub(super) fn closes(mut self, within: Duration) {
        self.input = None;
        assert_eq!(self.shell.wait(within), 0, "{}", self.shell.lines().join("\n"));
    }
}

impl Drop for Terminal {
    /// Also after a panic: the shell sees the end of its input, and ends what it started.
    fn drop(&mut self) {
        self.input = None;
        self.shell.ends_within(Duration::from_secs(10));
    }
}
