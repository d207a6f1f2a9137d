//! Reads certificates, secrets and named endpoints again: after SIGHUP, and when their files have changed.
//! New connections use the new ones; what is under way goes on; if anything is wrong with any of them, the old ones stay, all
//! of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use outboxd::cli::Run;
use outboxd::config;
use outboxd::delivery::Named;
use outboxd::identity::{Identities, Stamp};
use outboxd::metrics::Metrics;
use outboxd::secrets::{Secrets, VARIABLE};
use tokio::sync::Notify;
use tracing::{error, info};

use crate::systemd::Systemd;

/// What is read again, and who is told.
pub(crate) struct Reloader {
    pub(crate) options: Run,
    pub(crate) identities: Identities,
    pub(crate) secrets: Secrets,
    pub(crate) named: Named,
    pub(crate) metrics: Metrics,
    pub(crate) systemd: Systemd,
}

/// The variables that hold secrets or endpoints.
pub(crate) fn environment() -> BTreeMap<String, String> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        // One that is not text is no secret that could be sent, and is told as such.
        Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
    };
    std::env::vars_os()
        .filter_map(text)
        .filter(|(name, _)| [VARIABLE, config::ENDPOINT].iter().any(|prefix| name.starts_with(prefix)))
        .collect()
}

impl Reloader {
    /// From now on; `seen` is how the files looked before they were read for the start.
    pub(crate) async fn run(self, asked: Arc<Notify>, pause: Option<Duration>, seen: Stamp) {
        let mut seen = seen;
        // A pair of which one half is written yet is not worth a word: only what is still wrong a look later.
        let mut doubtful = false;
        loop {
            let told = match pause {
                None => {
                    asked.notified().await;
                    true
                }
                Some(pause) => tokio::time::timeout(pause, asked.notified()).await.is_ok(),
            };
            let (looked, changed) = self.look(seen).await;
            seen = looked;
            if told {
                self.systemd.reloading();
                doubtful = false;
                self.read(true).await;
                self.systemd.reloaded();
            } else if changed || doubtful {
                let good = self.read(!changed).await;
                doubtful = changed && !good;
            }
        }
    }

    async fn look(&self, seen: Stamp) -> (Stamp, bool) {
        let options = self.options.clone();
        let look = tokio::task::spawn_blocking(move || {
            let mut seen = seen;
            let changed = seen.has_changed(&folders(&options));
            (seen, changed)
        });
        look.await.unwrap_or_default()
    }

    /// Says whether all was good; when it was not, and `aloud`, also why.
    async fn read(&self, aloud: bool) -> bool {
        let options = self.options.clone();
        // Reading a bundle of CAs takes tens of milliseconds per identity.
        let read = tokio::task::spawn_blocking(move || {
            let environment = environment();
            let named = config::named(options.endpoints.as_deref(), &environment);
            (config::identities(&options), config::secrets(&options, &environment), named)
        });
        let problems = match read.await {
            Ok((Ok(identities), Ok(secrets), Ok(named))) => {
                self.named.replace(&named);
                self.secrets.replace(&secrets);
                self.identities.replace(&identities);
                info!("certificates were read again; new connections use them{}", identities.names());
                Vec::new()
            }
            Ok((identities, secrets, named)) => {
                let problems = [identities.err(), secrets.err(), named.err()];
                problems.into_iter().flatten().flat_map(|found| found.0).collect()
            }
            Err(problem) => vec![problem.to_string()],
        };
        let good = problems.is_empty();
        if aloud {
            for problem in &problems {
                error!("certificates and endpoints stay as they were, nothing was reloaded: {problem}");
            }
        }
        if aloud || good {
            self.metrics.reloaded(good);
        }
        good
    }
}

/// The files that count, and the folders whose files do.
pub(crate) fn folders(options: &Run) -> Vec<&Path> {
    options.identities.iter().chain(&options.secrets).chain(&options.endpoints).map(AsRef::as_ref).collect()
}
