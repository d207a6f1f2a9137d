//! `outboxd signing-key`.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use outboxd::cli::SigningKey;
use outboxd::delivery::Key;

use crate::output::say;

pub(crate) fn signing_key(options: &SigningKey) -> Result<ExitCode> {
    let text = if options.public {
        std::io::read_to_string(std::io::stdin()).context("standard input is not text")?
    } else {
        Key::generate().context("no key could be made")?
    };
    // What it is that was read is not repeated: it may be a secret all the same.
    let Some(public) = Key::parse(&text).and_then(|key| key.public()) else {
        bail!(
            "standard input is not whsk_ and the base64 of an ed25519 key: its seed, or its seed and its public key"
        );
    };
    if !options.public {
        say(format_args!("{text}\n"))?;
    }
    say(format_args!("{public}\n"))?;
    Ok(ExitCode::SUCCESS)
}
