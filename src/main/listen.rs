//! `outboxd listen`.

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use anyhow::{Context, Result};
use outboxd::cli::Listen;
use outboxd::receiver::{Options, Receiver, Tls, json, text};
use outboxd::{config, shutdown};
use tokio::sync::mpsc;

use crate::signals;

/// What may wait to be printed; then senders wait.
const WAITING_MAX: usize = 16;

pub(crate) async fn listen(options: &Listen) -> Result<ExitCode> {
    let (settings, show) = config::listen(options)?;
    let about = about(&settings);
    let receiver = Receiver::bind(settings).context("--address")?;
    signals::end_at_once()?;
    introduce(&receiver, &about);
    let (told, mut happenings) = mpsc::channel(WAITING_MAX);
    let (stopper, stop) = shutdown::channel();
    let running = tokio::spawn(receiver.run(stop, told));
    while let Some(happened) = happenings.recv().await {
        let line = if options.json { json(&happened) } else { text(&happened, show) };
        match writeln!(std::io::stdout().lock(), "{line}") {
            Ok(()) => {}
            // Whoever read has read enough.
            Err(problem) if problem.kind() == ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
            Err(problem) => return Err(problem).context("cannot write to standard output"),
        }
    }
    running.await.context("the receiver failed")??;
    drop(stopper);
    Ok(ExitCode::SUCCESS)
}

/// What is worth knowing before the first webhook.
fn about(settings: &Options) -> Vec<&'static str> {
    let mut about = Vec::new();
    match &settings.tls {
        None => about.push(
            "plain HTTP, without --tls: subscriptions to it need `update outbox.setting set http_allowed = true`",
        ),
        Some(tls) if tls.asks() => about.push("clients must show a certificate signed by the CA in ca.crt"),
        Some(_) => about.push("clients need no certificate: there is no ca.crt"),
    }
    if settings.tls.as_ref().is_some_and(Tls::expired) {
        about.push("tls.crt has expired, and clients will refuse it: `outboxd certificates` makes new ones");
    }
    if settings.secrets.is_empty() {
        about.push(
            "signatures are not verified: there is no --secret; `select outbox.signing_secret(ID)` tells that of a subscription",
        );
    }
    about
}

/// On standard error, so that standard output has nothing but what happens.
fn introduce(receiver: &Receiver, about: &[&str]) {
    let (url, address) = (receiver.url(), receiver.address());
    let mut errors = std::io::stderr().lock();
    // Nobody reads it, then.
    let _ = writeln!(errors, "listening on {url} ({address})");
    for line in about {
        let _ = writeln!(errors, "{line}");
    }
    let _ = writeln!(errors, "subscribe it: select outbox.subscribe('dev', '*', '{url}')");
}
