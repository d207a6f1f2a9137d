//! What signals mean: the first to stop stops properly, the second at once; SIGHUP reads the certificates again.

use std::sync::Arc;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use outboxd::health::Health;
use outboxd::shutdown::Stopper;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use tokio::sync::Notify;
use tracing::info;

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
