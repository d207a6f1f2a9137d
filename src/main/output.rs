//! Where commands say what they have done. `println!` would panic when nobody reads any more.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write as _};

use anyhow::{Context, Result};

/// Writes to standard output. Whoever has stopped reading has read enough: that is no error; a full disk is.
pub(crate) fn say(text: Arguments<'_>) -> Result<()> {
    let mut output = std::io::stdout().lock();
    match output.write_fmt(text).and_then(|()| output.flush()) {
        Err(problem) if problem.kind() != ErrorKind::BrokenPipe => {
            Err(problem).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// Writes to standard error, if anybody reads it.
pub(crate) fn complain(text: Arguments<'_>) {
    drop(std::io::stderr().lock().write_fmt(text));
}
