//! Where the timeline is written: lines no wider than the terminal, coloured where somebody sees colours.

use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::process::{Command, Stdio};

/// Where there is no terminal nobody's lines are wrapped; they stay readable all the same.
const WIDTH_ELSEWHERE: usize = 160;
/// Narrower ones are not written for.
const WIDTH_MIN: usize = 40;

/// How a piece of a line looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Ink {
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
    Note,
}

impl Ink {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "\x1b[1m",
            Self::Dim => "\x1b[2m",
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[31m",
            Self::Note => "\x1b[33m",
        }
    }
}

/// Standard output.
pub(crate) struct Screen {
    width: usize,
    colours: bool,
    /// Nobody reads any more: the terminal is gone, or what was behind the pipe.
    pub(crate) is_gone: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let colours = std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb;
        let mut screen = Self { width: WIDTH_ELSEWHERE, colours, is_gone: false };
        screen.measure();
        screen
    }

    /// Asks how wide the terminal is (now).
    pub(crate) fn measure(&mut self) {
        if std::io::stdout().is_terminal() {
            self.width = columns().unwrap_or(80).max(WIDTH_MIN);
        }
    }

    /// How much fits on a line.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Writes a line, shortened to the width.
    pub(crate) fn line(&mut self, pieces: &[(Ink, &str)]) {
        let all: usize = pieces.iter().map(|(_, text)| text.chars().count()).sum();
        let mut room = if all > self.width { self.width - 1 } else { all };
        let mut line = String::new();
        for (ink, text) in pieces {
            let shown: String = text.chars().take(room).map(harmless).collect();
            room -= shown.chars().count();
            let coloured = self.colours && *ink != Ink::Plain && !shown.is_empty();
            line += if coloured { ink.code() } else { "" };
            line += &shown;
            line += if coloured { "\x1b[0m" } else { "" };
        }
        line += if all > self.width { "…\n" } else { "\n" };
        let mut out = std::io::stdout().lock();
        self.is_gone |= out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_err();
    }

    /// Writes a line that is to be read or copied whole: a narrow terminal wraps it.
    pub(crate) fn whole(&mut self, pieces: &[(Ink, &str)]) {
        let width = std::mem::replace(&mut self.width, usize::MAX);
        self.line(pieces);
        self.width = width;
    }
}

/// What somebody put into a statement or a key must not steer the terminal.
fn harmless(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// Asked of `stty`, since there is no safe call for it in the standard library.
fn columns() -> Option<usize> {
    let terminal = File::open("/dev/tty").ok()?;
    let output = Command::new("stty").arg("size").stdin(terminal).stderr(Stdio::null()).output().ok()?;
    let size = String::from_utf8(output.stdout).ok()?;
    size.split_whitespace().nth(1)?.parse().ok().filter(|columns| *columns > 0)
}
