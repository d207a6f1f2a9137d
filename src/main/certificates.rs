//! `outboxd certificates`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use outboxd::certificates::{self, DAYS};
use outboxd::cli::Certificates;
use outboxd::config;

use crate::output::say;

pub(crate) fn certificates(options: &Certificates) -> Result<ExitCode> {
    let made = certificates::write(&options.folder, config::certificate_names(options)?)?;
    say(format_args!("{}/default: tls.crt, tls.key and ca.crt of the relay\n", made.identities.display()))?;
    say(format_args!(
        "{}: tls.crt, tls.key and ca.crt of a receiver at {}\n",
        made.receiver.display(),
        made.names.join(", ")
    ))?;
    say(format_args!("valid for {DAYS} days, for development only; the key of the CA was not kept\n"))?;
    say(format_args!("\n"))?;
    say(format_args!("outboxd listen --tls {}\n", quoted(&made.receiver)))?;
    // The receiver is on this machine.
    let identities = quoted(&made.identities);
    say(format_args!("outboxd run --allow-address 127.0.0.0/8 --identities {identities}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// As a shell takes it.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%".contains(c);
    if path.chars().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
