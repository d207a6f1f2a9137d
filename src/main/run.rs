//! `outboxd run`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use outboxd::cli::{Database, Run};
use outboxd::conninfo::Conninfo;
use outboxd::health::Health;
use outboxd::identity::Stamp;
use outboxd::ops::{Facts, Listener};
use outboxd::schema::SchemaState;
use outboxd::{config, database, relay, schema, shutdown};
use tokio::sync::Notify;
use tracing::{info, warn};

use crate::connection::{conninfo, resolve};
use crate::output::say;
use crate::reload::{Reloader, environment, folders};
use crate::systemd::Systemd;
use crate::{RELEASE, signals};

/// Between two looks at a schema that refuses what the relay asks of it.
const SCHEMA_PAUSE: Duration = Duration::from_secs(5);

pub(crate) async fn run(at: &Database, options: &Run) -> Result<ExitCode> {
    let database = conninfo(at).map_err(|problem| problem.0);
    let listen = options.listen_url.as_deref().map(|url| resolve(Some(url)).map_err(|problem| problem.0));
    // Before they are read: what changes in between is seen at the first look.
    let seen = Stamp::of(&folders(options));
    let mut settings = config::relay(options, database, listen, &host_name(), &environment())?;
    let listener = config::ops_listen(options)?.map(Listener::bind).transpose()?;
    if let Some(listener) = &listener {
        settings.guard.protect(config::own_listener(listener.address()));
    }
    let (once, metrics, health) = (settings.once, settings.metrics.clone(), settings.health.clone());
    let (stopper, mut stop) = shutdown::channel();
    let (systemd, reload) = (Systemd::new(), Arc::new(Notify::new()));
    signals::heed(stopper, health.clone(), systemd.clone(), Arc::clone(&reload))?;
    let reloader = Reloader {
        options: options.clone(),
        identities: settings.identities.clone(),
        secrets: settings.secrets.clone(),
        named: settings.named.clone(),
        metrics: metrics.clone(),
        systemd: systemd.clone(),
    };
    tokio::spawn(reloader.run(reload, config::reload_pause(options)?, seen));
    tokio::spawn(systemd.clone().attend(health.clone()));
    if let Some(listener) = listener {
        listener.start(Facts { metrics, health: health.clone() })?;
    }
    tokio::select! {
        fit = fit_schema(&settings.database, once, &health) => fit?,
        () = stop.wait() => {
            systemd.flush().await;
            return Ok(ExitCode::SUCCESS);
        }
    }
    tokio::spawn(watch_schema(settings.database.clone(), health));
    info!(relay = settings.name, database = settings.database.describe(), release = RELEASE, "running");
    // On a worker thread: the main one only waits.
    let counts = tokio::spawn(relay::run(settings, stop)).await.context("the relay failed")??;
    if once {
        let expired =
            if counts.expired > 0 { format!(", expired {}", counts.expired) } else { String::new() };
        say(format_args!(
            "delivered {}, will retry {}, dead {}, cancelled {}{expired}\n",
            counts.delivered, counts.retrying, counts.dead, counts.cancelled
        ))?;
    }
    systemd.flush().await;
    Ok(ExitCode::SUCCESS)
}

/// A relay never changes the schema: it says what does not fit and leaves. A database that is only away is waited for.
async fn fit_schema(info: &Conninfo, once: bool, health: &Health) -> Result<()> {
    let connection = loop {
        match database::connect(info, "check").await {
            Ok(connection) => break connection,
            Err(problem) if problem.is_transient() && !once => {
                warn!("{problem}; trying again");
                health.failed("start", &problem.to_string(), false);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(problem) => return Err(problem.into()),
        }
    };
    health.worked("start");
    let state = schema::check(&connection.client, RELEASE).await?;
    anyhow::ensure!(state.fit_to_run(), "{state}");
    if !matches!(state, SchemaState::Current) {
        warn!("{state}");
    }
    Ok(schema::require_home(&connection.client).await?)
}

/// Finds out whether it is the schema when the database refuses what the relay asks of it; until it does not any more.
async fn watch_schema(info: Conninfo, health: Health) {
    loop {
        tokio::time::sleep(SCHEMA_PAUSE).await;
        if !health.is_refused() {
            health.schema(None);
        } else if let Ok(connection) = database::connect(&info, "check").await {
            match schema::check(&connection.client, RELEASE).await {
                // What was dropped may be what the relay was refused for.
                Ok(state) if state.fit_to_run() && !matches!(state, SchemaState::Incomplete { .. }) => {
                    health.schema(None);
                }
                Ok(state) => health.schema(Some(&state.to_string())),
                Err(problem) => health.schema(Some(&problem.to_string())),
            }
        }
    }
}

pub(crate) fn host_name() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    read.map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_else(|| "unknown".to_owned())
}
