//! What signals mean: the first to stop stops properly, the second at once; SIGHUP reads the certificates again.

use std::sync::Arc;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use outboxd::cli::Run;
use outboxd::config;
use outboxd::delivery::Named;
use outboxd::health::Health;
use outboxd::identity::Identities;
use outboxd::metrics::Metrics;
use outboxd::shutdown::Stopper;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use tokio::sync::Notify;
use tracing::{error, info};

use crate::systemd::Systemd;

/// Stopped at once by a second signal.
const STOPPED: i32 = 130;

/// Listens for signals from now on. Any number of SIGHUPs that come while certificates are being read are one more.
pub(crate) fn heed(stopper: Stopper, health: Health, systemd: Systemd, reload: Arc<Notify>) -> Result<()> {
    let mut signals =
        signal_hook_tokio::Signals::new([SIGTERM, SIGINT, SIGHUP]).context("signals cannot be caught")?;
    tokio::spawn(async move {
        let mut stopping = false;
        while let Some(signal) = signals.next().await {
            if signal == SIGHUP {
                reload.notify_one();
            } else if stopping {
                std::process::exit(STOPPED);
            } else {
                info!("stopping; once more stops at once");
                stopping = true;
                health.stopping();
                systemd.stopping();
                stopper.stop();
            }
        }
    });
    Ok(())
}

/// From now on the first signal to stop ends the process, with 0: there is nothing to be finished, nor is anything of the
/// libraries' to be torn down while threads use it. Also while standard output takes nothing.
pub(crate) fn end_at_once() -> Result<()> {
    let mut signals =
        signal_hook_tokio::Signals::new([SIGTERM, SIGINT]).context("signals cannot be caught")?;
    tokio::spawn(async move {
        if signals.next().await.is_some() {
            signal_hook::low_level::exit(0);
        }
    });
    Ok(())
}

/// From now on the first signal, a closed terminal's too, asks for the end, and the second ends the process at once.
pub(crate) fn end_properly(stopper: Stopper) -> Result<()> {
    let mut signals =
        signal_hook_tokio::Signals::new([SIGTERM, SIGINT, SIGHUP]).context("signals cannot be caught")?;
    tokio::spawn(async move {
        if signals.next().await.is_some() {
            stopper.stop();
        }
        if signals.next().await.is_some() {
            std::process::exit(STOPPED);
        }
    });
    Ok(())
}

/// From now on no signal that can be ignored ends the process.
pub(crate) fn ignore() -> Result<()> {
    let mut signals = signal_hook_tokio::Signals::new([SIGTERM, SIGINT, SIGHUP, SIGQUIT])
        .context("signals cannot be caught")?;
    tokio::spawn(async move { while signals.next().await.is_some() {} });
    Ok(())
}

/// What SIGHUP reads again: from where, and for whom.
pub(crate) struct Files {
    pub(crate) options: Run,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) identities: Identities,
    pub(crate) named: Named,
}

impl Files {
    /// All that is wrong with any of them.
    fn read_again(&self) -> Vec<String> {
        let identities = config::identities(&self.options);
        let named = config::named(self.options.endpoints.as_deref(), &self.environment);
        match (identities, named) {
            (Ok(identities), Ok(named)) => {
                self.identities.replace(&identities);
                self.named.replace(&named);
                Vec::new()
            }
            (identities, named) => {
                [identities.err(), named.err()].into_iter().flatten().flat_map(|found| found.0).collect()
            }
        }
    }
}

/// Reads certificates and named endpoints again whenever asked. New connections use the new ones; what is under way goes on;
/// if anything is wrong with any of them, the old ones stay, all of them.
pub(crate) async fn reload(asked: Arc<Notify>, files: Files, metrics: Metrics, systemd: Systemd) {
    let files = Arc::new(files);
    loop {
        asked.notified().await;
        systemd.reloading();
        let again = Arc::clone(&files);
        // Reading a bundle of CAs takes tens of milliseconds per identity.
        let read = tokio::task::spawn_blocking(move || again.read_again()).await;
        let problems = read.unwrap_or_else(|problem| vec![problem.to_string()]);
        if problems.is_empty() {
            info!("certificates were read again; new connections use them{}", files.identities.names());
        }
        for problem in &problems {
            error!("certificates and endpoints stay as they were, nothing was reloaded: {problem}");
        }
        metrics.reloaded(problems.is_empty());
        systemd.reloaded();
    }
}
